"""An error's line is in the terminal's language, also where the configuration is what is wrong."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from cli.program import COMMANDS, application
from presentation.errors import in_language
from tests.support.program import Home, config, page, table
from tests.test_floors import MODULES

PAGE = page("granvik", "https://www.granvik.example/p")
ENGLISH = table("[worker]", language="en")
RAISED = ("UsageError", "ConfigurationError", "StoreError", "StoreBusy", "BadParameter")
SWEDISH = re.compile(
    r"[åäöÅÄÖ]|\b(ingen|inte|inget|finns|filen|skriv|och|eller|har|den|ska|redan|saknas|kan|med)\b"
)


def home_of(folder: Path, *tables: str) -> Home:
    return Home(folder, config(PAGE, *tables), inside=True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "say what is to be done; see “visionsvakt --help”"),
        (["chek"], "there is no command “chek”; did you mean “check”?"),
        (["check", "--jsn"], "there is no option --jsn; did you mean --json?"),
        (["changes", "--kind"], "option --kind needs a value"),
        (["check", "hamnen"], "hamnen: there is no such page in "),
        (["coverage"], "is missing; see “visionsvakt coverage --help”"),
        (["show", "granvik", "--as-of", "nyss"], "--as-of: “nyss” is no time; write 2026-11-23, "),
        (["history", "Ingenting"], "no initiative has had that id or title"),
        (["extract", "nix.html"], "nix.html: there is no such file; give a file, - or an address"),
        (["verify", "a", "b"], "too many arguments: a b"),
    ],
    ids=str,
)
def test_wrong_usage_in_english(words: list[str], said: str, tmp_path: Path) -> None:
    line = home_of(tmp_path, ENGLISH).refused(*words)
    assert said in line
    assert not SWEDISH.search(line), line


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ((table("[fetch2]", x=1),), "fetch2: there is no such key; did you mean “fetch”?"),
        ((page("granvik", "https://a.example/"),), "“granvik” is taken by pages[1]"),
        ((page("hamnen", "ftp://a.example/"),), "must begin with https:// or http://"),
        ((page("hamnen", "https://a.example/", every="1 h"),), "is no length of time; write it as"),
        ((table("[backup]", keep=0),), "“0” must be between 1 and 100000"),
        (("[web", ""), "is not valid TOML; correct what stands here: "),
    ],
)
def test_a_wrong_configuration_is_said_in_the_language_it_asks_for(
    tables: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    line = home_of(tmp_path, ENGLISH, *tables).refused("check")
    assert said in line
    assert not SWEDISH.search(line), line


def test_the_file_that_the_command_line_points_out_says_the_language(tmp_path: Path) -> None:
    home = home_of(tmp_path)
    (tmp_path / "other.toml").write_text(config(PAGE, ENGLISH))
    assert "finns inte" in home.refused("chek")
    assert "no command" in home.refused("--config", "other.toml", "chek")
    assert "no command" in home.refused("--config=other.toml", "chek")
    assert "finns inte" in home.refused("--config", "nowhere.toml", "check")


def test_help_is_in_the_terminals_language(tmp_path: Path) -> None:
    home = home_of(tmp_path, ENGLISH)
    whole, one, many = (
        home.run("--help").out,
        home.run("show", "--help").out,
        home.run("pages", "--help").out,
    )
    assert "Watches a municipality's vision pages" in whole
    assert "Usage: visionsvakt show [OPTION …] PAGE" in one
    assert "--as-of TIME" in one
    assert "show this help" in one
    assert "Give a page a new id" in many
    assert not [line for line in (whole + one + many).splitlines() if SWEDISH.search(line)]
    assert "PAGE is missing" in home.refused("show")
    assert (
        "Användning: visionsvakt show [FLAGGA …] SIDA"
        in home_of(tmp_path).run("show", "--help").out
    )


def helped() -> Iterator[str]:
    """Every text of the help, as the commands have it."""
    yield from ("Användning", "FLAGGA", "KOMMANDO", "Argument", "Flaggor", "Kommandon")
    yield "visa den här hjälpen"
    top: Any = get_command(application)
    waiting = [top, *(top.get_command(None, entry.name) for entry in COMMANDS)]
    yield from (entry.help for entry in COMMANDS)
    while waiting:
        command = waiting.pop()
        waiting += getattr(command, "commands", {}).values()
        yield from (" ".join(part.split()) for part in cleandoc(command.help or "").split("\n\n"))
        for param in command.params:
            if "--help" not in param.opts:
                yield from filter(None, (param.help, param.metavar))


def test_every_text_of_the_help_has_its_english_and_none_is_left_over() -> None:
    file = Path(__file__).parents[1] / "presentation" / "locales" / "help.en.toml"
    assert set(helped()) == set(tomllib.loads(file.read_text(encoding="utf-8")))


def phrases() -> Iterator[tuple[str, str]]:
    """(where, the text) of every error that is raised; what varies in it stands as X1, X2 …"""
    for name, tree in MODULES.items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            called = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if called in RAISED:
                text = _text(node.args[0])
            elif called == "fail" and len(node.args) == 2:
                text = _text(node.args[1])
            elif called == "ValueError" and name in ("settings", "monitor.timetable"):
                text = _text(node.args[0])
            else:
                continue
            if text:
                yield f"{name}:{node.lineno}", text


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        holes = iter(range(1, 99))
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else f"X{next(holes)}"
            for part in node.values
        )
    return ""


@pytest.mark.parametrize(
    ("said", "english"),
    [
        ("livstecknet kom inte fram: svarade 500", "the sign of life did not arrive: answered 500"),
        ("process 4711 har tagit över; stannar", "process 4711 has taken over; stopping"),
        (
            "granvik: https://a.example/p hann inte hämtas innan programmet slutade",
            "granvik: https://a.example/p could not be fetched before the program ended",
        ),
    ],
)
def test_what_a_worker_s_log_says_of_trouble_has_its_english(said: str, english: str) -> None:
    assert in_language(said, "en") == english


def test_every_error_that_is_raised_has_its_english() -> None:
    left = {where: in_language(text, "en") for where, text in phrases()}
    assert len(left) > 100
    assert not {where: line for where, line in left.items() if SWEDISH.search(line)}
