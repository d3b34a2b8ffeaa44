"""The best way to pair two sides: optimal, not greedy, over the few pairs worth anything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

Edge = tuple[int, int]


def components(edges: Mapping[Edge, float]) -> list[dict[Edge, float]]:
    """The edges, split into groups that share no end. Groups and edges are in a fixed order."""
    leader: dict[tuple[int, int], tuple[int, int]] = {}

    def find(node: tuple[int, int]) -> tuple[int, int]:
        while (up := leader.setdefault(node, node)) != node:
            leader[node] = leader[up]
            node = up
        return node

    ordered = sorted(edges)
    for left, right in ordered:
        leader[find((1, right))] = find((0, left))
    groups: dict[tuple[int, int], dict[Edge, float]] = defaultdict(dict)
    for edge in ordered:
        groups[find((0, edge[0]))][edge] = edges[edge]
    return list(groups.values())


def assign(edges: Mapping[Edge, float]) -> frozenset[Edge]:
    """The set of edges, no two sharing an end, whose worths (all > 0) have the largest sum.

    Ends may stay free. Each connected group is solved on its own, by the Hungarian method in the
    form with potentials and shortest augmenting paths: O(n²m) for n rows and m columns.
    """
    chosen: set[Edge] = set()
    for group in components(edges):
        chosen.update(_assign_group(group))
    return frozenset(chosen)


def total(edges: Mapping[Edge, float]) -> float:
    """The worth of the best assignment."""
    return sum(edges[edge] for edge in assign(edges))


def _assign_group(edges: Mapping[Edge, float]) -> list[Edge]:
    if len(edges) == 1:
        return list(edges)
    lefts = sorted({left for left, _ in edges})
    rights = sorted({right for _, right in edges})
    # Each row gets a column of its own worth nothing: to stay free is always allowed.
    rows = [
        [-edges.get((left, right), 0.0) for right in rights] + [0.0] * len(lefts) for left in lefts
    ]
    return [
        (lefts[row], rights[column])
        for row, column in enumerate(_hungarian(rows))
        if column < len(rights) and (lefts[row], rights[column]) in edges
    ]


def _hungarian(costs: Sequence[Sequence[float]]) -> list[int]:
    """The column of each row in the cheapest full assignment; needs columns >= rows."""
    width = len(costs[0])
    row_potential = [0.0] * (len(costs) + 1)
    potential = [0.0] * (width + 1)
    owner = [0] * (width + 1)  # of each column: its row, counted from 1; 0 is nobody's
    for row in range(1, len(costs) + 1):
        owner[0] = row
        column = 0
        distance = [float("inf")] * (width + 1)
        came_from = [0] * (width + 1)
        done = [False] * (width + 1)
        while owner[column]:
            done[column] = True
            here = owner[column]
            base = costs[here - 1]
            nearest, step = 0, float("inf")
            for other in range(1, width + 1):
                if done[other]:
                    continue
                reach = base[other - 1] - row_potential[here] - potential[other]
                if reach < distance[other]:
                    distance[other] = reach
                    came_from[other] = column
                if distance[other] < step:
                    nearest, step = other, distance[other]
            for other in range(width + 1):
                if done[other]:
                    row_potential[owner[other]] += step
                    potential[other] -= step
                else:
                    distance[other] -= step
            column = nearest
        while column:
            owner[column] = owner[came_from[column]]
            column = came_from[column]
    columns = [0] * len(costs)
    for column, row in enumerate(owner):
        if column and row:
            columns[row - 1] = column - 1
    return columns
