"""Facts become history by one road: a look, an import, a decision, a rebuild say the same."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from monitor.model import Initiative, SectionRule
from pipeline import decide
from pipeline.derive import derive
from snapshots import derived, facts, schema
from snapshots.database import Database, open_database
from tests.support.editions import ERROR_PAGE, PROFILE, START, looks_at
from tests.support.editions import page as html
from tests.support.histories import Style, make_history
from tests.support.telling import by_mail
from tests.support.watching import HOUR, Watch
from tests.support.web import HTML, Asked, Served, Site

DAY = timedelta(days=1)
ROOT = Path(__file__).parents[1]
TOWN = Style(size=24, events=(1, 4))


@pytest.fixture
def watch(sqlite_store: Database) -> Watch:
    return Watch(sqlite_store)


def editions(seed: int, count: int = 8) -> list[Sequence[Initiative]]:
    return [edition.initiatives for edition in make_history(seed, TOWN, count).editions]


def dated(
    pages: Sequence[Sequence[Initiative]], start: datetime = START, step: timedelta = HOUR
) -> list[tuple[datetime, Sequence[Initiative]]]:
    return [(start + number * step, items) for number, items in enumerate(pages)]


def retitled(items: Sequence[Initiative], count: int) -> list[Initiative]:
    return [
        replace(item, title=f"{item.title} för alla") if number < count else item
        for number, item in enumerate(items)
    ]


def ids_and_kinds(watch: Watch) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(one["id"], one.get("initiative", ""), tuple(one["kinds"])) for one in watch.changes]


# ------------------------------------------------------------------------------- one road for all


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_rebuild_gives_what_look_by_look_gave_byte_for_byte(watch: Watch, seed: int) -> None:
    for new in looks_at(seed, key="omsorg"):
        watch.now = new.at
        with watch.store.write() as conn:
            facts.record(conn, new)
        watch.derived("omsorg")
    first = watch.everything_derived()
    told = watch.told
    assert len(first["changes"]) > 5
    assert watch.rebuild().delta == {}
    assert watch.everything_derived() == first
    with watch.store.write() as conn:
        derived.drop(conn)
    watch.rebuild()
    assert watch.everything_derived() == first
    assert watch.told == told


@pytest.mark.parametrize("seed", [4, 5])
def test_any_order_of_import_gives_the_same_history(tmp_path: Path, seed: int) -> None:
    pages = dated(editions(seed, 7))
    orders = [pages, pages[::-1], random.Random(seed).sample(pages, len(pages))]
    found = []
    for number, order in enumerate(orders):
        database = open_database(f"sqlite:///{tmp_path / str(number)}.db")
        watch = Watch(database)
        for one in order:
            watch.bring("omsorg", [one])
        changes = watch.changes
        watch.rebuild()  # sweeps words that stood in a history which is no more
        found.append((changes, watch.changes, watch.everything_derived()))
        assert watch.told == []
        database.close()
    assert found[0][0]
    assert found[1] == found[0]
    assert found[2] == found[0]


def test_the_same_files_twice_are_the_same_captures(watch: Watch) -> None:
    pages = dated(editions(6))
    first = watch.bring("omsorg", pages)
    before = watch.everything_derived()
    again = watch.bring("omsorg", pages)
    assert (first.imported, first.duplicates) == (8, 0)
    assert (again.imported, again.duplicates, again.snapshots) == (0, 8, 0)
    assert watch.everything_derived() == before


def test_two_captures_of_one_microsecond_are_both_read_whichever_came_first(
    tmp_path: Path,
) -> None:
    one, other, third = editions(7, 3)
    found = []
    for number, turn in enumerate(([one, other, third], [other, one, third], [third, other, one])):
        database = open_database(f"sqlite:///{tmp_path / str(number)}.db")
        watch = Watch(database)
        for items in turn:
            watch.bring("omsorg", [(START, items)])
        assert len(watch.everything_derived()["snapshots"]) == 3
        watch.rebuild()
        found.append(watch.everything_derived())
        database.close()
    assert found[0] == found[1] == found[2]


# ---------------------------------------------------------------------------- what was told stays


def test_told_ids_stay_whatever_older_captures_come_later(watch: Watch) -> None:
    pages = editions(8, 9)
    watch.look("omsorg", pages[4], after=10 * DAY)
    for items in pages[5:]:
        watch.look("omsorg", items)
    told, said = watch.told, ids_and_kinds(watch)
    assert len(said) >= 4
    older = dated(pages[:4], START - 30 * DAY)
    for number, one in enumerate([older[2], older[0], older[3], older[1]]):
        watch.bring("omsorg", [one])
        assert set(said) <= set(ids_and_kinds(watch)), number
        assert watch.told == told
    assert watch.rebuild().delta == {}
    assert set(said) <= set(ids_and_kinds(watch))
    assert watch.number("omsorg") == 9
    assert watch.told == told


def test_an_edit_cut_in_two_by_an_older_capture_keeps_its_id_where_it_ended(watch: Watch) -> None:
    first, *rest = editions(9, 1)[0]
    whole = replace(first, title="Bänkar vid bron", description=f"{first.description} Klart i maj.")
    half = replace(first, title="Bänkar vid bron")
    watch.look("omsorg", [first, *rest])
    watch.look("omsorg", [whole, *rest], after=4 * HOUR)
    told = watch.change("renamed")
    assert told["kinds"] == ["renamed", "reworded"]
    watch.bring("omsorg", [(watch.now - 2 * HOUR, [half, *rest])])
    assert [one["kinds"] for one in watch.changes] == [["renamed"], ["reworded"]]
    assert watch.change("reworded")["id"] == told["id"]
    assert {one["initiative"] for one in watch.changes} == {told["initiative"]}
    assert len(watch.told) == 1


def test_an_import_seen_half_way_by_a_look_tells_nobody(watch: Watch) -> None:
    pages = editions(10, 6)
    watch.look("omsorg", pages[0])
    base = watch.now
    arriving = dated(pages[1:5], base + HOUR)
    for at, items in arriving:  # recorded, and then the import was killed
        watch.now = at
        with watch.store.write() as conn:
            new = facts.NewCapture("omsorg", at, html(items), content_type="text/html")
            facts.record(conn, replace(new, source="file"))
    result = watch.look("omsorg", pages[5])
    assert len(result.changes) > len(result.news) > 0
    assert {row.change for row in watch.told} == set(result.news)
    watch.look("omsorg")
    again = watch.bring("omsorg", arriving)
    assert (again.imported, again.duplicates) == (0, 4)
    assert {row.change for row in watch.told} == set(result.news)


def test_a_look_that_an_import_or_a_rebuild_found_first_is_told_once(watch: Watch) -> None:
    pages = editions(11, 4)
    watch.look("omsorg", pages[1])
    watch.now += HOUR
    watch.capture("omsorg", pages[2])  # killed before the derivation
    watch.rebuild()
    assert watch.told == []
    watch.bring("omsorg", [(START - DAY, pages[0])])
    told = [row.change for row in watch.told]
    assert told
    watch.now += HOUR
    watch.capture("omsorg", pages[3])
    watch.rebuild()
    watch.look("omsorg")
    assert len(watch.told) > len(told)
    assert len({row.change for row in watch.told}) == len(watch.told)
    missing = {one["id"] for one in watch.changes} - {row.change for row in watch.told}
    (first,) = {one["before"] for one in watch.changes if one["id"] in missing}
    assert first == watch.changes[0]["before"]  # what only the imported page shows


def test_everything_derived_lost_and_looked_again_tells_nothing_twice(watch: Watch) -> None:
    pages = editions(12, 5)
    for items in pages[:4]:
        watch.look("omsorg", items)
    told = watch.told
    assert told
    with watch.store.write() as conn:
        derived.drop(conn)
    watch.look("omsorg")
    assert watch.told == told
    watch.look("omsorg", pages[4])
    assert [row.change for row in watch.told[len(told) :]] == [
        one["id"] for one in watch.changes if one["new_snapshot"] == 5
    ]


# ------------------------------------------------------------------------------------ quarantine


def test_a_mass_edit_is_released_by_repetition_and_a_304_counts(watch: Watch) -> None:
    items = editions(13, 1)[0]
    watch.look("omsorg", items)
    edited = retitled(items, 20)
    assert watch.look("omsorg", edited).outcome == "quarantined"
    first_seen = watch.now
    assert watch.look("omsorg").outcome == "quarantined"
    assert watch.told == []
    assert watch.waiting
    done = watch.look("omsorg", after=DAY)
    assert (done.outcome, len(done.changes)) == ("changed", 20)
    assert watch.waiting == []
    assert {cause for cause, *_ in watch.said} == {"late"}
    assert {one["before"] for one in watch.changes} == {
        first_seen.isoformat().replace("+00:00", "Z")
    }
    before = watch.everything_derived()
    watch.rebuild()
    assert watch.everything_derived() == before
    watch.look("omsorg")
    assert len(watch.told) == 20


def test_an_error_page_seen_for_days_after_a_mass_edit_releases_nothing(watch: Watch) -> None:
    items = editions(14, 1)[0]
    watch.look("omsorg", items)
    watch.look("omsorg", items[::3])
    watch.look("omsorg", ERROR_PAGE)
    for _ in range(4):
        assert watch.look("omsorg", after=DAY).outcome == "quarantined"
    assert watch.changes == []
    assert watch.look("omsorg", items).outcome == "unchanged"


def test_a_decision_holds_also_where_repetition_releases(watch: Watch) -> None:
    items = editions(15, 1)[0]
    watch.look("omsorg", items)
    edited = retitled(items, 20)
    for wait in (HOUR, HOUR, DAY):
        watch.look("omsorg", edited, after=wait)
    wrong = watch.changes[0]
    watch.decide(decide.different, wrong["id"])
    ends = {tuple(one["kinds"]) for one in watch.changes}
    assert ends == {("renamed",), ("removed",), ("added",)}
    assert watch.change("removed")["title"]["old"] == wrong["title"]["old"]
    before = watch.everything_derived()
    watch.rebuild()
    assert watch.everything_derived() == before


def test_what_an_older_import_shows_while_the_page_waits_counts_like_any_past(
    watch: Watch,
) -> None:
    pages = editions(16, 3)
    watch.look("omsorg", pages[2], after=2 * DAY)
    edited = retitled(pages[2], 20)
    watch.look("omsorg", edited)
    assert len(watch.waiting) == 1
    watch.bring("omsorg", dated(pages[:2]))
    assert len(watch.waiting) == 1
    assert watch.number("omsorg") == 3
    assert watch.told == []
    watch.look("omsorg")
    watch.look("omsorg", after=DAY)
    assert len(watch.told) == 20
    assert len({row.change for row in watch.told}) == 20


def test_waiting_since_the_first_look_a_mended_profile_reads_it_all(watch: Watch) -> None:
    pages = editions(17, 3)
    wrong = replace(PROFILE, sections=(SectionRule(("Annat",), "ongoing"), *PROFILE.sections[1:]))
    watch.configure(profile=wrong)
    for items in pages:
        assert watch.look("omsorg", items).outcome == "quarantined"
    watch.look("omsorg")
    assert len(watch.waiting) == 3
    watch.configure(profile=PROFILE)
    result = watch.retry("omsorg")
    assert (result.outcome, result.number) == ("first", 3)
    assert watch.waiting == []
    assert len(watch.changes) == len(watch.told) > 0
    assert {cause for cause, *_ in watch.said} == {"late"}
    before = watch.everything_derived()
    watch.rebuild()
    assert watch.everything_derived() == before


def test_a_heading_that_was_renamed_waits_until_the_profile_knows_it(watch: Watch) -> None:
    first, others = editions(18, 1)[0], editions(118, 1)[0]
    watch.look("omsorg", first)
    watch.look("omsorg")
    kept = [item for item in first if item.status != "developing"]
    new = [item for item in others if item.status == "developing"]
    renamed = html([*kept, *new]).replace(b"Under utveckling", "På gång i Granvik".encode())
    for body in (renamed, None, renamed + b"<!-- 2 -->", None):
        assert watch.look("omsorg", body).outcome == "quarantined"
    waiting = watch.waiting
    assert len(waiting) == 2
    assert watch.retry("omsorg").outcome == "quarantined"  # today's profile can't, either
    assert watch.waiting == waiting
    with watch.store.read() as conn:
        looks = derived.load(conn, "omsorg")[1].looks
    assert looks == 6
    mended = replace(
        PROFILE,
        sections=tuple(
            SectionRule((*rule.heading, "På gång i Granvik"), rule.status)
            if rule.status == "developing"
            else rule
            for rule in PROFILE.sections
        ),
    )
    watch.configure(profile=mended)
    # A section of strangers is a mass edit still; but it has been seen for as long as it stood.
    assert watch.look("omsorg").outcome == "quarantined"
    assert watch.look("omsorg", after=DAY).outcome == "changed"
    assert watch.waiting == []
    assert {cause for cause, *_ in watch.said} == {"late"}
    assert {row.change for row in watch.told} == {one["id"] for one in watch.changes}
    assert watch.look("omsorg").outcome == "unchanged"
    before = watch.everything_derived()
    watch.rebuild()
    assert watch.everything_derived() == before


def test_quarantined_imports_that_a_mended_profile_reads_are_nobodys_news(watch: Watch) -> None:
    pages = editions(19, 4)
    wrong = replace(PROFILE, sections=(SectionRule(("Annat",), "ongoing"), *PROFILE.sections[1:]))
    watch.configure(profile=wrong)
    assert watch.bring("omsorg", dated(pages)).quarantined == 4
    watch.configure(profile=PROFILE)
    assert watch.retry("omsorg").number == 4
    assert watch.told == []


# ---------------------------------------------------------------------------------- another reader


def test_another_reader_reads_again_and_tells_nobody(watch: Watch) -> None:
    pages = editions(20, 4)
    for items in pages[:3]:
        watch.look("omsorg", items)
    told, lives = watch.told, watch.lives("omsorg")
    other = replace(PROFILE, stop=(*PROFILE.stop, "Mer att läsa"))
    watch.configure(profile=other)
    assert watch.look("omsorg").outcome == "unchanged"
    assert (watch.told, watch.lives("omsorg")) == (told, lives)
    renamed = tuple(
        SectionRule(rule.heading, "future" if rule.status == "developing" else rule.status)
        for rule in PROFILE.sections
    )
    watch.configure(profile=replace(PROFILE, sections=renamed))
    watch.look("omsorg")
    assert (watch.told, watch.lives("omsorg")) == (told, lives)
    with watch.store.read() as conn:
        codes = [one.code for one in facts.technical_log(conn)]
    assert codes == ["reader"]
    watch.look("omsorg", pages[3])
    assert len(watch.told) > len(told)


def test_a_reader_that_finds_one_more_leaves_the_others_who_they_are(watch: Watch) -> None:
    items = editions(21, 1)[0]
    narrow = replace(PROFILE, sections=PROFILE.sections[1:], stop=(*PROFILE.stop, "Pågår nu"))
    body = html([one for one in items if one.status != "ongoing"])
    extra = (
        b"<h2>P\xc3\xa5g\xc3\xa5r nu</h2><ul><li><strong>Ny bro</strong><p>En bro.</p></li></ul>"
    )
    both = body.replace(b"<h2>Under utveckling", extra + b"<h2>Under utveckling", 1)
    watch.configure(profile=replace(PROFILE, sections=PROFILE.sections[1:]))
    watch.look("omsorg", body.replace(b"<h2>P\xc3\xa5g\xc3\xa5r nu</h2><ul>\n</ul>\n", b""))
    watch.configure(profile=narrow)
    before = watch.lives("omsorg")
    assert before
    watch.configure(profile=PROFILE)
    watch.look("omsorg", both)
    after = watch.lives("omsorg")
    assert {title: after[title] for title in before} == before
    assert len(set(after.values())) == len(after) == len(before) + 1


# ---------------------------------------------------------------------------------------- a crash

KILLED = """
import json, os, sys
from monitor.fetch import Fetcher, FetchRules, OpenGate
from pipeline.visit import World, visit
from snapshots.database import open_database
from tests.support.watching import Watch
from datetime import UTC, datetime
url, where, now = sys.argv[1:]
def clock():
    return datetime.now(UTC)
rules = FetchRules(allow_private=("127.0.0.1",))
world = World(Fetcher(rules, gate=OpenGate(), clock=clock), clock)
watch = Watch(open_database(where), now=clock())
from dataclasses import replace
page = replace(watch.pages["omsorg"], url=url)
if now == "kill":
    seen = visit(watch.store, page, world)
    print(json.dumps(seen.capture), flush=True)
    os.kill(os.getpid(), 9)
from pipeline.check import check_page
done = check_page(watch.store, page, world, watch.subscriptions)
print(json.dumps([done.outcome, list(done.changes)]), flush=True)
world.fetcher.close()
"""


def test_killed_between_the_capture_and_the_derivation_the_next_304_finds_and_tells_it_once(
    tmp_path: Path,
) -> None:
    pages = editions(22, 2)
    bodies = [html(items) for items in pages]
    shown = [0]

    def answer(asked: Asked) -> Served:
        if asked.path == "/robots.txt":
            return Served(status=404)
        tag = f'"{shown[0]}"'
        headers = (HTML, ("ETag", tag))
        if asked.headers.get("if-none-match") == tag:
            return Served(status=304, headers=headers)
        return Served(bodies[shown[0]], headers=headers)

    where = f"sqlite:///{tmp_path / 'store.db'}"
    with Site(answer) as site:

        def program(how: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-c", KILLED, site.url("/omsorg"), where, how]
            return subprocess.run(
                command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
            )

        first = program("look")
        assert json.loads(first.stdout)[0] == "first", first.stderr
        shown[0] = 1
        killed = program("kill")
        assert killed.returncode == -9, killed.stderr
        capture = json.loads(killed.stdout)
        outcome, changes = json.loads(program("look").stdout)
        assert site.log[-1].headers["if-none-match"] == '"1"'  # it was answered with 304
        assert outcome == "changed"
        assert changes
        again = json.loads(program("look").stdout)
    assert again == ["unchanged", []]
    store = open_database(where)
    with store.read() as conn:
        told = conn.execute(sa.select(schema.tellings.c.change)).scalars().all()
        snapshots = conn.execute(sa.select(schema.snapshots.c.capture)).scalars().all()
    store.close()
    assert sorted(told) == sorted(changes)
    assert capture in snapshots


# ------------------------------------------------------------------------------ pages come and go


def test_a_page_retired_and_back_goes_on_where_it_was(watch: Watch) -> None:
    pages = editions(23, 3)
    watch.configure(ids=("omsorg", "trygg"))
    watch.look("omsorg", pages[0])
    watch.look("omsorg", pages[1])
    told, lives = watch.told, watch.lives("omsorg")
    watch.configure(ids=("trygg",))
    watch.now += 30 * DAY
    watch.configure(ids=("omsorg", "trygg"))
    assert watch.look("omsorg").outcome == "unchanged"
    assert (watch.told, watch.lives("omsorg")) == (told, lives)
    watch.look("omsorg", pages[2])
    assert len(watch.told) > len(told)


def test_a_site_that_moves_to_another_host_takes_its_lives_along(watch: Watch) -> None:
    pages = editions(24, 4)
    watch.configure(ids=("omsorg", "trygg"))
    for items in pages[:3]:
        watch.look("omsorg", items)
        watch.look("trygg", items)
    assert watch.lives("omsorg") == watch.lives("trygg")
    told = {one["id"]: one["initiative"] for one in watch.changes if one["subject"] != "page"}
    watch.configure(host="www.granvik.example")
    watch.look("omsorg", pages[3])
    watch.look("trygg", pages[3])
    assert watch.lives("omsorg") == watch.lives("trygg")
    assert told.items() <= {one["id"]: one.get("initiative") for one in watch.changes}.items()
    before = watch.everything_derived()
    watch.rebuild()
    assert watch.everything_derived() == before


def test_a_subscription_hears_of_what_changes_after_it_was_added(watch: Watch) -> None:
    pages = editions(25, 3)
    watch.look("omsorg", pages[0])
    watch.look("omsorg", pages[1])
    first = len(watch.told)
    watch.configure(subscriptions=(by_mail(), by_mail("eva@granvik.example", id="eva")))
    watch.look("omsorg", pages[2])
    new = watch.told[first:]
    assert {row.subscription for row in new} == {"kommunikation", "eva"}
    assert {row.subscription for row in watch.told[:first]} == {"kommunikation"}


# ------------------------------------------------------------------------------------------- speed


def test_years_of_unchanged_looks_fold_without_reading_a_page(watch: Watch) -> None:
    """Each of 3,000 looks moves the cursor; one write keeps them."""
    items = editions(26, 1)[0]
    watch.look("omsorg", items)
    with watch.store.write() as conn:
        for number in range(3000):
            at = watch.now + (number + 1) * HOUR
            facts.record(conn, facts.NewCapture("omsorg", at, again=True))
    statements: list[str] = []
    with watch.store.write() as conn:
        sa.event.listen(
            conn, "before_cursor_execute", lambda *args: statements.append(args[2]), named=False
        )
        assert derive(conn, watch.pages["omsorg"]).outcome == "unchanged"
    assert not any("bodies" in one for one in statements)
    assert sum(one.startswith("UPDATE") for one in statements) == 1
    with watch.store.read() as conn:
        state, cursor = derived.load(conn, "omsorg")
    assert (cursor.looks, state.last_good) == (3001, watch.now + 3000 * HOUR)
