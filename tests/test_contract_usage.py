"""Every command, used wrongly: exit 2, one line on standard error that names the thing and the
mend, nothing on standard output, never a traceback; with `--json` just the same."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from cli.program import COMMANDS
from tests.support.program import Home, by_mail, config, mail, page

WRONG: dict[str, tuple[str, ...]] = {
    # what the line must hold: command lines that get it
    "--help": (
        "",
        "--finns-inte",
        "finns-inte",
        "extract",
        "extract a b",
        "diff",
        "diff tom.html",
        "diff a b c",
        "init a b",
        "run extra",
        "import",
        "import granvik",
        "history",
        "history a b",
        "show",
        "show granvik extra",
        "compare granvik",
        "search",
        "coverage",
        "export",
        "export ut.csv",
        "export --format csv",
        "dossier",
        "dossier x",
        "quarantine",
        "quarantine finns",
        "quarantine show",
        "quarantine accept",
        "quarantine list x",
        "decide",
        "decide same a",
        "decide different",
        "decide undo",
        "deliver extra",
        "deliveries",
        "deliveries finns",
        "deliveries list x",
        "preview",
        "replay",
        "rebuild extra",
        "verify a b",
        "backup",
        "restore",
        "forget",
        "pages",
        "pages rename a",
        "pages finns",
        "demo extra",
    ),
    "menade du": ("chek", "check --jsn", "changes added", "quarantine lst", "doctor --send-tset"),
    "behöver ett värde": (
        "--config",
        "changes --kind",
        "changes --since",
        "show granvik --as-of",
        "import granvik tom.html --at",
        "deliver --now",
        "extract --profile",
    ),
    "ingen sådan sida i visionsvakt.toml": (
        "check finns",
        "import finns tom.html",
        "changes --page finns",
        "show finns",
        "coverage finns",
        "compare finns 2026-11-20",
        "export --page finns --format csv ut.csv",
    ),
    "är ingen tid; skriv 2026-11-23": (
        "changes --since igår",
        "changes --until 2026-11-31",
        "show granvik --as-of 99",
        "compare granvik igår",
        "compare granvik 2026-11-20 sen",
        "coverage granvik --since x",
        "export --format csv --since igår ut.csv",
        "import granvik tom.html --at igår",
        "deliver --now igår",
        "preview kommunikation --since igår",
        "replay kommunikation --since igår",
    ),
    "filen finns inte": (
        "--config finns.toml check",
        "extract finns.html",
        "extract ftp://granvik.example/",
        "diff tom.html finns.html",
        "import granvik finns.html",
        "restore finns.db",
    ),
    "visionsvakt search": ("history finns", "dossier finns ut.html"),
    "här finns": (
        "extract tom.html --profile finns",
        "diff tom.html tom.html --profile finns",
        "changes --kind flyttad",
        "export --format pdf ut.pdf",
        "export --what allt --format csv ut.csv",
        "doctor finns --send-test",
    ),
    "där finns": ("preview finns",),
    "visionsvakt quarantine list": (
        "quarantine show finns",
        "quarantine accept finns --by K --why x",
        "quarantine reject finns --by K --why x",
    ),
    "--by": ("decide same a b", "quarantine accept x"),
    "--why": ("quarantine reject x --by K", "decide undo 1 --by K"),
    "visionsvakt show": ("decide same a b --by K --why x",),
    "visionsvakt changes": ("decide different x --by K --why y",),
    "är inget heltal": ("decide undo x --by K --why y",),
    "Numret skrevs ut": ("decide undo 99 --by K --why y",),
    "deliveries list": ("deliveries retry finns", "forget nej@granvik.example"),
    "--send-test": ("doctor kommunikation",),
    "är en mapp": ("export --format csv .", "--config . changes"),
    "välj en annan": ("export --format csv finns/ut.csv", "init finns/x.toml"),
    "välj ett annat namn": ("init visionsvakt.toml",),
    "Välj ett annat": ("pages rename granvik granvik", "backup tom.html"),
    "a-z, 0-9": ('pages rename granvik "A B"',),
    "[[pages]]": ("pages rename finns ny",),
    "Skapa den": ("backup finns/x.db",),
    "säkerhetskopia": ("restore tom.html",),
    "--at": ("import granvik tom.html",),
    "Hämta filen på nytt": ("import granvik skräp.warc", "import granvik skräp.wacz"),
    "standard in": ("diff - -",),
    "https://": ("extract https://", "init ny.toml --url ftp://granvik.example"),
    "den tidigare tiden först": ("compare granvik 2026-11-20 2026-11-19",),
    "skriv minst ett": ('search ""',),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    folder = tmp_path_factory.mktemp("wrong")
    watched = page("granvik", "https://www.granvik.example/vision.html")
    home = Home(folder, config(watched, by_mail(), mail(9)), inside=True)
    (folder / "tom.html").write_text("<html><body><p>Hej</p></body></html>")
    (folder / "skräp.warc").write_bytes(b"\x00\x01skr\xc3\xa4p")
    (folder / "skräp.wacz").write_bytes(b"PK\x03\x04skr\xc3\xa4p")
    home.json("changes")  # the store is there
    return home


@pytest.mark.parametrize("mend", WRONG)
def test_wrong_usage_is_one_line_with_its_mend_and_nothing_else(home: Home, mend: str) -> None:
    for line in WRONG[mend]:
        said = home.refused(*shlex.split(line))
        assert mend in said, line
        assert len(said) < 500, line
        home.refused(*shlex.split(line), "--json")


def test_every_command_is_tried() -> None:
    tried = {words[0] for lines in WRONG.values() for line in lines if (words := shlex.split(line))}
    assert {entry.name for entry in COMMANDS} <= tried


def test_nothing_was_written_by_what_was_refused(home: Home) -> None:
    there = {file.name for file in home.folder.iterdir()}
    ours = {"visionsvakt.toml", "tom.html", "skräp.warc", "skräp.wacz"}
    assert {name for name in there - ours if not name.startswith("visionsvakt.db")} == set()


def test_a_store_that_cannot_be_used_is_one_line_and_exit_1(tmp_path: Path) -> None:
    home = Home(tmp_path, config(page("granvik", "https://www.granvik.example/")), inside=True)
    home.store.write_bytes(b"no database at all, but long enough to be read as one " * 40)
    for line in ("check", "changes", "show granvik", "verify", "deliver", "rebuild", "run"):
        done = home.run(*line.split())
        assert (done.code, done.out, len(done.err.splitlines())) == (1, "", 1), done
        assert "restore" in done.err
