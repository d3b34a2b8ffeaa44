"""Writes the reference that is made from the code itself: docs/commands.md and docs/modules.md.

Run by `make docs`; a test says when they are behind.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

FLOORS = (
    "monitor",
    "snapshots",
    "presentation",
    "notifications",
    "pipeline",
    "settings",
    "wiring",
    "worker",
    "scheduler",
    "web",
    "cli",
)


def commands() -> str:
    """docs/commands.md: every command as its own help says it, in the program's order."""
    return _commands(
        "sv",
        "# Kommandona",
        "",
        'Skriven av `make docs` ur programmets egen hjälp, så som den är med `language = "sv"`;',
        "[in English](commands.en.md). `--json` ger ett enda JSON-dokument på standard ut;",
        "dokumenten står i [documents.md](documents.md). Slutstatus: 0 klart; 1 klart, men något",
        "gick fel, var misstänkt eller väntar på granskning; 2 fel användning, konfiguration eller",
        "namn: en rad på standard fel.",
        "",
    )


def english_commands() -> str:
    """docs/commands.en.md: the same in English."""
    return _commands(
        "en",
        "# The commands",
        "",
        'Written by `make docs` from the program\'s own help, as it is with `language = "en"`;',
        "[på svenska](commands.md). `--json` writes one JSON document to standard output; the",
        "documents stand in [documents.md](documents.md). Exit status: 0 done; 1 done, but",
        "something failed, was suspect or waits for a review; 2 wrong usage, configuration or",
        "name: one line on standard error.",
        "",
    )


def _commands(language: str, *lines: str) -> str:
    written = list(lines)
    for path, text in _help(language):
        written += [f"## {path}", "", "```text", text.rstrip(), "```", ""]
    return "\n".join(written)


def _help(language: str) -> Iterator[tuple[str, str]]:
    import typer
    from typer.main import get_command

    from cli.frame import Session
    from cli.program import application

    def walk(command: object, context: typer.Context) -> Iterator[tuple[str, str]]:
        yield context.command_path, command.get_help(context)  # type: ignore[attr-defined]
        names: list[str] = getattr(command, "list_commands", lambda _: [])(context)
        for name in names:
            inner = command.get_command(context, name)  # type: ignore[attr-defined]
            yield from walk(inner, inner.context_class(inner, info_name=name, parent=context))

    top = get_command(application)
    context = top.context_class(
        top, info_name="visionsvakt", terminal_width=88, obj=Session(language=language)
    )
    yield from walk(top, context)  # type: ignore[arg-type]


def modules() -> str:
    """docs/modules.md: every module of the house with the first sentence of its docstring."""
    lines = [
        "# The modules",
        "",
        "Written by `make docs` from the modules' own first sentences, from the ground up.",
        "",
    ]
    for floor in FLOORS:
        lines += ["", f"## {floor}", "", "| module | |", "| --- | --- |"]
        folder = ROOT / floor
        files = sorted(folder.rglob("*.py")) if folder.is_dir() else [ROOT / f"{floor}.py"]
        for file in files:
            name = file.relative_to(ROOT).as_posix()
            says = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
            first = " ".join(says.split("\n\n")[0].split()).replace("|", "\\|")
            if first or file.name != "__init__.py":
                lines.append(f"| [`{name}`](../{name}) | {first} |")
    return "\n".join(lines) + "\n"


REFERENCE = {
    "docs/commands.md": commands,
    "docs/commands.en.md": english_commands,
    "docs/modules.md": modules,
}


if __name__ == "__main__":
    for name, write in REFERENCE.items():
        (ROOT / name).write_text(write(), encoding="utf-8")
