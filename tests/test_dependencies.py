"""What the program imports is what it says it needs: nothing comes by way of something else."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[1]


def listed() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = [*project["dependencies"], *project["optional-dependencies"]["postgresql"]]
    return {normal(re.split(r"[\[<>=~!; ]", one)[0]) for one in named}


def normal(name: str) -> str:
    """A distribution's name as PEP 503 compares them."""
    return re.sub(r"[-_.]+", "-", name).lower()


def shipped() -> list[Path]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    places = project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    return [
        file
        for place in places
        for file in (
            [ROOT / place] if place.endswith(".py") else sorted((ROOT / place).rglob("*.py"))
        )
    ]


def imported() -> dict[str, str]:
    """Every top-level module imported anywhere in what is shipped, and one file that does."""
    found: dict[str, str] = {}
    for file in shipped():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"), str(file))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            found |= {name.partition(".")[0]: str(file.relative_to(ROOT)) for name in names}
    return found


def test_every_package_that_is_imported_is_listed() -> None:
    ours = {file.relative_to(ROOT).parts[0].removesuffix(".py") for file in shipped()}
    brought_by = packages_distributions()
    missing = {
        f"{module} ({file})"
        for module, file in imported().items()
        if module not in sys.stdlib_module_names and module not in ours and module != "compression"
        if not {normal(name) for name in brought_by.get(module, ())} & listed()
    }
    assert not missing


def test_all_that_is_shipped_gets_into_the_image_and_is_compiled_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    places = project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    let_in = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    slim = (ROOT / "ops" / "slim.sh").read_text(encoding="utf-8")
    for place in places:
        assert f"!{place}" in let_in or (place.endswith(".py") and "!*.py" in let_in), place
        assert f'"$site"/{place}' in slim, place
