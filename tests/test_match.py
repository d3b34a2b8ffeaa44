"""Who is who between two snapshots of a page."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.identity.own import score
from benchmarks.identity.score import Score
from monitor.diff import compare, kinds_of
from monitor.identity.address import address_key
from monitor.identity.assign import assign, total
from monitor.identity.likeness import rough_words
from monitor.identity.match import Constraints, Matching, explain, match
from monitor.model import Initiative
from tests.support.histories import make_history, many_histories, many_styles
from tests.support.initiatives import DAGVATTEN, LASLYFT, ODLING, item, pages

SHARED = Path(__file__).parents[2] / "shared"


def _page() -> list[Initiative]:
    return [
        item("Stadsodling på Kvarntorget", ODLING),
        item("Läslyft på förskolan", LASLYFT),
        item("Dagvattendammar vid Hammarbacken", DAGVATTEN, "developing"),
        item("Fixarservice", "Äldre får hjälp att byta lampor och sätta upp gardiner."),
        item("Nattvandring", "Föreningar vandrar i centrum varje fredag."),
    ]


def _partners(matching: Matching) -> dict[int, int]:
    return {pair.old: pair.new for pair in matching.pairs if not pair.restored}


def test_moved_retitled_and_partly_rewritten_in_one_edit_is_one_initiative() -> None:
    old = _page()
    text = ODLING.replace("delas vid en höstfest", "skänks till stadens härbärge")
    new = [*old[1:], item("Program för grönska och gemenskap", text, "partnership")]
    pair = next(pair for pair in match(old, new).pairs if pair.old == 0)
    assert pair.new == 4
    assert pair.certainty >= 0.9


def test_one_that_left_while_an_unlike_one_took_its_place_is_two() -> None:
    old = _page()
    new = list(old)
    new[1] = item("Elbilspool för hemtjänsten", "Hemtjänsten delar tolv elbilar mellan områdena.")
    matching = match(old, new)
    assert 1 not in _partners(matching)
    assert 1 not in _partners(matching).values()


def test_template_twins_are_two() -> None:
    text = (
        "Kursen ger {} i Granvik verktyg för en tryggare vardag och avslutas med en gemensam fest."
    )
    old = [*_page(), item("Trygghetskurs för äldre", text.format("äldre"))]
    both = [*old, item("Trygghetskurs för unga", text.format("unga"))]
    assert _partners(match(old, both))[5] == 5, "a twin came: the first is who it was"
    swapped = [*_page(), item("Trygghetskurs för unga", text.format("unga"))]
    matching = match(old, swapped)
    left = 5 not in _partners(matching)
    assert left, "one twin left, another came"
    renamed = [*_page(), item("Trygghetskurs för seniorer", text.format("äldre"))]
    assert _partners(match(old, renamed))[5] == 5, "the text stayed: a new name, not a twin"


def test_a_twin_of_one_that_left_is_new_whatever_else_was_written_since() -> None:
    text = (
        "Kursen ger {} i Granvik verktyg för en tryggare vardag och avslutas med en gemensam fest."
    )
    more = " Anmälan öppnar i biblioteket den första måndagen i varje månad och är kostnadsfri."
    gone = item("Trygghetskurs för äldre", text.format("äldre") + more)
    twin = item("Trygghetskurs för unga", text.format("unga"), "developing")
    assert not match([], [twin], [gone]).pairs


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Fritidsbank, skolskogar och läslyft", "Fritidsbank, skolskogaroch läslyft"),
        ("Nattvandring i centrum", "Natvandring i centrum"),
        ("Skolgårdar", "Skolgårdarna"),
    ],
)
def test_letters_lost_and_words_glued_together_are_the_same_name(old: str, new: str) -> None:
    others = [item("Isbana"), item("Musikskola")]
    assert _partners(match([*others, item(old)], [*others, item(new, status="developing")])) == {
        0: 0,
        1: 1,
        2: 2,
    }


def test_letters_in_common_of_unlike_words_make_no_name_the_same() -> None:
    others = [item(f"Nätverket {place} 2024") for place in ("Hagby", "Almsjö", "Ekholma")]
    old = [*others, item("Nätverket Strandtorp 2023")]
    new = [*others, item("Nätverket Strandhamn 2031", status="developing")]
    assert 3 not in _partners(match(old, new))


def test_the_same_title_in_two_sections_is_two() -> None:
    one = item("Sommarlovskul", ODLING, "ongoing")
    other = item("Sommarlovskul", LASLYFT, "developing")
    new_other = item("Sommarlovskul", LASLYFT + " Nytt för i år är simskola.", "developing")
    assert _partners(match([one, other], [new_other, one])) == {0: 1, 1: 0}
    twins = [item("Sommarlovskul", ODLING, "ongoing"), item("Sommarlovskul", ODLING, "developing")]
    assert _partners(match(twins, twins[::-1])) == {0: 1, 1: 0}


def test_a_name_passed_on_to_another_thing_does_not_take_the_identity_along() -> None:
    old = _page()
    new = [
        item("Stadsodling på Kvarntorget", "Kommunen säljer kolonilotter vid Norra infarten."),
        item("Stadsodling på Kvarntorget (etapp 2)", ODLING),
        *old[1:],
    ]
    assert _partners(match(old, new))[0] == 1


def test_a_title_keeps_its_identity_when_all_the_text_is_new() -> None:
    old = _page()
    new = [item("Stadsodling på Kvarntorget", LASLYFT, "partnership"), *old[1:]]
    assert _partners(match(old, new))[0] == 0


def test_titles_alone_are_enough_where_nobody_has_a_description() -> None:
    old = [item(title) for title in ("Badhus", "Skolskogar", "Fritidsbank", "Musikskola")]
    new = [
        item("Fritidsbanken 2027"),
        item("Skolskogar", status="developing"),
        item("Nytt badhus", status="developing"),
        item("Isbana"),
    ]
    assert _partners(match(old, new)) == {0: 2, 1: 1, 2: 0}


def test_what_left_is_restored_with_its_old_identity_also_when_touched_up() -> None:
    here, gone = _page()[1:], _page()[0]
    back = item("Stadsodling på Kvarntorget", ODLING.replace("oktober", "november"), "developing")
    matching = match(here, [*here, back], [item("Annat", "Något helt annat."), gone])
    restored = [pair for pair in matching.pairs if pair.restored]
    assert [(pair.old, pair.new) for pair in restored] == [(1, 4)]


def test_a_newcomer_like_nobody_departed_is_new() -> None:
    here, gone = _page()[1:], _page()[0]
    matching = match(here, [*here, item("Isbana", "En konstfrusen bana öppnar i vinter.")], [gone])
    assert not any(pair.restored for pair in matching.pairs)


def test_among_many_departed_the_right_one_is_found() -> None:
    history = make_history(3, many_styles()[0], editions=1)
    departed = history.editions[0].initiatives
    back = departed[57]
    changed = Initiative(back.title + " 2027", back.description, (), "partnership")
    matching = match(_page(), [*_page(), changed], departed)
    assert [(pair.old, pair.new) for pair in matching.pairs if pair.restored] == [(57, 5)]


def test_a_decision_that_two_are_the_same_is_kept() -> None:
    old, new = _page(), _page()
    new[1] = item("Elbilspool", "Hemtjänsten delar tolv elbilar.")
    matching = match(old, new, constraints=Constraints(same=frozenset({(1, 1)})))
    assert _partners(matching)[1] == 1


def test_a_decision_that_two_differ_is_kept_also_against_equal_texts() -> None:
    old = _page()
    matching = match(old, old, constraints=Constraints(different=frozenset({(1, 1)})))
    assert 1 not in _partners(matching)
    gone = [item("Isbana", "En konstfrusen bana öppnar i vinter.")]
    constraints = Constraints(different_departed=frozenset({(0, 0)}))
    assert not match([], gone, gone, constraints).pairs
    constraints = Constraints(same_departed=frozenset({(0, 0)}))
    assert match([], [item("Ridhus")], gone, constraints).pairs[0].restored


def test_explain_names_the_pairs_considered_their_parts_and_the_runner_up() -> None:
    old = _page()
    text = ODLING.replace("delas vid en höstfest", "skänks till stadens härbärge")
    new = [*old[1:], item("Program för grönska", text, "partnership")]
    told_why = explain(old, new)
    assert [one.new for one in told_why] == [4], "what stayed as it was needs no explaining"
    best = told_why[0].candidates[0]
    assert told_why[0].by == "likeness"
    assert best.index == 0
    assert best.likeness.text is not None
    assert best.likeness.text > 0.8
    left = explain(old, new[:-1])[-1]
    assert (left.old, left.new, left.pair) == (0, None, None)
    scores = [candidate.score for candidate in told_why[0].candidates]
    assert scores == sorted(scores, reverse=True)


def test_two_equally_likely_are_told_apart_with_little_certainty() -> None:
    text = "Verkstaden lagar cyklar gratis varje lördag och lånar ut verktyg till alla som vill."
    old = [item("Cykelverkstad norr", text), item("Cykelverkstad söder", text)]
    new = [item("Gratis reparationer på lördagar", text, "developing")]
    assert all(pair.certainty < 0.9 for pair in match(old, new).pairs)


def test_of_two_merged_into_one_the_one_that_left_is_as_unsure_as_the_one_that_stayed() -> None:
    merged = item("Läslyft och fixarservice", f"{LASLYFT} {ODLING}", "developing")
    old = [item("Läslyft", LASLYFT), item("Fixarservice", ODLING), item("Isbana", DAGVATTEN)]
    new = [merged, old[2]]
    matching = match(old, new)
    stayed = next(pair for pair in matching.pairs if pair.new == 0)
    (left,) = (one for one in compare(old, new, matching) if one.kinds == ("removed",))
    assert stayed.certainty < 0.9
    assert left.certainty <= stayed.certainty + 0.01


@given(pages, pages, pages)
def test_each_index_is_paired_at_most_once(
    old: list[Initiative], new: list[Initiative], departed: list[Initiative]
) -> None:
    matching = match(old, new, departed)
    present = [pair for pair in matching.pairs if not pair.restored]
    back = [pair for pair in matching.pairs if pair.restored]
    assert len({pair.new for pair in matching.pairs}) == len(matching.pairs)
    assert len({pair.old for pair in present}) == len(present)
    assert len({pair.old for pair in back}) == len(back)
    assert all(0.0 <= pair.certainty <= 1.0 for pair in matching.pairs)
    assert match(old, new, departed) == matching, "and the same every time"


@given(
    st.dictionaries(
        st.tuples(st.integers(0, 4), st.integers(0, 4)), st.floats(0.01, 10.0), max_size=14
    )
)
def test_assignment_is_the_best_there_is(edges: dict[tuple[int, int], float]) -> None:
    chosen = assign(edges)
    assert len({left for left, _ in chosen}) == len({right for _, right in chosen}) == len(chosen)
    best = max(
        sum(edges.get((left, right), 0.0) for left, right in zip(range(5), rights, strict=True))
        for rights in itertools.permutations(range(5))
    )
    assert total(edges) == pytest.approx(best)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (
            "/gammal.4.2c920f00184500c8ebfb7b98.html",
            "/ny/vag.4.2c920f00184500c8ebfb7b98.html",
            True,
        ),
        ("/a.4.2c920f00184500c8ebfb7b98.html", "/a.4.2c920f00184500c8ebfb7b99.html", False),
        ("/a.4.2c920f00184500c8ebfb7b98.html", "/a.5.2c920f00184500c8ebfb7b98.html", False),
        ("/sida;jsessionid=A1B2?x=1", "/sida?x=1&sv.target=12.f&state=ajax", True),
        ("/sida?x=1", "/sida?x=2", False),
        ("/sida?x=1&state=ajax", "/sida?&x=%31", True),
        (
            "https://granvik.example/a/b.4.2c920f00184500c8ebfb7b98.html",
            "https://granvik.example/c.4.2C920F00184500C8EBFB7B98.html",
            True,
        ),
        (
            "/download/18.ab12cd34ef/1694437918975/p.pdf",
            "/download/18.ab12cd34ef/1711111111111/p.pdf",
            True,
        ),
        ("http://Granvik.example/a", "https://granvik.example/a", True),
        ("mailto:a@granvik.example", "mailto:b@granvik.example", False),
        ("https://granvik.example/a#del", "https://granvik.example/a", False),
        ("http://[fel", "http://[fel", True),
    ],
)
def test_an_address_is_the_page_it_leads_to(one: str, other: str, same: bool) -> None:
    assert (address_key(one) == address_key(other)) is same


def test_words_are_counted_folded_whatever_their_glyphs() -> None:
    for glyph in map(chr, range(0x2100)):
        words = frozenset(
            f"{glyph} Å{glyph}b".casefold().replace(".", " ").replace(",", " ").split()
        )
        assert rough_words(glyph, f"Å{glyph}b") == words


def test_what_is_called_the_same_differs_in_nothing_a_reader_sees() -> None:
    for seed, style in many_histories(16, first_seed=60):
        for before, after in itertools.pairwise(make_history(seed, style).editions):
            old, new = before.initiatives, after.initiatives
            alike = [pair for pair in match(old, new).pairs if pair.same]
            assert alike
            assert not any(kinds_of(old[pair.old], new[pair.new]) for pair in alike)


def test_histories_of_every_style_are_told_right_and_certainties_keep_their_promise() -> None:
    pooled = Score()
    for seed, style in many_histories(32, first_seed=700):
        pooled.merge(score(make_history(seed, style)))
    assert pooled.f1 >= 0.995, pooled.table() + "\n" + "\n".join(pooled.misses)
    assert pooled.right_when_sure >= 0.99
    assert pooled.sure_when_right >= 0.90


@pytest.mark.slow
def test_two_hundred_and_more_histories_pooled() -> None:
    pooled = Score()
    for seed, style in many_histories(256):
        pooled.merge(score(make_history(seed, style)))
    assert pooled.f1 >= 0.995, pooled.table() + "\n" + "\n".join(pooled.misses)
    assert pooled.right_when_sure >= 0.99
    assert pooled.sure_when_right >= 0.90


@pytest.mark.slow
def test_histories_of_meaner_edits_are_nearly_all_told_right() -> None:
    pooled = Score()
    for seed, style in many_histories(96, first_seed=3000):
        pooled.merge(score(make_history(seed, replace(style, odd_share=0.5))))
    assert pooled.f1 >= 0.99, pooled.table() + "\n" + "\n".join(pooled.misses)
    assert pooled.right_when_sure >= 0.99
    assert pooled.sure_when_right >= 0.90


def test_the_generator_is_no_easier_than_the_hard_histories() -> None:
    kinds = [
        {"moved", "renamed", "reworded"} <= event.kinds
        for seed, style in many_histories(32, first_seed=700)
        for edition in make_history(seed, style).editions
        for event in edition.events
    ]
    assert sum(kinds) / len(kinds) >= 0.185


@pytest.mark.skipif(not (SHARED / "histories").is_dir(), reason="no shared histories here")
@pytest.mark.parametrize(
    "folder", sorted(SHARED.glob("histories/*/truth.json")), ids=lambda path: path.parent.name
)
def test_the_shared_histories_are_told_right(folder: Path) -> None:
    from benchmarks.identity.folders import BOUNDS, score_in_process

    result = score_in_process(folder.parent)
    family = folder.parent.name.partition("-")[0]
    assert result.f1 >= BOUNDS[family], "\n".join(result.misses)
