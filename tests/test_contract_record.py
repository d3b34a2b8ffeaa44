"""What the commands over a store answer, key by key, on a history of known times."""

from __future__ import annotations

import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.support.program import (
    ERROR_PAGE,
    FIRST,
    FOURTH,
    SECOND,
    THIRD,
    Edition,
    Home,
    config,
    page,
)

URL = "https://www.granvik.example/vision.4.7b1e55aa90c2.html"
TIMES = (
    "2026-11-20T06:00:00Z",
    "2026-11-21T07:00:00Z",
    "2026-11-22T00:00:00Z",
    "2026-11-23T08:30:15Z",
)
EDITIONS = {
    "20261120T060000Z.html": FIRST,
    "2026-11-21T07-00-00Z andra.html": SECOND,
    "2026-11-22 tredje.html": THIRD,
    "20261123083015.html": FOURTH,
}
"""The four forms of a file's time."""

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
CHANGE = {
    *("subject", "kinds", "title", "status", "description", "links", "signals", "certainty"),
    *("initiative", "id", "page", "old_snapshot", "new_snapshot", "after", "before"),
}


def spelled(value: Any) -> str | None:
    """The name of a parameter that is the words of a command line."""
    return " ".join(value) if value and all(isinstance(word, str) for word in value) else ""


def filled(folder: Path) -> Path:
    folder.mkdir()
    for name, edition in EDITIONS.items():
        (folder / name).write_bytes(edition.html)
    return folder


@pytest.fixture(scope="module")
def granvik(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A store with four editions of one page, imported; for tests that only ask."""
    home = Home(
        tmp_path_factory.mktemp("granvik"),
        config(page("granvik", URL), page("trygg", URL.replace("vision", "trygg"))),
    )
    filled(home.folder / "utgåvor")
    done = home.json("import", "granvik", "utgåvor")
    assert done == {"imported": 4, "duplicates": 0, "quarantined": 0, "snapshots": 4}
    return home


@pytest.fixture
def asked(granvik: Home) -> Home:
    """The same, asked within this process."""
    return Home(granvik.folder, inside=True)


def changes_of(home: Home, *words: str) -> list[dict[str, Any]]:
    document = home.json("changes", *words)
    assert set(document) == {"changes"}
    found: list[dict[str, Any]] = document["changes"]
    return found


def told(changes: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """Each change as (title, kinds…)."""
    return [(one["title"]["new"] or one["title"]["old"], *one["kinds"]) for one in changes]


ALL = [
    ("Tre bänkar i hamnen", "moved", "renamed", "reworded"),
    ("Lånehunden", "added"),
    ("Nattbuss till Hamnen", "renamed"),
    ("Telefonvännen", "removed"),
    ("Telefonvännen", "restored"),
]


# ----------------------------------------------------------------------------------------- changes


def test_a_change_has_every_key_of_the_contract_and_no_other(granvik: Home) -> None:
    found = changes_of(granvik)
    assert told(found) == ALL
    assert [set(one) for one in found] == [CHANGE] * 5
    bench, dog, bus, left, back = found
    assert (bench["subject"], bench["page"]) == ("initiative", "granvik")
    assert bench["title"] == {"old": "Utreda bänkar i hamnen", "new": "Tre bänkar i hamnen"}
    assert bench["status"] == {"old": "developing", "new": "ongoing"}
    assert bench["description"]["new"] == "Tre bänkar längs kajen är beställda."
    assert bench["links"] == {"old": [], "new": []}
    assert isinstance(bench["signals"], list)
    assert 0 < bench["certainty"] <= 1
    assert (bench["old_snapshot"], bench["new_snapshot"]) == (1, 2)
    assert (bench["after"], bench["before"]) == (TIMES[0], TIMES[1])
    assert bus["description"]["old"] == bus["description"]["new"] == FIRST.developing[1][1]
    for came in (dog, back):
        assert {came[key]["old"] for key in ("title", "status", "description")} == {None}
        assert came["links"]["old"] is None
    assert {left[key]["new"] for key in ("title", "status", "description")} == {None}
    assert left["links"]["new"] is None
    assert left["initiative"] == back["initiative"]
    assert len({one["id"] for one in found}) == 5
    assert len({one["initiative"] for one in found}) == 4


def test_the_pages_own_words_are_a_change_of_their_own(tmp_path: Path) -> None:
    home = Home(tmp_path, config(page("granvik", URL)), inside=True)
    renamed = THIRD.html.replace(b"<h1>Granvik 2040</h1>", b"<h1>Granvik 2050</h1>")
    (tmp_path / "20261120T060000Z.html").write_bytes(FIRST.html)
    (tmp_path / "20261121T060000Z.html").write_bytes(renamed)
    home.json("import", "granvik", "20261120T060000Z.html", "20261121T060000Z.html")
    words, *others = changes_of(home)
    assert words["subject"] == "page"
    assert set(words) == {
        *("subject", "kinds", "field", "text", "id", "page"),
        *("old_snapshot", "new_snapshot", "after", "before"),
    }
    assert (words["kinds"], words["field"]) == (["reworded"], "title")
    assert words["text"] == {"old": "Granvik 2040", "new": "Granvik 2050"}
    assert {one["subject"] for one in others} == {"initiative"}
    assert others[-1]["kinds"] == ["removed"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--page", "granvik"], ALL),
        (["--page", "trygg"], []),
        (["--kind", "renamed"], [ALL[0], ALL[2]]),
        (["--kind", "added", "--kind", "restored"], [ALL[1], ALL[4]]),
        (["--kind", "added", "restored"], [ALL[1], ALL[4]]),
        (["--since", TIMES[1]], ALL),
        (["--until", TIMES[1]], []),
        (["--since", "2026-11-21T07:00:00.000001Z"], ALL[2:]),
        (["--until", "2026-11-21T07:00:00.000001Z"], ALL[:2]),
        # without an offset it is the worker's zone: 08:00 in Stockholm is 07:00 UTC
        (["--since", "2026-11-21T08:00"], ALL),
        (["--since", "2026-11-21 08:00:01"], ALL[2:]),
        (["--until", "2026-11-21T08:00:00+01:00"], []),
        # a bare date is its start in --since, its end in --until
        (["--since", "2026-11-21", "--until", "2026-11-21"], ALL[:2]),
        (["--since", "2026-11-22", "--until", "2026-11-22"], ALL[2:4]),
        (["--until", "20261122"], ALL[:4]),
        (["--since", "2026-11-23"], ALL[4:]),
        (["--since", "2026-11-24"], []),
    ],
    ids=spelled,
)
def test_changes_are_filtered_half_open_by_before(
    asked: Home, words: list[str], expected: list[tuple[str, ...]]
) -> None:
    assert told(changes_of(asked, *words)) == expected


def test_a_person_reads_local_times_and_swedish_words(granvik: Home) -> None:
    done = granvik.run("changes")
    assert (done.code, done.err) == (0, "")
    assert "Tre bänkar i hamnen: ny status, nytt namn, ny text" in done.out
    assert "Telefonvännen: står inte längre på sidan" in done.out
    assert "mellan 2026-11-20 07:00 och 2026-11-21 08:00" in done.out
    assert granvik.run("changes", "--page", "trygg").out == "Inga ändringar.\n"


# -------------------------------------------------------------------------------------------- show


def titles(shown: dict[str, Any]) -> list[str]:
    return [one["title"] for part in shown["sections"] for one in part["initiatives"]]


def test_show_says_what_extract_says_and_where_when_and_who(granvik: Home) -> None:
    shown = granvik.json("show", "granvik")
    assert set(shown) >= {
        *("title", "intro", "language", "sections", "unclaimed", "verdict", "reasons"),
        *("page", "snapshot", "as_of", "seen"),
    }
    read = granvik.json("extract", "utgåvor/20261123083015.html")
    for section in shown["sections"]:
        assert set(section) == {"heading", "status", "initiatives"}
        for one in section["initiatives"]:
            assert set(one) == {"id", "title", "description", "links"}
            del one["id"]
    assert {key: shown[key] for key in read} == read
    assert (shown["page"], shown["snapshot"], shown["as_of"]) == ("granvik", 4, TIMES[3])
    assert shown["seen"] == {"last": TIMES[3], "next": None, "gap_minutes": None}


@pytest.mark.parametrize(
    ("as_of", "number"),
    [
        ("2026-11-20T06:00:00Z", 1),
        ("2026-11-20T07:00", 1),  # inclusive, in the worker's zone
        ("2026-11-20", 1),  # a bare date is its end
        ("2026-11-21T06:59:59Z", 1),
        ("2026-11-21", 2),
        ("2026-11-22", 3),
        ("2027-01-01", 4),
    ],
)
def test_show_as_it_stood_then(asked: Home, as_of: str, number: int) -> None:
    shown = asked.json("show", "granvik", "--as-of", as_of)
    edition = list(EDITIONS.values())[number - 1]
    assert shown["snapshot"] == number
    expected = [*edition.ongoing, *edition.developing, *edition.partnership]
    assert titles(shown) == [title for title, _ in expected]
    assert shown["as_of"] == shown["seen"]["last"] == TIMES[number - 1]
    if number < 4:
        assert shown["seen"]["next"] == TIMES[number]
        assert shown["seen"]["gap_minutes"] > 60


@pytest.mark.parametrize("words", [["granvik", "--as-of", "2026-11-20T05:59:59Z"], ["trygg"]])
def test_before_the_first_look_there_is_nothing_to_show(granvik: Home, words: list[str]) -> None:
    done = granvik.run("show", *words)
    assert (done.code, done.out) == (1, "")
    assert len(done.err.splitlines()) == 1
    shown = granvik.json("show", *words, code=1)
    assert (shown["page"], shown["snapshot"], shown["sections"]) == (words[0], None, [])


# ----------------------------------------------------------------------------------------- history


def test_a_life_is_found_by_id_and_by_any_title_it_ever_had(granvik: Home) -> None:
    by_new = granvik.json("history", "Tre bänkar i hamnen")
    assert granvik.json("history", "utreda  bänkar i hamnen") == by_new
    assert granvik.json("history", by_new["initiative"]["id"]) == by_new
    assert set(by_new) >= {"initiative", "statuses", "changes"}
    life = by_new["initiative"]
    assert set(life) >= {"id", "title", "status", "present", "pages"}
    assert set(life) - {"still_since", "seen_last", "still_days"} == set(list(life)[:5])
    assert (life["title"], life["status"]) == ("Tre bänkar i hamnen", "ongoing")
    assert (life["present"], life["pages"]) == (True, ["granvik"])
    assert by_new["statuses"] == [
        {
            "page": "granvik",
            "status": "developing",
            "from_after": None,
            "from": TIMES[0],
            "to_after": TIMES[0],
            "to": TIMES[1],
        },
        {
            "page": "granvik",
            "status": "ongoing",
            "from_after": TIMES[0],
            "from": TIMES[1],
            "to_after": None,
            "to": None,
        },
    ]
    assert by_new["changes"] == changes_of(granvik)[:1]


def test_a_life_with_an_absence_says_when_it_was_away(granvik: Home) -> None:
    life = granvik.json("history", "Telefonvännen")
    stood = [
        (one["from_after"], one["from"], one["to_after"], one["to"]) for one in life["statuses"]
    ]
    assert stood == [(None, TIMES[0], TIMES[1], TIMES[2]), (TIMES[2], TIMES[3], None, None)]
    assert told(life["changes"]) == ALL[3:]
    lines = granvik.run("history", "Telefonvännen").out
    assert "2026-11-23 09:30" in lines


def test_a_title_that_several_had_is_refused_with_their_ids(tmp_path: Path) -> None:
    home = Home(tmp_path, config(page("granvik", URL)), inside=True)
    twice = FIRST.html.replace(b"Skolskogen", b"Cykelbiblioteket")
    (tmp_path / "20261120T060000Z.html").write_bytes(twice)
    home.json("import", "granvik", "20261120T060000Z.html")
    ids = {
        one["id"]
        for part in home.json("show", "granvik")["sections"]
        for one in part["initiatives"]
        if one["title"] == "Cykelbiblioteket"
    }
    assert len(ids) == 2
    line = home.refused("history", "Cykelbiblioteket")
    assert all(one in line for one in ids)
    for one in ids:
        assert home.json("history", one)["initiative"]["id"] == one


# ------------------------------------------------------------------------------------------ import


def test_the_same_time_and_bytes_twice_is_one_capture(granvik: Home, tmp_path: Path) -> None:
    home = copied(granvik, tmp_path / "kopia")
    before = changes_of(home)
    again = home.json("import", "granvik", "utgåvor")
    assert again == {"imported": 0, "duplicates": 4, "quarantined": 0, "snapshots": 0}
    assert changes_of(home) == before


def copied(home: Home, folder: Path) -> Home:
    shutil.copytree(home.folder, folder)
    return Home(folder, home.config, inside=True)


def test_any_order_of_import_gives_the_same_history(granvik: Home, tmp_path: Path) -> None:
    home = Home(tmp_path, granvik.config, inside=True)
    files = sorted((granvik.folder / "utgåvor").iterdir())
    for file in (files[2], files[0], files[3], files[1]):
        home.json("import", "granvik", str(file))
    assert changes_of(home) == changes_of(granvik)
    assert home.json("show", "granvik") == granvik.json("show", "granvik")


def test_other_file_types_are_named_and_skipped_and_folders_are_walked(tmp_path: Path) -> None:
    home = Home(tmp_path, config(page("granvik", URL)))
    inner = tmp_path / "arkiv" / "2026"
    inner.mkdir(parents=True)
    (inner / "20261120T060000Z.html").write_bytes(FIRST.html)
    (inner / "facit.json").write_text("{}")
    (inner.parent / "läs mig.md").write_text("hej")
    done = home.run("import", "granvik", "arkiv", "--json")
    assert done.code == 0
    assert done.document["imported"] == 1
    assert "facit.json" in done.err
    assert "läs mig.md" in done.err
    assert len(done.err.splitlines()) == 3  # and that a new history begins


def test_plain_text_comes_in_too_and_at_gives_the_time(tmp_path: Path) -> None:
    home = Home(tmp_path, config(page("granvik", URL)), inside=True)
    text = ["Granvik 2040", "Så når vi dit."]
    for heading, items in (
        ("Det här gör vi nu", FIRST.ongoing),
        ("Det här utvecklar vi", FIRST.developing),
        ("Nätverk och partnerskap där vi arbetar tillsammans med andra", FIRST.partnership),
    ):
        text.append(heading)
        for title, description in items:
            text += [f"• {title}", description]
    (tmp_path / "sidan.txt").write_text("\n\n".join(text), encoding="utf-8")
    done = home.run("import", "granvik", "sidan.txt", "--at", "2026-11-19T12:00", "--json")
    assert done.code in (0, 1), done
    looks = home.json("import", "granvik", "sidan.txt", "--at", "2026-11-19T11:00:00Z", code=0)
    assert looks["duplicates"] == 1


def test_a_time_that_has_not_come_yet_is_taken_and_said_with_the_mend(tmp_path: Path) -> None:
    home = Home(tmp_path, config(page("granvik", URL)))
    (tmp_path / "29611120T060000Z.html").write_bytes(FIRST.html)
    done = home.run("import", "granvik", "29611120T060000Z.html", "--json")
    assert done.code == 0
    (_, line) = done.err.splitlines()  # the first says that a new history begins
    assert "20 nov 2961" in line
    assert "visionsvakt restore" in line


def test_a_missing_time_is_refused_before_anything_is_stored(tmp_path: Path) -> None:
    home = Home(tmp_path, config(page("granvik", URL)))
    folder = filled(tmp_path / "utgåvor")
    (folder / "odaterad.html").write_bytes(FIRST.html)
    (folder / "annat.json").write_text("{}")
    line = home.refused("import", "granvik", "utgåvor", "--json")
    assert "odaterad.html" in line
    assert "--at" in line
    assert home.run("show", "granvik").code == 1
    assert "nix.html" in home.refused(
        "import", "granvik", "utgåvor/20261120T060000Z.html", "nix.html"
    )
    assert home.run("show", "granvik").code == 1


def test_what_cannot_be_trusted_is_counted_and_told(tmp_path: Path) -> None:
    home = Home(tmp_path, config(page("granvik", URL)))
    folder = filled(tmp_path / "utgåvor")
    (folder / "20261120T120000Z.html").write_bytes(ERROR_PAGE)
    done = home.json("import", "granvik", "utgåvor", code=1)
    assert done == {"imported": 5, "duplicates": 0, "quarantined": 1, "snapshots": 4}
    assert told(changes_of(home)) == ALL
    waiting = home.json("quarantine", "list")
    assert set(waiting) == {"captures"}
    (capture,) = waiting["captures"]
    assert set(capture) >= {"id", "page", "captured_at", "reasons"}
    assert (capture["page"], capture["captured_at"]) == ("granvik", "2026-11-20T12:00:00Z")
    assert all(set(reason) == {"code", "text"} for reason in capture["reasons"])
    shown = home.json("quarantine", "show", capture["id"])
    assert shown["captured_at"] == capture["captured_at"]
    assert shown["reasons"] == capture["reasons"]


def test_what_an_import_puts_in_quarantine_is_counted_whatever_it_releases(tmp_path: Path) -> None:
    home = Home(tmp_path, config(page("granvik", URL)))
    other = Edition(
        ongoing=tuple((f"Ny insats {name}", f"Helt annat om {name}.") for name in "abcdef"),
        developing=tuple((f"Nytt försök {name}", f"Vi provar {name}.") for name in "ghijkl"),
        partnership=(("Nya skogsrådet", "Vi planterar ekar."),),
    )
    folder = tmp_path / "utgåvor"
    folder.mkdir()
    (folder / "20261101T060000Z.html").write_bytes(FIRST.html)
    (folder / "20261102T060000Z.html").write_bytes(other.html)
    assert home.json("import", "granvik", "utgåvor", code=1)["quarantined"] == 1
    (first,) = home.json("quarantine", "list")["captures"]
    for day in (3, 4, 5):
        (folder / f"2026110{day}T060000Z.html").write_bytes(other.html + b"<!-- %d -->" % day)
    (folder / "20261106T060000Z.html").write_bytes(ERROR_PAGE)
    assert home.json("import", "granvik", "utgåvor", code=1)["quarantined"] == 1
    (second,) = home.json("quarantine", "list")["captures"]
    assert first["id"] != second["id"]


# ----------------------------------------------------------------------------------------- rebuild

DERIVED = (
    *("verdicts", "item_versions", "spans", "snapshots", "changes", "tracks", "cursors"),
    "search",
)


def test_what_is_derived_can_be_dropped_and_made_again(granvik: Home, tmp_path: Path) -> None:
    home = copied(granvik, tmp_path / "kopia")

    def answers() -> list[Any]:
        return [
            changes_of(home),
            home.json("show", "granvik"),
            home.json("show", "granvik", "--as-of", "2026-11-21"),
            home.json("history", "Telefonvännen"),
            home.json("history", "Utreda bänkar i hamnen"),
        ]

    before = answers()
    done = home.json("rebuild")
    assert (done["pages"], done["snapshots"]) == (2, 4)
    assert answers() == before
    with sqlite3.connect(home.store) as conn:
        there = {
            name for (name,) in conn.execute("SELECT name FROM sqlite_master WHERE type='table'")
        }
        dropped = [name for name in DERIVED if name in there]
        assert len(dropped) >= 6, there
        for name in dropped:
            conn.execute(f"DELETE FROM {name}")
    conn.close()
    assert changes_of(home) == []
    home.json("rebuild")
    assert answers() == before


# ------------------------------------------------------------------------------- unknown, or wrong


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["show", "nix"], "nix"),
        (["check", "nix"], "nix"),
        (["check", "granvik", "nix"], "nix"),
        (["import", "nix", "utgåvor"], "nix"),
        (["import", "granvik", "finns-inte"], "finns-inte"),
        (["import", "granvik", "visionsvakt.toml"], "visionsvakt.toml"),
        (["import", "granvik", "utgåvor", "--at", "igår"], "--at"),
        (["changes", "--page", "nix"], "nix"),
        (["changes", "--kind", "flyttad"], "flyttad"),
        (["changes", "flyttad"], "flyttad"),
        (["changes", "--since", "igår"], "--since"),
        (["changes", "--until", "2026-13-01"], "--until"),
        (["show", "granvik", "--as-of", "sen"], "--as-of"),
        (["history", "Finns inte"], "Finns inte"),
        (["history", "i-nix"], "i-nix"),
        (["extract", "finns-inte.html"], "finns-inte.html"),
        (["extract", "utgåvor/20261120T060000Z.html", "--profile", "nix"], "nix"),
        (["diff", "finns-inte.html", "utgåvor/20261120T060000Z.html"], "finns-inte.html"),
        (["deliveries", "retry", "d-nix"], "d-nix"),
        (["deliver", "--now", "snart"], "--now"),
        (["quarantine", "show", "k-nix"], "k-nix"),
        (["quarantine", "accept", "k-nix", "--by", "Kim", "--why", "prov"], "k-nix"),
        (["quarantine", "accept", "k-nix"], "--by"),
        (["quarantine", "reject", "k-nix", "--by", "Kim", "--why", "prov"], "k-nix"),
        (["decide", "same", "i-nix", "i-nax", "--by", "Kim", "--why", "prov"], "i-n"),
        (["decide", "different", "c-nix", "--by", "Kim", "--why", "prov"], "c-nix"),
        (["decide", "undo", "77", "--by", "Kim", "--why", "prov"], "77"),
        (["--config", "nix.toml", "changes"], "nix.toml"),
        (["init"], "visionsvakt.toml"),
    ],
    ids=spelled,
)
def test_a_wrong_name_is_one_line_that_says_which(asked: Home, words: list[str], part: str) -> None:
    form = () if words[0] == "init" else ("--json",)  # init prints no facts
    assert part in asked.refused(*words, *form)


def test_an_empty_outbox_is_delivered_and_listed(granvik: Home) -> None:
    assert granvik.json("deliver") == {"sent": 0, "waiting": 0, "dead": 0}
    assert granvik.json("deliveries", "list") == {"deliveries": []}
    assert granvik.run("deliveries", "list").out == "Inga utskick.\n"
