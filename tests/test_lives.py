"""One initiative over several pages: one life, whatever the order anything came in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.identity.lives import TrackSummary, content_key, join
from monitor.identity.match import match
from monitor.model import Initiative, Observation
from tests.support.histories import Style, make_history
from tests.support.initiatives import ODLING, item

START = datetime(2026, 3, 2, 10, tzinfo=UTC)


def _at(minutes: int | None) -> datetime | None:
    return None if minutes is None else START + timedelta(minutes=minutes)


def _track(
    name: str, page: str, *spans: tuple[int, int | None, str], ordinal: int = 0
) -> TrackSummary:
    """Spans: (from minute, to minute or None, content)."""
    return TrackSummary(
        name,
        page,
        tuple(
            (START + timedelta(minutes=a), Observation(f"k-{page}-{a}", ordinal))
            for a, _, _ in spans
        ),
        tuple((START + timedelta(minutes=a), _at(b), key) for a, b, key in spans),
    )


def _seen(track: TrackSummary, index: int = 0) -> Observation:
    return track.observations[index][1]


def test_what_two_pages_say_word_for_word_is_one_life() -> None:
    tracks = [_track("i-b", "trygg", (15, None, "x")), _track("i-a", "omsorg", (0, None, "x"))]
    assert join(tracks, {}) == {"i-a": "i-a", "i-b": "i-a"}, "named by the first observation"


def test_an_edit_that_reaches_the_pages_at_different_times_keeps_one_life() -> None:
    one = _track("i-a", "omsorg", (0, 60, "x"), (60, None, "y"))
    other = _track("i-b", "trygg", (5, 75, "x"), (75, None, "y"))
    assert len(set(join([one, other], {}).values())) == 1


def test_a_page_first_looked_at_after_the_edit_still_joins_by_the_earlier_version() -> None:
    one = _track("i-a", "omsorg", (0, 60, "x"), (60, None, "y"))
    late = _track("i-b", "trygg", (70, 80, "x"), (80, None, "y"))
    assert len(set(join([one, late], {}).values())) == 1


def test_what_leaves_one_page_and_enters_another_is_one_life() -> None:
    one = _track("i-a", "omsorg", (0, 60, "x"))
    other = _track("i-b", "trygg", (60, None, "x"))
    assert len(set(join([one, other], {}).values())) == 1


def test_template_twins_and_other_texts_are_not_one_life() -> None:
    old, young = item("Kurs för äldre", ODLING), item("Kurs för unga", ODLING)
    assert content_key(old) != content_key(young)
    tracks = [
        _track("i-a", "omsorg", (0, None, content_key(old))),
        _track("i-b", "trygg", (0, None, content_key(young))),
    ]
    assert len(set(join(tracks, {}).values())) == 2


def test_content_is_title_and_text_neither_status_nor_links_nor_glyphs() -> None:
    one = item("Läs\u00adlyft", ODLING, "ongoing", (("Mer", "https://a.example"),))
    assert content_key(one) == content_key(item("Läslyft", ODLING.replace(" ", "  "), "developing"))


def test_two_that_stand_on_one_page_at_the_same_time_are_never_joined() -> None:
    first = _track("i-a", "omsorg", (0, None, "x"), ordinal=1)
    second = _track("i-b", "omsorg", (0, None, "x"), ordinal=2)
    other = _track("i-c", "trygg", (5, None, "x"), ordinal=1)
    another = _track("i-d", "trygg", (5, None, "x"), ordinal=2)
    lives = join([another, second, other, first], {}, same=[(_seen(first), _seen(second))])
    assert lives["i-a"] != lives["i-b"]
    assert lives["i-c"] == lives["i-a"]
    assert lives["i-d"] == lives["i-b"]


def test_people_join_and_part_and_parting_wins() -> None:
    one, other = _track("i-a", "omsorg", (0, None, "x")), _track("i-b", "trygg", (0, None, "y"))
    pair = [(_seen(one), _seen(other))]
    assert len(set(join([one, other], {}, same=pair).values())) == 1
    alike = _track("i-b", "trygg", (0, None, "x"))
    pair = [(_seen(alike), _seen(one))]
    assert len(set(join([one, alike], {}, different=pair).values())) == 2
    assert len(set(join([one, alike], {}, same=pair, different=pair).values())) == 2


def test_a_published_id_stays_with_its_life_when_older_looks_are_found() -> None:
    told = _track("i-told", "omsorg", (100, None, "x"))
    older = _track("i-older", "trygg", (0, None, "x"))
    lives = join([told, older], {_seen(told): "i-told"})
    assert set(lives.values()) == {"i-told"}


def test_the_oldest_anchor_names_a_life_and_no_id_names_two() -> None:
    one, other = _track("i-a", "omsorg", (0, None, "x")), _track("i-b", "trygg", (9, None, "x"))
    anchors = {_seen(one): "i-first", _seen(other): "i-second"}
    assert set(join([one, other], anchors).values()) == {"i-first"}
    parted = join([one, other], anchors, different=[(_seen(one), _seen(other))])
    assert parted == {"i-a": "i-first", "i-b": "i-second"}
    shared = join(
        [one, other],
        {_seen(one): "i-b", _seen(other): "i-b"},
        different=[(_seen(one), _seen(other))],
    )
    assert shared["i-a"] == "i-b"
    assert shared["i-b"] not in ("i-a", "i-b")


_spans = st.lists(
    st.tuples(st.integers(0, 20), st.integers(1, 8), st.sampled_from("xyz")), min_size=1, max_size=3
)


@st.composite
def _many(draw: st.DrawFn) -> list[TrackSummary]:
    tracks = []
    for number in range(draw(st.integers(0, 7))):
        minute, spans = draw(st.integers(0, 20)), []
        for gap, length, key in draw(_spans):
            minute += gap
            spans.append((minute, minute + length, key))
            minute += length
        tracks.append(_track(f"i-{number}", draw(st.sampled_from("abc")), *spans, ordinal=number))
    return tracks


@given(st.data(), _many())
def test_no_order_of_tracks_decisions_or_anchors_matters(
    data: st.DataObject, tracks: list[TrackSummary]
) -> None:
    seen = [one for track in tracks for _, one in track.observations]
    pairs = st.lists(st.tuples(st.sampled_from(seen), st.sampled_from(seen)), max_size=3)
    same, different = (data.draw(pairs), data.draw(pairs)) if seen else ([], [])
    named = st.dictionaries(st.sampled_from(seen), st.sampled_from(["i-0", "i-p", "i-q"]))
    anchors = data.draw(named) if seen else {}
    lives = join(tracks, anchors, same, different)
    again = join(
        data.draw(st.permutations(tracks)),
        dict(reversed(anchors.items())),
        data.draw(st.permutations(same)),
        [(other, one) for one, other in data.draw(st.permutations(different))],
    )
    assert again == lives
    assert lives.keys() == {track.track for track in tracks}
    for one in tracks:
        for other in tracks:
            if one is other or lives[one.track] != lives[other.track] or one.page != other.page:
                continue
            for start, end, _ in one.contents:
                for begin, stop, _ in other.contents:
                    assert end is not None
                    assert stop is not None
                    assert end <= begin or stop <= start, "two at once on one page"


def _siblings(seed: int) -> tuple[list[TrackSummary], dict[str, int]]:
    """Four pages that share a town's initiatives, each edit reaching them at its own time; the
    tracks that matching finds on each, and who each track truly is."""
    history = make_history(seed, Style(size=60, twin_share=0.1, events=(2, 5)), editions=30)
    tracks: list[TrackSummary] = []
    truth: dict[str, int] = {}
    for number, page in enumerate(("omsorg", "trygg", "motsi", "mod")):
        old: list[tuple[str, Initiative]] = []
        gone: list[tuple[str, Initiative]] = []
        runs: dict[str, list[tuple[datetime, datetime | None, str]]] = {}
        seen: dict[str, list[tuple[datetime, Observation]]] = {}
        for edition in history.editions:
            at = edition.at + timedelta(minutes=4 * number)
            stands = [
                (who, one)
                for who, one in zip(edition.who, edition.initiatives, strict=True)
                if who % 4 == number or who % 3 == 0  # a third stands on all four
            ]
            new = [one for _, one in stands]
            pairs = match([one for _, one in old], new, [one for _, one in gone]).pairs
            home = {p.new: (gone if p.restored else old)[p.old][0] for p in pairs}
            here: list[tuple[str, Initiative]] = []
            for place, (who, one) in enumerate(stands):
                track = home.get(place, f"i-{page}-{at:%d%H%M}-{place}")
                truth.setdefault(track, who)
                seen.setdefault(track, []).append((at, Observation(f"k-{page}-{at}", place)))
                spans = runs.setdefault(track, [])
                key = content_key(one)
                if not spans or spans[-1][1] is not None:
                    spans.append((at, None, key))
                elif spans[-1][2] != key:
                    spans[-1:] = [(spans[-1][0], at, spans[-1][2]), (at, None, key)]
                here.append((track, one))
            standing = {track for track, _ in here}
            for track, one in old:
                if track not in standing:
                    runs[track][-1] = (runs[track][-1][0], at, runs[track][-1][2])
                    gone.append((track, one))
            gone = [(track, one) for track, one in gone if track not in standing]
            old = here
        tracks += [TrackSummary(t, page, tuple(seen[t]), tuple(runs[t])) for t in runs]
    return tracks, truth


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_four_sibling_pages_over_thirty_editions_have_the_lives_they_had_in_truth(
    seed: int,
) -> None:
    tracks, truth = _siblings(seed)
    lives = join(tracks, {})
    wrong = [
        (one.track, other.track)
        for one in tracks
        for other in tracks
        if (lives[one.track] == lives[other.track]) != (truth[one.track] == truth[other.track])
    ]
    assert not wrong
