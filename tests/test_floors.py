"""The house stands on its floors: imports lead downward only, never in a circle, and what is pure
knows no clock, network, file or database."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]

FLOORS = (
    ("monitor",),
    ("snapshots",),
    ("presentation",),
    ("notifications",),
    ("pipeline",),
    ("settings",),
    ("wiring",),
    ("worker",),
    ("scheduler", "web"),
    ("cli",),
)
LEVEL = {name: level for level, floor in enumerate(FLOORS) for name in floor}

DOORS = {"monitor.fetch", "monitor.transport"}
"""The modules of monitor/ that do I/O; everything else there is pure."""
_WORLD = """asyncio httpcore httpx logging os pathlib random secrets shutil socket sqlalchemy
sqlite3 ssl subprocess sys tempfile threading time urllib.request uuid"""
WORLD = set(_WORLD.split())
CLOCKS = {"now", "today", "utcnow", "monotonic", "perf_counter"}


def modules() -> dict[str, ast.Module]:
    """Every module of ours by its dotted name, parsed."""
    found = {}
    for name in LEVEL:
        folder = ROOT / name
        for file in sorted(folder.rglob("*.py")) if folder.is_dir() else [ROOT / f"{name}.py"]:
            parts = file.relative_to(ROOT).with_suffix("").parts
            dotted = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[dotted] = ast.parse(file.read_text(encoding="utf-8"), str(file))
    return found


def imports(tree: ast.Module) -> Iterator[str]:
    """Every name imported anywhere in a module, lazily and for types too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


MODULES = modules()


def ours(name: str) -> str | None:
    """The module of ours that an imported name is or lies in."""
    while name and name not in MODULES:
        name = name.rpartition(".")[0]
    return name or None


GRAPH = {
    name: {found for one in imports(tree) if (found := ours(one)) and found != name}
    for name, tree in MODULES.items()
}


def floor(name: str) -> int:
    return LEVEL[name.partition(".")[0]]


def test_nothing_imports_upward() -> None:
    assert not [
        f"{name} imports {other}"
        for name, others in GRAPH.items()
        for other in others
        if floor(other) > floor(name)
        or (floor(other) == floor(name) and other.split(".")[0] != name.split(".")[0])
    ]


def test_no_imports_go_in_a_circle() -> None:
    try:
        TopologicalSorter(GRAPH).prepare()
    except CycleError as circle:
        raise AssertionError(" -> ".join(circle.args[1])) from None


def test_what_is_pure_knows_no_world() -> None:
    pure = [name for name in MODULES if floor(name) == 0 and name not in DOORS]
    assert not [
        f"{name} imports {one}"
        for name in pure
        for one in imports(MODULES[name])
        if one in WORLD or one.partition(".")[0] in WORLD or ours(one) in DOORS
    ]
    assert not [
        f"{name} line {node.lineno} asks a clock"
        for name in pure
        for node in ast.walk(MODULES[name])
        if isinstance(node, ast.Attribute) and node.attr in CLOCKS
    ]


def test_there_is_no_junk_drawer() -> None:
    junk = {"utils", "helpers", "common", "base", "misc"}
    assert not [name for name in MODULES if junk & set(name.split("."))]


def test_every_module_of_ours_has_a_floor() -> None:
    known = {*LEVEL, "tests", "benchmarks", "docs", "ops", "build", "dist"}
    found = {path.stem for path in ROOT.glob("*.py")} | {
        path.name for path in ROOT.iterdir() if path.is_dir() and list(path.glob("*.py"))
    }
    assert found <= known
