"""Which words of a rewording are new and which are gone, in groups that read well. Pure.

The pieces, in order, with all `gone` ones left out are the new text, and with all `new` ones left
out the old. Inside a run of changed words a lone «och» or «i» that stayed is marked along with its
surroundings, so that nobody has to read a patchwork.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from monitor.text import same_key

_TOKEN = re.compile(r"\n\s*\n|\n|[^\S\n]+|[^\W_]+(?:[-'’:.,][^\W_]+)*|[^\w\s]|_")
_BREAK = re.compile(r"\n\s*\n")
_ISLAND_WORDS = 2
"""Up to so many unchanged words between two changes are marked along with them."""
_ISLAND_LETTERS = 8
_REWRITTEN = 0.3
"""Share of words in common below which a paragraph is shown as gone and new as wholes."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text. `text` holds its own white space; a paragraph break is "\\n\\n"."""

    kind: Literal["same", "gone", "new"]
    text: str


def bare(text: str) -> tuple[str, str, str]:
    """A text without the white space before and after it, which no mark is to cover."""
    inner = text.strip()
    before, _, after = text.partition(inner) if inner else (text, "", "")
    return before, inner, after


def mark(old: str, new: str) -> tuple[Piece, ...]:
    """The two texts as one run of pieces; what is the same is given as the new text has it.

    Paragraphs are laid side by side first, so that no marking runs over a paragraph break that
    both texts have.
    """
    if same_key(old) == same_key(new):
        return (Piece("same", new),) if new else ()
    before, after = _paragraphs(old), _paragraphs(new)
    pieces: list[Piece] = []
    for mine, yours in _side_by_side(before, after):
        pieces.extend(_mark_paragraph(mine, yours))
    return _joined(pieces)


def _paragraphs(text: str) -> list[str]:
    """Paragraphs, each with the break that ends it."""
    found, start = [], 0
    for hit in _BREAK.finditer(text):
        found.append(text[start : hit.end()])
        start = hit.end()
    return [*found, text[start:]] if text[start:] else found


def _side_by_side(
    before: Sequence[str], after: Sequence[str]
) -> list[tuple[str | None, str | None]]:
    """Old and new paragraphs in reading order; None where one has no fellow."""
    keys, others = [same_key(text) for text in before], [same_key(text) for text in after]
    pairs: list[tuple[str | None, str | None]] = []
    for tag, a, b, c, d in SequenceMatcher(None, keys, others, autojunk=False).get_opcodes():
        if tag == "equal":
            pairs.extend(zip(before[a:b], after[c:d], strict=True))
        else:
            pairs.extend(_likest(before[a:b], after[c:d]))
    return pairs


def _likest(before: Sequence[str], after: Sequence[str]) -> list[tuple[str | None, str | None]]:
    """Within a changed stretch: pair paragraphs that share words, in order."""
    pairs: list[tuple[str | None, str | None]] = []
    fresh: list[tuple[str | None, str | None]] = []
    place = 0
    for text in after:
        scores = [(_likeness(mine, text), -index) for index, mine in enumerate(before[place:])]
        best = max(scores, default=(0.0, 0))
        if best[0] >= _REWRITTEN:
            found = place - best[1]
            pairs.extend((mine, None) for mine in before[place:found])
            pairs.extend(fresh)
            pairs.append((before[found], text))
            place, fresh = found + 1, []
        else:
            fresh.append((None, text))
    pairs.extend((mine, None) for mine in before[place:])
    return pairs + fresh


def _likeness(one: str, other: str) -> float:
    mine, yours = _words(one), _words(other)
    matcher = SequenceMatcher(None, mine, yours, autojunk=False)
    return matcher.ratio() if matcher.quick_ratio() >= _REWRITTEN else 0.0


def _words(text: str) -> list[str]:
    return [token for token in _TOKEN.findall(same_key(text)) if not token.isspace()]


def _mark_paragraph(old: str | None, new: str | None) -> list[Piece]:
    if old is None or new is None:
        return [Piece("gone", old)] if old else [Piece("new", new or "")]
    if same_key(old) == same_key(new):
        # The break that ends a paragraph may be all that differs: the text then goes on or ends.
        return _ending(old, new, [Piece("same", new.rstrip())])
    mine, yours = _TOKEN.findall(old.rstrip()), _TOKEN.findall(new.rstrip())
    keys, others = [_key(token) for token in mine], [_key(token) for token in yours]
    pieces: list[Piece] = []
    for tag, a, b, c, d in _smooth(
        SequenceMatcher(None, keys, others, autojunk=False).get_opcodes(), keys
    ):
        if tag == "equal":
            pieces.append(Piece("same", "".join(yours[c:d])))
            continue
        pieces.append(Piece("gone", "".join(mine[a:b])))
        pieces.append(Piece("new", "".join(yours[c:d])))
    return _ending(old, new, pieces)


def _ending(old: str, new: str, pieces: list[Piece]) -> list[Piece]:
    before, after = old[len(old.rstrip()) :], new[len(new.rstrip()) :]
    if bool(before) == bool(after):
        return [*pieces, Piece("same", after)]
    return [*pieces, Piece("gone", before), Piece("new", after)]


def _key(token: str) -> str:
    return " " if token.isspace() else same_key(token)


_Opcode = tuple[str, int, int, int, int]


def _smooth(opcodes: Sequence[_Opcode], keys: Sequence[str]) -> list[_Opcode]:
    """Join changes that only a few small words keep apart."""
    smooth: list[_Opcode] = []
    for place, (tag, a, b, c, d) in enumerate(opcodes):
        inside = 0 < place < len(opcodes) - 1
        if tag == "equal" and inside and _is_island(keys[a:b]):
            tag = "replace"
        if smooth and tag != "equal" and smooth[-1][0] != "equal":
            _, first, _, third, _ = smooth[-1]
            smooth[-1] = ("replace", first, b, third, d)
        else:
            smooth.append((tag, a, b, c, d))
    return smooth


def _is_island(keys: Sequence[str]) -> bool:
    words = [key for key in keys if key != " "]
    if any(key in (".", "!", "?", ":") for key in words):
        return False
    return len(words) <= _ISLAND_WORDS and sum(map(len, words)) <= _ISLAND_LETTERS


def _joined(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """Neighbours of one kind as one piece; empty ones left out; gone before new."""
    joined: list[Piece] = []
    for piece in pieces:
        if not piece.text:
            continue
        if joined and joined[-1].kind == piece.kind:
            joined[-1] = Piece(piece.kind, joined[-1].text + piece.text)
        else:
            joined.append(piece)
    return tuple(joined)
