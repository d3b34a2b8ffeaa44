"""`check`: how one look at a real site ends, and what it leaves behind."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.support.program import (
    ERROR_PAGE,
    FIRST,
    HALF_PAGE,
    SECOND,
    THIRD,
    Home,
    config,
    page,
)
from tests.support.web import HTML, Asked, Served, Site

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
PATH = "/vision.4.7b1e55aa90c2.html"
OUTCOMES = {"first", "unchanged", "changed", "failed", "quarantined"}


class Town(Site):
    """Serves one edition at a time, with an ETag where `tags` says so; robots.txt is its own."""

    def __init__(self, html: bytes = FIRST.html) -> None:
        super().__init__(self._edition)
        self.html = html
        self.tags = False
        self.robots = Served(b"", 404)
        self.instead: Callable[[Asked], Served] | Served | None = None

    def _edition(self, asked: Asked) -> Served:
        if asked.path == "/robots.txt":
            return self.robots
        if isinstance(self.instead, Served):
            return self.instead
        if self.instead is not None:
            return self.instead(asked)
        tag = f'"{sha256(self.html).hexdigest()[:12]}"'
        if self.tags and asked.headers.get("if-none-match") == tag:
            return Served(b"", 304, [("ETag", tag)])
        return Served(self.html, headers=[HTML, ("ETag", tag)] if self.tags else [HTML])

    @property
    def looks(self) -> int:
        return sum(asked.path == PATH for asked in self.log)


@pytest.fixture
def town() -> Iterator[Town]:
    with Town() as site:
        yield site


def home_for(town: Town, folder: Path, *, inside: bool = True, **fetch: Any) -> Home:
    return Home(folder, config(page("granvik", town.url(PATH)), **fetch), inside=inside)


def look(home: Home, outcome: str) -> dict[str, Any]:
    """One `check` of one page, which must end so."""
    bad = outcome in ("failed", "quarantined")
    document = home.json("check", code=int(bad))
    assert set(document) == {"checks"}
    (check,) = document["checks"]
    assert set(check) == {"page", "outcome", "snapshot", "changes", "reasons", "captured_at"}
    assert check["outcome"] == outcome, check
    assert INSTANT.fullmatch(check["captured_at"])
    assert all(set(reason) == {"code", "text"} for reason in check["reasons"])
    assert bool(check["reasons"]) == bad
    assert bool(check["changes"]) == (outcome == "changed")
    found: dict[str, Any] = check
    return found


def test_from_the_first_look_to_a_change_with_the_real_program(town: Town, tmp_path: Path) -> None:
    home = home_for(town, tmp_path, inside=False)
    first = look(home, "first")
    assert (first["page"], first["snapshot"]) == ("granvik", 1)
    assert look(home, "unchanged")["snapshot"] == 1
    town.html = SECOND.html
    changed = look(home, "changed")
    assert changed["snapshot"] == 2
    assert [one["kinds"] for one in changed["changes"]] == [
        ["moved", "renamed", "reworded"],
        ["added"],
    ]
    assert changed["changes"] == home.json("changes")["changes"]
    assert changed["changes"][0]["before"] == changed["captured_at"]
    said = home.run("check", "granvik")
    assert (said.code, said.err) == (0, "")
    assert said.out == "granvik: inget har ändrats, version 2\n"


def test_304_is_a_look_that_found_nothing_new(town: Town, tmp_path: Path) -> None:
    home = home_for(town, tmp_path)
    town.tags = True
    look(home, "first")
    look(home, "unchanged")
    assert town.log[-1].headers["if-none-match"]
    town.html = SECOND.html
    assert look(home, "changed")["snapshot"] == 2
    look(home, "unchanged")


def wait_too_long(asked: Asked) -> Served:
    time.sleep(0.5)
    return Served(SECOND.html)


FAILURES: dict[str, tuple[Served | Callable[[Asked], Served], str]] = {
    "500": (Served(SECOND.html, 500), "http"),
    "404": (Served(SECOND.html, 404), "gone|http"),
    "410": (Served(b"", 410), "gone|http"),
    "204": (Served(b"", 204), "http|empty"),
    "empty": (Served(b""), "empty"),
    "wrong kind": (Served(b"%PDF-1.7", headers=[("Content-Type", "application/pdf")]), "type"),
    "cut": (
        Served(SECOND.html[:900], headers=[HTML, ("Content-Length", "9000")], close=True),
        "cut",
    ),
    "too large": (Served(b"<p>" + b"x" * 60_000), "large|big|size"),
    "too slow": (wait_too_long, "time"),
    "elsewhere": (Served(b"", 302, [("Location", "http://127.0.0.2:9/")]), "redirect|refused"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_what_is_no_whole_page_changes_nothing(town: Town, tmp_path: Path, name: str) -> None:
    home = home_for(town, tmp_path, timeout_seconds=0.4, max_bytes=50_000)
    look(home, "first")
    answer, code = FAILURES[name]
    town.instead = answer
    failed = look(home, "failed")
    assert failed["snapshot"] == 1
    assert re.search(code, failed["reasons"][0]["code"]), failed["reasons"]
    town.instead = None
    town.html = SECOND.html
    changed = look(home, "changed")
    assert {one["old_snapshot"] for one in changed["changes"]} == {1}


def test_a_site_that_is_down_or_forbids_us_is_a_failure(town: Town, tmp_path: Path) -> None:
    town.robots = Served(b"User-agent: *\nDisallow: /\n", headers=[("Content-Type", "text/plain")])
    home = home_for(town, tmp_path)
    failed = look(home, "failed")
    assert (failed["snapshot"], failed["reasons"][0]["code"]) == (None, "robots")
    assert town.looks == 0
    town.close()
    elsewhere = Home(tmp_path / "b", config(page("granvik", town.url(PATH))), inside=True)
    assert look(elsewhere, "failed")["snapshot"] is None


def test_a_private_address_is_refused_with_the_line_to_paste(town: Town, tmp_path: Path) -> None:
    home = home_for(town, tmp_path, allow_private=[])
    (reason,) = look(home, "failed")["reasons"]
    assert 'allow_private = ["127.0.0.1"]' in reason["text"]
    assert town.connections == 0


@pytest.mark.parametrize("html", [ERROR_PAGE, HALF_PAGE], ids=["error page", "sections missing"])
@pytest.mark.parametrize("tags", [False, True], ids=["equal body", "304"])
def test_a_page_that_cannot_be_trusted_waits_and_is_never_unchanged(
    town: Town, tmp_path: Path, html: bytes, tags: bool
) -> None:
    home = home_for(town, tmp_path)
    town.tags = tags
    look(home, "first")
    town.html = html
    waiting = look(home, "quarantined")
    assert waiting["snapshot"] == 1
    again = look(home, "quarantined")
    assert again["reasons"] == waiting["reasons"]
    if tags:
        assert town.log[-1].headers["if-none-match"]
    town.html = SECOND.html
    changed = look(home, "changed")
    assert {one["old_snapshot"] for one in changed["changes"]} == {1}
    town.html = html
    look(home, "quarantined")
    town.html = SECOND.html
    look(home, "unchanged")


def test_a_first_look_can_wait_for_a_person_too(town: Town, tmp_path: Path) -> None:
    home = home_for(town, tmp_path)
    town.html = ERROR_PAGE
    assert look(home, "quarantined")["snapshot"] is None
    assert look(home, "quarantined")["snapshot"] is None
    assert home.run("show", "granvik").code == 1
    assert len(home.json("quarantine", "list")["captures"]) >= 1
    town.html = FIRST.html
    assert look(home, "first")["snapshot"] == 1


def test_there_and_back_is_two_changes(town: Town, tmp_path: Path) -> None:
    home = home_for(town, tmp_path)
    look(home, "first")
    for html in (SECOND.html, FIRST.html):
        town.html = html
        look(home, "changed")
    kinds = [one["kinds"] for one in home.json("changes")["changes"]]
    assert kinds == [
        *(["moved", "renamed", "reworded"], ["added"]),
        *(["moved", "renamed", "reworded"], ["removed"]),
    ]


def test_several_pages_are_looked_at_and_one_that_fails_stops_none(
    town: Town, tmp_path: Path
) -> None:
    pages = [page("granvik", town.url(PATH)), page("borta", town.url("/finns-inte.html"))]
    home = Home(tmp_path, config(*pages, page("trygg", town.url("/trygg.html"))), inside=True)
    town.instead = lambda asked: Served(
        THIRD.html if "trygg" in asked.path else FIRST.html,
        404 if "finns" in asked.path else 200,
    )
    document = home.json("check", code=1)
    assert [(one["page"], one["outcome"]) for one in document["checks"]] == [
        ("granvik", "first"),
        ("borta", "failed"),
        ("trygg", "first"),
    ]
    assert [one["page"] for one in home.json("check", "trygg")["checks"]] == ["trygg"]
    lines = home.run("check", "borta", "trygg")
    assert lines.code == 1
    assert re.search(r"^borta: gick inte att hämta\n  .*404", lines.out, re.M)


def test_a_page_that_was_left_out_keeps_its_history_and_its_id(town: Town, tmp_path: Path) -> None:
    home = home_for(town, tmp_path)
    look(home, "first")
    town.html = SECOND.html
    look(home, "changed")
    before = home.json("changes"), home.json("show", "granvik")
    home.write(config(page("annan", town.url("/annan.html"))))
    assert home.json("changes") == before[0]
    assert home.json("changes", "--page", "granvik") == before[0]
    assert home.json("show", "granvik") == before[1]
    home.refused("check", "granvik")
    home.write(config(page("granvik", town.url("/ny-adress.html"))))
    assert look(home, "unchanged")["snapshot"] == 2
    assert home.json("changes") == before[0]


def test_extract_and_diff_read_addresses_and_store_nothing(town: Town, tmp_path: Path) -> None:
    home = home_for(town, tmp_path)
    url = town.url(PATH)
    read = home.json("extract", url)
    assert set(read) == {
        *("title", "intro", "language", "sections", "unclaimed", "verdict", "reasons"),
    }
    assert (read["title"], read["verdict"], read["unclaimed"]) == ("Granvik 2040", "good", [])
    (tmp_path / "ny.html").write_bytes(SECOND.html)
    changes = home.json("diff", url, "ny.html")["changes"]
    stored = {"initiative", "id", "page", "old_snapshot", "new_snapshot", "after", "before"}
    assert [one["kinds"] for one in changes] == [["moved", "renamed", "reworded"], ["added"]]
    assert all(not stored & set(one) for one in changes)
    assert home.json("diff", "ny.html", "ny.html") == {"changes": []}
    assert not home.store.exists()


def test_a_long_comment_and_an_inlined_picture_are_nothing_odd(tmp_path: Path) -> None:
    picture = f'<img alt="" src="data:image/png;base64,{"iVBORw0KG/oAAA" * 20_000}">'
    html = FIRST.html.replace(b"</body>", f"<!--{'x ' * 90_000}-->{picture}</body>".encode())
    (tmp_path / "sidan.html").write_bytes(html)
    assert Home(tmp_path, inside=True).json("extract", "sidan.html")["verdict"] == "good"
