"""Every cause an incident can have is in docs/operations.md with its mend, and has one at all."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from notifications.incidents import MENDS
from tests.test_floors import MODULES

ROOT = Path(__file__).parents[1]
RAISED = {"TryLater", "AskOperator", "Gone", "Trouble"}
FETCHING = ("monitor.fetch", "monitor.transport", "monitor.guard", "monitor.robots")
NEVER_ONE = {"closing"}
"""As a look's: then this program itself ends, and nothing is noted. As mail's it has its mend."""


def named(call: ast.Call) -> str:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return str(name)


def codes() -> Iterator[str]:
    """What is given, as a plain text, where trouble is made."""
    for module, tree in MODULES.items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or named(node) not in RAISED or not node.args:
                continue
            first = node.args[0]
            of_a_look = named(node) != "Trouble" and module in (*FETCHING, "snapshots.watch")
            of_ours = named(node) == "Trouble" and len(node.args) > 1
            if (of_a_look or of_ours) and isinstance(first, ast.Constant):
                yield str(first.value)


def documented() -> set[str]:
    part = (ROOT / "docs/operations.md").read_text().partition("\n## Incidents\n")[2]
    return set(re.findall(r"^\| `([a-z0-9_]+)` \|", part.partition("\n## ")[0], re.M))


def test_every_cause_has_a_mend() -> None:
    found = set(codes()) - NEVER_ONE
    assert len(found) > 20
    assert found - set(MENDS) == set()


def test_every_cause_is_documented_and_every_documented_one_exists() -> None:
    assert documented() == set(MENDS)
