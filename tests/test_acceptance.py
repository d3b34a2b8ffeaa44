"""One acceptance suite, on SQLite and on a real PostgreSQL: what users rely on, from their side.

Each test runs commands on a store of its own, or asks the one that holds a generated past of two
pages which share initiatives. At the end the two kinds of databases are held against each other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from monitor.text import same
from pipeline.town import editions as town_editions
from snapshots.database import open_database
from tests.support import editions
from tests.support.histories import Style, make_history
from tests.support.hooks import SECRET, Hook
from tests.support.mail import MailHost
from tests.support.program import (
    DEVELOPING,
    ERROR_PAGE,
    FIRST,
    ONGOING,
    PARTNERSHIP,
    SECOND,
    THIRD,
    Home,
    by_hook,
    by_mail,
    config,
    mail,
    page,
    table,
)
from tests.support.store import PostgreSQL
from tests.support.web import Asked, Served, Site

pytestmark = pytest.mark.xdist_group("acceptance")

PROFILE = table("[profiles.granvik]", language="sv", stop=["Nyheter"]) + "\n".join(
    f'[[profiles.granvik.sections]]\nheading = ["{heading}"]\nstatus = "{status}"'
    for status, heading in editions.HEADINGS.items()
)
HISTORY = make_history(7, Style(size=24, events=(2, 5)), 8)
SIGNED = ("--by", "Kim Berg", "--why", "prövat för hand")


@dataclass
class Kind:
    """One kind of database, with a new, empty one for each home."""

    name: str
    server: PostgreSQL | None
    homes: list[Home] = field(default_factory=list)

    def home(self, folder: Path, *tables: str, **environment: str) -> Home:
        url = {} if self.server is None else {"VISIONSVAKT_DATABASE_URL": self.server.create()}
        home = Home(folder, config(*tables), {**url, **environment}, inside=True)
        self.homes.append(home)
        return home


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> Kind:
    server = None
    if request.param == "postgresql":
        server = request.getfixturevalue("postgresql")
    return Kind(request.param, server)


class Vision(Site):
    """A site whose page says what `html` is."""

    def __init__(self) -> None:
        super().__init__(self._page)
        self.html = FIRST.html

    def _page(self, asked: Asked) -> Served:
        return Served(b"", 404) if asked.path == "/robots.txt" else Served(self.html)


@pytest.fixture
def site() -> Iterator[Vision]:
    with Vision() as one:
        yield one


def filled(kind: Kind, folder: Path) -> Home:
    """A store with the generated past of two pages, an error page and a shared initiative."""
    home = kind.home(
        folder,
        page("vision", "https://granvik.example/vision", profile="granvik"),
        page("trygg", "https://granvik.example/trygg", profile="granvik"),
        PROFILE,
    )
    for name in ("vision", "trygg"):
        (folder / name).mkdir()
    for edition in HISTORY.editions:
        stamp = f"{edition.at:%Y%m%dT%H%M%SZ}.html"
        (folder / "vision" / stamp).write_bytes(editions.page(edition.initiatives))
        pairs = zip(edition.initiatives, edition.who, strict=True)
        some = [one for one, who in pairs if who % 3]  # the same ones for ever
        (folder / "trygg" / stamp).write_bytes(editions.page(some, title="Trygga Granvik"))
    (folder / "vision" / "20260301T070000Z.html").write_bytes(editions.ERROR_PAGE)
    done = home.json("import", "vision", "vision", code=1)
    assert (done["imported"], done["quarantined"]) == (9, 1)
    assert home.json("import", "trygg", "trygg")["imported"] == 8
    return home


@pytest.fixture(scope="module")
def past(kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Home:
    return filled(kind, tmp_path_factory.mktemp(kind.name))


def changes_of(home: Home, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = home.json("changes", *words)["changes"]
    return found


def titles(shown: dict[str, Any]) -> list[str]:
    return [one["title"] for part in shown["sections"] for one in part["initiatives"]]


# ------------------------------------------------------------------------------ the past, asked for


def test_changes_answer_to_every_filter(past: Home) -> None:
    every = changes_of(past)
    assert len(every) > 15
    for name in ("vision", "trygg"):
        assert changes_of(past, "--page", name) == [one for one in every if one["page"] == name]
    for word in ("moved", "renamed", "reworded", "added", "removed"):
        assert changes_of(past, "--kind", word) == [one for one in every if word in one["kinds"]]
    middle = every[len(every) // 2]["before"]
    early = changes_of(past, "--until", middle)
    late = changes_of(past, "--since", middle)
    assert [*early, *late] == every
    assert early == [one for one in every if one["before"] < middle]
    both = changes_of(past, "--page", "trygg", "--kind", "moved", "reworded", "--since", middle)
    assert both == [
        one for one in late if one["page"] == "trygg" and {"moved", "reworded"} & set(one["kinds"])
    ]


def test_a_page_is_shown_as_it_stood_at_each_edition(past: Home) -> None:
    for number, edition in enumerate(HISTORY.editions):
        shown = past.json("show", "vision", "--as-of", edition.at.isoformat())
        assert shown["as_of"] <= f"{edition.at:%Y-%m-%dT%H:%M:%SZ}"
        stood = {" ".join(one.title.split()) for one in edition.initiatives}
        assert len(titles(shown)) == len(edition.initiatives), number
        assert {title.casefold()[:4] for title in titles(shown)} == {
            title.casefold()[:4] for title in stood
        }
    assert past.run("show", "vision", "--as-of", "2025-12-31").code == 1


def test_any_two_moments_are_held_against_each_other(past: Home) -> None:
    def ids(shown: dict[str, Any]) -> dict[str, Any]:
        return {one["id"]: one for part in shown["sections"] for one in part["initiatives"]}

    times = [edition.at.isoformat() for edition in HISTORY.editions]
    for then, later in ((times[0], times[-1]), (times[2], times[5]), (times[1], times[1])):
        old = past.json("show", "vision", "--as-of", then)
        new = past.json("show", "vision", "--as-of", later)
        was, stands = ids(old), ids(new)
        found = past.json("compare", "vision", then, later)
        assert found["old"] == {"snapshot": old["snapshot"], "as_of": old["as_of"]}
        assert found["new"] == {"snapshot": new["snapshot"], "as_of": new["as_of"]}
        about = {one["initiative"]: one for one in found["changes"] if one["subject"] != "page"}
        came = {name for name, one in about.items() if {"added", "restored"} & {*one["kinds"]}}
        left = {name for name, one in about.items() if one["kinds"] == ["removed"]}
        assert (came, left) == (stands.keys() - was.keys(), was.keys() - stands.keys())
        for name in was.keys() & stands.keys():
            for key in ("title", "description"):
                assert name in about or same(was[name][key], stands[name][key])
    assert len(past.json("compare", "vision", times[0])["changes"]) > 5
    assert past.json("compare", "vision", times[1], times[1])["changes"] == []
    assert "först" in past.refused("compare", "vision", times[3], times[1])
    assert past.run("compare", "vision", "2025-12-31").code == 1
    spoken = past.run("compare", "vision", times[0], times[-1]).out
    assert spoken.startswith("vision: från version 1 ")


def test_each_change_is_in_the_life_of_its_initiative(past: Home) -> None:
    for change in changes_of(past):
        if change["subject"] == "initiative":
            life = past.json("history", change["initiative"])
            assert change in life["changes"]
            assert life["initiative"]["id"] == change["initiative"]
    shared = [one for one in changes_of(past) if one["page"] == "trygg"]
    lives = [past.json("history", one["initiative"]) for one in shared]
    assert any(len({span["page"] for span in life["statuses"]}) == 2 for life in lives)


def test_coverage_and_quarantine_say_what_came(past: Home) -> None:
    seen = past.json("coverage", "vision", "--until", "2026-03-02")
    assert set(seen) >= {"page", "planned", "looks", "good", "longest_gap_minutes"}
    assert (seen["looks"], seen["good"], seen["quarantined"]) == (9, 8, 1)
    (waiting,) = past.json("quarantine", "list")["captures"]
    assert (waiting["page"], waiting["source"]) == ("vision", "file")
    shown = past.json("quarantine", "show", waiting["id"])
    assert shown["reading"]["verdict"] == "suspect"


def test_the_whole_store_holds(past: Home) -> None:
    found = past.json("verify")
    assert set(found) == {"ok", "captures", "snapshots", "entries", "root", "problems"}
    assert (found["ok"], found["captures"]) == (True, 17)


def test_rebuild_gives_the_same(past: Home) -> None:
    before = answers(past)
    done = past.json("rebuild")
    assert done["delta"] == {"new": {}, "gone": {}}
    assert answers(past) == before
    assert past.json("verify")["ok"]


def test_search_finds_swedish_words_in_every_version(kind: Kind, tmp_path: Path) -> None:
    home = kind.home(tmp_path, page("granvik", "https://granvik.example/granvik2040.html"))
    for day, html in zip((2, 9, 16, 23), town_editions(), strict=True):
        (tmp_path / f"202611{day:02}.html").write_text(html, encoding="utf-8")
        home.json(
            "import", "granvik", f"202611{day:02}.html", "--at", f"2026-11-{day:02}T07:00:00Z"
        )

    def found(*words: str) -> list[str]:
        return [one["initiative"] for one in home.json("search", *words)["found"]]

    def known(title: str) -> str:
        return str(home.json("history", title)["initiative"]["id"])

    cells = known("Solceller på ishallen")
    assert found("solceller") == [cells]
    assert found("utreda", "solceller") == [cells]  # by a title it has no more
    assert known("Ängar i stället för gräsmattor") in found("ÄNGAR")
    assert known("Sommarjobb till alla nior") in found("sommarjobben")  # another ending
    assert known("Telefonvän för äldre") in found("volontär", "uppringd")  # in the text
    assert found("rymdfärja") == []
    (old,) = home.json("search", "utreda", "solceller")["found"]
    assert (old["title"], old["status"]) == ("Utreda solceller på ishallen", "developing")
    assert old["until"] is not None
    assert "ord" in home.refused("search", "–")


# --------------------------------------------------------------- looking, telling, deciding by hand


def test_a_change_is_told_by_webhook_and_mail_once(
    kind: Kind, site: Vision, tmp_path: Path
) -> None:
    with MailHost() as host, Hook() as hook:
        home = kind.home(
            tmp_path,
            page("granvik", site.url("/p")),
            by_mail(),
            by_hook(hook.url("/hook")),
            mail(host.port, reply_to="kim@granvik.example"),
            HOOK_SECRET=SECRET,
        )
        assert home.json("check")["checks"][0]["outcome"] == "first"
        home.json("deliver")
        site.html = SECOND.html
        (check,) = home.json("check")["checks"]
        assert (check["outcome"], check["snapshot"]) == ("changed", 2)
        assert home.json("deliver") == {"sent": 2, "waiting": 0, "dead": 0}
        assert home.json("deliver") == {"sent": 0, "waiting": 0, "dead": 0}
        digests = [one for one in hook.documents if one["type"] == "visionsvakt.digest"]
        (digest,) = digests
        assert [one["id"] for one in digest["data"]["changes"]] == [
            one["id"] for one in check["changes"]
        ]
        assert len([one for one in host.mails if "Tre bänkar i hamnen" in one.text]) == 1
        states = {one["state"] for one in home.json("deliveries", "list")["deliveries"]}
        assert states == {"sent"}
        previewed = home.json("preview", "kommunikation", "--since", "2020-01-01")
        assert len(previewed["changes"]) == len(check["changes"])
        sent = next(one for one in host.mails if one.subject == previewed["subject"])
        assert previewed["text"].split() == sent.text.split(), "to the last word"
        assert home.json("replay", "kommunikation", "--since", "2020-01-01")["queued"] == 0
        assert home.json("verify")["ok"]


def test_what_waits_is_accepted_or_rejected_by_a_person(
    kind: Kind, site: Vision, tmp_path: Path
) -> None:
    home = kind.home(tmp_path, page("granvik", site.url("/p")))
    home.json("check")
    site.html = ERROR_PAGE
    assert home.json("check", code=1)["checks"][0]["outcome"] == "quarantined"
    (capture,) = home.json("quarantine", "list")["captures"]
    assert capture["source"] == "look"
    home.json("quarantine", "reject", capture["id"], *SIGNED)
    assert home.json("quarantine", "list")["captures"] == []
    site.html = SECOND.html
    assert home.json("check")["checks"][0]["outcome"] == "changed"
    before = changes_of(home)
    assert home.json("verify")["ok"]
    home.json("rebuild")
    assert changes_of(home) == before


def test_a_decision_about_who_is_who_is_kept_and_undone(
    kind: Kind, site: Vision, tmp_path: Path
) -> None:
    home = kind.home(tmp_path, page("granvik", site.url("/p")))
    home.json("check")
    site.html = SECOND.html
    (check,) = home.json("check")["checks"]
    bench = next(one for one in check["changes"] if "renamed" in one["kinds"])
    decided = home.json("decide", "different", bench["id"], *SIGNED)
    after = [(one["title"]["new"] or one["title"]["old"], one["kinds"]) for one in changes_of(home)]
    assert ("Utreda bänkar i hamnen", ["removed"]) in after
    assert ("Tre bänkar i hamnen", ["added"]) in after
    home.json("rebuild")
    again = [(one["title"]["new"] or one["title"]["old"], one["kinds"]) for one in changes_of(home)]
    assert again == after
    home.json("decide", "undo", str(decided["decision"]), *SIGNED)
    assert [one["kinds"] for one in changes_of(home)] == [one["kinds"] for one in check["changes"]]
    assert home.json("verify")["ok"]


# ---------------------------------------------------------------------------------- keeping it all


def told(kind: Kind, site: Vision, hook: Hook, folder: Path) -> Home:
    """A store in which a change has been told."""
    home = kind.home(
        folder, page("granvik", site.url("/p")), by_hook(hook.url("/hook")), HOOK_SECRET=SECRET
    )
    home.json("check")
    home.json("deliver")
    site.html = SECOND.html
    home.json("check")
    assert home.json("deliver")["sent"] == 1
    return home


def test_a_copy_brings_it_back_and_tells_nothing_again(
    kind: Kind, site: Vision, tmp_path: Path
) -> None:
    with Hook() as hook:
        home = told(kind, site, hook, tmp_path)
        done = home.json("backup", "kopia.db")
        assert done["bytes"] == (tmp_path / "kopia.db").stat().st_size
        assert "kopia.db" in home.refused("backup", "kopia.db")
        before = [changes_of(home), home.json("show", "granvik")]
        site.html = THIRD.html
        home.json("check")
        assert home.json("deliver")["sent"] == 1
        known = len(hook.documents)
        restored = home.json("restore", "kopia.db")
        assert (restored["captures"], restored["told_since"]) == (2, 1)
        assert [changes_of(home), home.json("show", "granvik")] == before
        assert home.json("deliver")["sent"] == 0
        (check,) = home.json("check")["checks"]
        assert check["outcome"] == "changed"
        home.json("deliver")
        assert len(hook.documents) == known  # the same change, found again, is not told again
        assert home.json("verify")["ok"]


def test_a_newer_profile_says_what_it_makes_of_the_whole_past_and_tells_nobody(
    kind: Kind, site: Vision, tmp_path: Path
) -> None:
    newer = table("[profiles.ny]", language="sv") + "\n".join(
        f'[[profiles.ny.sections]]\nheading = ["{heading}"]\nstatus = "{status}"'
        for heading, status in (
            (ONGOING, "ongoing"),
            (DEVELOPING, "ongoing"),  # no longer told apart: nothing ever moved
            (PARTNERSHIP, "partnership"),
        )
    )
    with Hook() as hook:
        home = told(kind, site, hook, tmp_path)
        before, known = changes_of(home), len(hook.documents)
        again = page("granvik", site.url("/p"), profile="ny")
        home.write(config(again, by_hook(hook.url("/hook")), newer))
        delta = home.json("rebuild", "--preview")["delta"]
        assert delta["gone"]["moved"] == 1
        assert "moved" not in delta["new"]
        assert changes_of(home) == before
        spoken = home.run("rebuild", "--preview")
        assert "försvinner: 1 ny status" in spoken.out
        assert "inget är ändrat" in spoken.out
        assert home.json("rebuild")["delta"] == delta
        assert not [one for one in changes_of(home) if "moved" in one["kinds"]]
        assert home.json("deliver") == {"sent": 0, "waiting": 0, "dead": 0}
        assert len(hook.documents) == known
        assert home.json("rebuild")["delta"] == {"new": {}, "gone": {}}
        assert home.json("verify")["ok"]


def test_a_store_moves_to_the_other_kind_of_database(
    kind: Kind, past: Home, tmp_path: Path, postgresql: PostgreSQL
) -> None:
    copy = tmp_path / "flytt.db"
    past.json("backup", str(copy))
    other = Kind("the other", postgresql if kind.server is None else None)
    home = other.home(
        tmp_path / "ny",
        page("vision", "https://granvik.example/vision", profile="granvik"),
        page("trygg", "https://granvik.example/trygg", profile="granvik"),
        PROFILE,
    )
    home.json("restore", str(copy))
    assert answers(home) == answers(past)
    assert home.json("verify") == past.json("verify")


def test_an_address_is_forgotten_and_the_proof_holds(
    kind: Kind, site: Vision, tmp_path: Path
) -> None:
    with MailHost() as host:
        home = kind.home(tmp_path, page("granvik", site.url("/p")), by_mail(), mail(host.port))
        home.json("check")
        site.html = SECOND.html
        home.json("check")
        home.json("deliver")
        home.write(config(page("granvik", site.url("/p")), mail(host.port)))
        done = home.json("forget", "kim@granvik.example", *SIGNED)
        assert done["deliveries"] >= 1
        assert "kim@granvik.example" not in json.dumps(home.json("deliveries", "list"))
        assert "adressen" in home.refused("forget", "kim@granvik.example", *SIGNED)
        assert home.json("verify")["ok"]
        with closing(open_database(_address(home))) as database, database.read() as conn:
            for name in ("subscribers", "deliveries", "messages", "attempts", "decisions"):
                rows = conn.exec_driver_sql(f"SELECT * FROM {name}").all()
                assert "kim@granvik.example" not in repr(rows), name


def _address(home: Home) -> str:
    return home.environment.get("VISIONSVAKT_DATABASE_URL", f"sqlite:///{home.store}")


def test_a_page_gets_another_id_and_keeps_its_history(kind: Kind, tmp_path: Path) -> None:
    def tables(name: str) -> str:
        return page(name, "https://granvik.example/p")

    home = kind.home(tmp_path, tables("granvik"))
    for day, edition in ((2, FIRST), (9, SECOND)):
        (tmp_path / f"202611{day:02}T070000Z.html").write_bytes(edition.html)
    home.json("import", "granvik", "20261102T070000Z.html", "20261109T070000Z.html")
    before = changes_of(home)
    assert "nix" in home.refused("pages", "rename", "nix", "ny")
    done = home.run("pages", "rename", "granvik", "vision", *SIGNED)
    assert (done.code, done.err) == (0, "")
    for words in (("check",), ("run",), ("show", "granvik")):  # the configuration has the old id
        assert "sidan heter vision sedan den bytte id" in home.refused(*words)
    assert home.json("show", "vision")["snapshot"] == 2
    home.write(config(tables("vision")))
    assert changes_of(home) == [{**one, "page": "vision"} for one in before]
    assert home.json("show", "vision")["snapshot"] == 2
    home.json("rebuild")
    assert [one["id"] for one in changes_of(home)] == [one["id"] for one in before]
    assert home.json("verify")["ok"]


def test_of_several_pages_under_old_ids_the_one_asked_for_is_named(
    kind: Kind, tmp_path: Path
) -> None:
    home = kind.home(tmp_path, *(page(one, f"https://granvik.example/{one}") for one in "ab"))
    assert changes_of(home) == []
    for old, new in (("a", "c"), ("b", "d")):
        assert home.run("pages", "rename", old, new, *SIGNED).code == 0
    assert "b: sidan heter d" in home.refused("show", "b")


def test_any_order_of_import_gives_the_same(kind: Kind, past: Home, tmp_path: Path) -> None:
    home = kind.home(
        tmp_path,
        page("vision", "https://granvik.example/vision", profile="granvik"),
        page("trygg", "https://granvik.example/trygg", profile="granvik"),
        PROFILE,
    )
    files = sorted((past.folder / "vision").iterdir())
    for file in (*files[4:], *files[:4]):
        home.run("import", "vision", str(file))
    for file in sorted((past.folder / "trygg").iterdir(), reverse=True):
        home.json("import", "trygg", str(file))
    assert answers(home) == answers(past)


# ------------------------------------------------------------------------- one kind and the other


def answers(home: Home) -> dict[str, Any]:
    """What a store of the generated past says, as documents."""
    moment = HISTORY.editions[3].at
    asked: dict[str, Callable[[], Any]] = {
        "changes": lambda: home.json("changes"),
        "vision": lambda: home.json("show", "vision"),
        "trygg": lambda: home.json("show", "trygg", "--as-of", moment.isoformat()),
        "coverage": lambda: home.json("coverage", "vision", "--until", "2026-03-02"),
        "quarantine": lambda: home.json("quarantine", "list"),
        "lives": lambda: [
            home.json("history", one)
            for one in sorted({change["initiative"] for change in changes_of(home)[:8]})
        ],
    }
    found = {name: ask() for name, ask in asked.items()}
    done = home.run("export", "--format", "json", "--until", "2026-03-02", "allt.json")
    assert done.code == 0, done
    exported = json.loads((home.folder / "allt.json").read_text(encoding="utf-8"))
    datetime.fromisoformat(exported.pop("exported_at"))
    return {**found, "export": exported}


_ANSWERS: dict[str, dict[str, Any]] = {}


def test_both_kinds_of_database_say_the_same(kind: Kind, past: Home) -> None:
    _ANSWERS[kind.name] = answers(past)
    for other in _ANSWERS.values():
        assert other == _ANSWERS[kind.name]
