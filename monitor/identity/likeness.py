"""How alike two initiatives are: title, text, links, section, neighbours; 0..1 or unknown.

Words weigh by how rare they are on the page, so that what all initiatives say («vi», «kommunen»,
a template's sentences) says little about who is who. Everything is computed for leftovers only.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from rapidfuzz import fuzz

from monitor.identity.address import address_key
from monitor.model import Initiative
from monitor.text import heading_key

_WORD = re.compile(r"\w+")
_SMALL_PAGE = 20
"""Rarity is judged as if a page had at least this many initiatives."""
_MANY_PAIRS = 400_000
"""Above so many possible pairs only words that few say are followed, and no titles by letters."""
_COMMON_WORD = 20
_WORTH_A_LOOK = 0.5
"""Weight of shared words (a word that stands once on the page weighs 1) below which two differ."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """The components of one pair's likeness. None: nothing to judge by (no text, no links)."""

    title: float
    text: float | None
    links: float | None
    section: bool
    neighbours: float
    swapped: bool = False
    """Title and text differ by the same exchanged word: the mark of template twins."""
    bare: bool = False
    """Neither has any text: the title is all there is to know."""
    in_common: float = 0.0
    """How many telling words the texts share, by weight: half of a long text says more than half
    of a short one."""
    telling: float = 1.0
    """0..1: how much the shorter text says at all; near 0 where every word of it is common."""


class Vocabulary:
    """How much each word says: near 0 for what stands everywhere, 1 for what stands once."""

    def __init__(self, page: Sequence[Initiative], wanted: set[str]) -> None:
        once_each = [rough_words(item.title, item.description) for item in page]
        seen = Counter(chain.from_iterable(once_each))
        size = max(len(page), _SMALL_PAGE) + 1
        scale = math.log(size)
        self._weights = {}
        for word in wanted:
            rarity = math.log(size / (seen[word] + 1 if seen[word] > 1 else 1)) / scale
            weight = max(0.02, rarity * rarity)
            # Short words are mostly grammar, in all our languages, also where a page is too
            # small to show it; figures are not.
            if len(word) <= 3 and not word.isdigit():
                weight *= 0.3
            self._weights[word] = weight

    def weigh(self, words: Iterable[str]) -> dict[str, float]:
        """Each word with its weight times the number of its occurrences."""
        return {word: self._weights[word] * count for word, count in Counter(words).items()}

    def weight(self, word: str) -> float:
        return self._weights[word]


@dataclass(frozen=True, slots=True)
class Face:
    """What one initiative is known by, prepared for comparison with many others."""

    title: str
    title_words: dict[str, float]
    text_words: dict[str, float]
    title_weight: float
    text_weight: float
    links: frozenset[str]
    status: str | None


def words_of(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


_ROUGH = bytes(
    ord(" ") if glyph.isspace() or glyph in ".," else ord(glyph.lower())
    for glyph in map(chr, range(256))
)
"""Of each Latin-1 glyph: folded, or a blank where words end."""


@lru_cache(maxsize=1024)
def rough_words(title: str, description: str) -> frozenset[str]:
    """The words of an initiative, near enough to count by, in a tenth of the time.

    The latest are remembered (4.5 KB each): nearly all of a page's are those of the look before.
    """
    text = f"{title} {description}"
    try:
        folded = text.encode("latin-1").translate(_ROUGH).decode("latin-1")
    except UnicodeEncodeError:
        folded = text.casefold().replace(".", " ").replace(",", " ")
    if "ß" in folded or "µ" in folded:  # the two that casefold writes otherwise
        folded = folded.casefold()
    return frozenset(folded.split())


def faces(items: Sequence[Initiative], page: Sequence[Initiative]) -> list[Face]:
    """The faces of `items`, with words weighed as they are rare on `page`."""
    titles = [heading_key(item.title) for item in items]
    title_words = [words_of(title) for title in titles]
    text_words = [words_of(item.description) for item in items]
    wanted = {word for words in (*title_words, *text_words) for word in words}
    vocabulary = Vocabulary(page, wanted)
    made = []
    for position, item in enumerate(items):
        in_title = vocabulary.weigh(title_words[position])
        in_text = vocabulary.weigh(text_words[position])
        made.append(
            Face(
                title=titles[position],
                title_words=in_title,
                text_words=in_text,
                title_weight=sum(in_title.values()),
                text_weight=sum(in_text.values()),
                links=frozenset(address_key(link.href) for link in item.links if link.href),
                status=item.status,
            )
        )
    return made


def _shared(left: dict[str, float], right: dict[str, float]) -> float:
    if len(right) < len(left):
        left, right = right, left
    return sum(min(weight, right[word]) for word, weight in left.items() if word in right)


def title_likeness(left: Face, right: Face) -> float:
    """1 for the same title (case ignored); words in common by weight, or letters in common."""
    if left.title == right.title:
        return 1.0
    letters = max(0.0, fuzz.ratio(left.title, right.title) / 50.0 - 1.0)
    if letters < 0.8:
        letters = min(letters, _letters_in_common(left, right))
    if not left.title_weight or not right.title_weight:
        return letters
    shared = _shared(left.title_words, right.title_words)
    dice = 2 * shared / (left.title_weight + right.title_weight)
    within = shared / min(left.title_weight, right.title_weight)
    return min(0.97, max(letters, dice, 0.8 * within))


def _letters_in_common(left: Face, right: Face) -> float:
    """Like words in common by weight, where a word nearly as another counts in part."""
    mine, yours = left.title_words, right.title_words
    rest = [word for word in yours if word not in mine and not word.isdigit()]
    shared = _shared(mine, yours)
    for word, weight in mine.items():
        if word not in yours and not word.isdigit() and rest:
            best = max(fuzz.ratio(word, other) for other in rest)
            shared += weight * max(0.0, best / 50.0 - 1.0)
    return 2 * shared / (left.title_weight + right.title_weight or 1.0)


def text_likeness(left: Face, right: Face) -> tuple[float | None, float, float]:
    """Weight of the words in common against all, or against the shorter text; None without text.

    Also that weight itself, and how much the shorter text says at all (0..1).
    """
    if not left.text_weight or not right.text_weight:
        return None, 0.0, 0.0
    shared = _shared(left.text_words, right.text_words)
    whole = 2 * shared / (left.text_weight + right.text_weight)
    shorter = min(left.text_weight, right.text_weight)
    # A text cut to one sentence is still that text; a handful of words is nobody's.
    within = shared / shorter * min(1.0, shorter) * 0.9
    return max(whole, within), shared, min(1.0, shorter / 1.5)


def link_likeness(left: Face, right: Face, common: frozenset[str]) -> float | None:
    """Addresses in common among those that few initiatives share; None where one has no links."""
    mine, yours = left.links - common, right.links - common
    if not mine or not yours:
        return None
    return len(mine & yours) / min(len(mine), len(yours))


def is_swap(left: Face, right: Face) -> bool:
    """Whether title and text differ by the same exchanged word («äldre» for «unga»).

    Without texts the titles alone say it. Most of what differs must be that exchange: a text with
    a new sentence and a title made from it is a rewriting, no twin.
    """
    if not left.title_words.keys() & right.title_words.keys():
        return False
    if left.title.replace(" ", "") == right.title.replace(" ", ""):
        return False  # words glued together
    gone = left.title_words.keys() - right.title_words.keys()
    come = right.title_words.keys() - left.title_words.keys()
    if left.text_weight or right.text_weight:
        lost, won = _surplus(left, right), _surplus(right, left)
        whole = len(gone) == len(come) == 1
        gone, come = gone & lost, come & won
        if not (whole and gone and come) and len(lost | won) > 3 * len(gone | come):
            return False
    return bool(gone and come) and all(fuzz.ratio(old, new) < 60 for old in gone for new in come)


def _surplus(one: Face, other: Face) -> set[str]:
    """The words that one text has more often than the other."""
    theirs = other.text_words
    return {word for word, weight in one.text_words.items() if weight > theirs.get(word, 0.0)}


def shared_addresses(page: Sequence[Initiative]) -> frozenset[str]:
    """Addresses that three or more initiatives of a page lead to: they tell nobody apart."""
    once_each: list[str] = []
    for item in page:
        if item.links:
            once_each += {address_key(link.href) for link in item.links if link.href}
    return frozenset(address for address, number in Counter(once_each).items() if number > 2)


def plausible(left: Sequence[Face], right: Sequence[Face]) -> list[tuple[int, int]]:
    """The pairs worth a closer look: enough telling words, an address, or letters of a title."""
    by_word: dict[str, list[tuple[int, float]]] = defaultdict(list)
    by_link: dict[str, list[int]] = defaultdict(list)
    for position, face in enumerate(right):
        for word, weight in _all_words(face).items():
            by_word[word].append((position, weight))
        for address in face.links:
            by_link[address].append(position)
    pairs: list[tuple[int, int]] = []
    many = len(left) * len(right) > _MANY_PAIRS
    for position, face in enumerate(left):
        shared: dict[int, float] = defaultdict(float)
        for word, weight in _all_words(face).items():
            others = by_word.get(word, ())
            if many and len(others) > _COMMON_WORD:
                continue
            for other, its in others:
                shared[other] += min(weight, its)
        wanted = {other for other, weight in shared.items() if weight >= _WORTH_A_LOOK}
        for address in face.links:
            wanted.update(by_link.get(address, ()))
        for other, rival in enumerate(() if many else right):
            if other not in wanted and fuzz.ratio(face.title, rival.title, score_cutoff=60):
                wanted.add(other)
        pairs.extend((position, other) for other in sorted(wanted))
    return pairs


def _all_words(face: Face) -> dict[str, float]:
    return {**face.text_words, **face.title_words}
