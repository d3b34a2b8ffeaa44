"""What the documentation names exists, and what exists the documentation names."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

import settings
from cli.program import COMMANDS
from ops import reference

ROOT = Path(__file__).parents[1]
DOCS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])

SETTINGS = {f"{table}.{key}" for table, keys in settings.KEYS.items() if table for key in keys}


ROOMS = "monitor|snapshots|presentation|notifications|pipeline|web|cli"


def read(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def text(name: str) -> str:
    return read(ROOT / name)


@pytest.mark.parametrize("name", reference.REFERENCE)
def test_what_is_written_from_the_code_is_up_to_date(name: str) -> None:
    assert text(name) == reference.REFERENCE[name](), f"{name} is behind: run `make docs`"


def test_every_setting_is_documented_and_every_documented_setting_exists() -> None:
    documented = set(re.findall(r"^\| `([a-z_.]+)` \|", text("docs/configuration.md"), re.M))
    assert documented == SETTINGS


def test_every_environment_variable_is_documented_and_the_other_way_round() -> None:
    documented = set(re.findall(r"^\| `\$(\w+)` \|", text("docs/configuration.md"), re.M))
    named = {
        found
        for file in [ROOT / "settings.py", *ROOT.glob("cli/*.py")]
        for found in re.findall(r'_VARIABLE = "(\w+)"', read(file))
    }
    assert documented == named


def test_every_command_shown_exists_with_its_options() -> None:
    known = text("docs/commands.md")
    names = {entry.name for entry in COMMANDS}
    for file in DOCS:
        for line in re.findall(r"^\$ (visionsvakt .*)$", read(file), re.M):
            words = shlex.split(line, comments=True)[1:]
            assert words[0] in names, f"{file.name}: {line}"
            section = known.split(f"## visionsvakt {words[0]}\n")[1].split("\n## visionsvakt ")[0]
            for word in words[1:]:
                assert not word.startswith("--") or word in section, f"{file.name}: {line}"


def test_every_link_leads_somewhere() -> None:
    for file in DOCS:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", read(file)):
            if not re.match(r"[a-z]+:", target):
                assert (file.parent / target).exists(), f"{file.name}: {target}"


def test_every_file_and_folder_named_exists() -> None:
    for file in DOCS:
        named = re.findall(rf"`((?:{ROOMS}|docs|ops|tests)/[\w./-]*|[\w-]+\.py)`", read(file))
        for name in named:
            assert (ROOT / name).exists() or (file.parent / name).exists(), f"{file.name}: {name}"


def test_every_module_and_function_named_with_dots_exists() -> None:
    for file in DOCS:
        for dotted in re.findall(rf"`((?:{ROOMS}|settings)\.[\w.]+)`", read(file)):
            path = ROOT / dotted.replace(".", "/")
            if dotted.endswith(".py") or path.with_suffix(".py").exists() or path.is_dir():
                continue
            if dotted in SETTINGS:
                continue
            module, name = path.parent.with_suffix(".py"), path.name
            assert module.exists(), f"{file.name}: {dotted}"
            source = read(module)
            assert re.search(rf"\b(def|class) {name}\b|^{name}\b", source, re.M), (
                f"{file.name}: {dotted}"
            )


def test_the_first_page_fits_on_a_page() -> None:
    assert len(text("docs/architecture.md").splitlines()) <= 120


def test_every_make_target_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", text("Makefile"), re.M))
    for file in DOCS:
        named = re.findall(r"(?:`|^\$ )make ([a-z]+)\b", read(file), re.M)
        assert set(named) <= targets, file.name


def test_no_file_names_where_packages_come_from() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "requirements*.lock", "pyproject.toml", "Makefile", "Dockerfile"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split()
    for name in listed:
        assert not re.search(r"--(extra-)?index-url|--find-links|@ (https?|file):", text(name)), (
            name
        )
