"""The frozen values that travel through Visionsvakt. Words are the glossary's (docs/glossary.md).

Nothing here does I/O, and nothing here knows how it is stored or told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Literal, TypeAlias

Kind: TypeAlias = str
"""One of KINDS."""

KINDS: tuple[Kind, ...] = (
    "added",
    "restored",
    "removed",
    "moved",
    "renamed",
    "reworded",
    "relinked",
)
"""Every kind of change, in the order in which a change lists them."""

CAME_OR_LEFT: frozenset[Kind] = frozenset({"added", "restored", "removed"})
"""The kinds of changes that have one side only."""

Outcome: TypeAlias = Literal["first", "unchanged", "changed", "failed", "quarantined"]
"""How one look at a page ended."""


@dataclass(frozen=True, slots=True)
class Link:
    """One link of an initiative. A null `href` (could not be resolved) equals any."""

    text: str
    href: str | None
    external: bool = False


@dataclass(frozen=True, slots=True)
class Initiative:
    """One structured thing on the page: the original texts, as shown.

    `description` joins its paragraphs with a blank line; a `<br>` is one line break; none is "".
    `status` is the profile's word (`ongoing`, …) or None where the profile does not know it.
    """

    title: str
    description: str = ""
    links: tuple[Link, ...] = ()
    status: str | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A run of initiatives under one heading, in page order."""

    heading: str
    status: str | None
    initiatives: tuple[Initiative, ...]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a reading can't be trusted. `code` is stable; `detail` names the thing (a heading, …).

    `relative` reasons hold against the page's own past only, and repetition releases them;
    the others wait for a person however often they are seen.
    """

    code: str
    text: str
    detail: str = ""
    relative: bool = False


@dataclass(frozen=True, slots=True)
class PageWords:
    """The page's own words: what is compared beside the initiatives."""

    title: str
    intro: tuple[str, ...]
    headings: tuple[tuple[str | None, str], ...]
    """(status, heading) of each section, in page order."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read from one capture. `shape` names the grammar that fitted (for operators)."""

    title: str
    intro: tuple[str, ...]
    language: str
    sections: tuple[Section, ...]
    unclaimed: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()
    shape: str = ""
    canonical: str | None = None

    @property
    def verdict(self) -> Literal["good", "suspect"]:
        return "suspect" if self.reasons else "good"

    @property
    def initiatives(self) -> tuple[Initiative, ...]:
        return tuple(chain.from_iterable([section.initiatives for section in self.sections]))

    @property
    def words(self) -> PageWords:
        headings = tuple((section.status, section.heading) for section in self.sections)
        return PageWords(self.title, self.intro, headings)


@dataclass(frozen=True, slots=True)
class Figures:
    """One good reading's figures, to compare later ones with. `counts`: (status, initiatives)."""

    counts: tuple[tuple[str | None, int], ...]
    characters: int
    unclaimed_characters: int


@dataclass(frozen=True, slots=True)
class Source:
    """Bytes to read, with what the server said of them. `url` resolves relative links."""

    body: bytes
    content_type: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class SectionRule:
    """Headings (whole, white space folded, case ignored) that open a section of one status."""

    heading: tuple[str, ...]
    status: str


@dataclass(frozen=True, slots=True)
class Profile:
    """A declaration of how one kind of page is written. Pure data; see `monitor.profile`."""

    name: str
    language: str
    sections: tuple[SectionRule, ...]
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """One capture as the fold sees it. `body` is its hash, None where no whole body came.

    `again` says that the server answered 304: the content is that of the body seen last. `source`
    is look, or where an imported capture came from.
    """

    id: str
    at: datetime
    body: str | None
    again: bool = False
    failure: Reason | None = None
    content_type: str | None = None
    url: str | None = None
    source: str = "look"


@dataclass(frozen=True, slots=True)
class Observation:
    """One initiative seen at one place: what decisions and anchors name, never a derived id.

    `ordinal` tells it from the others of the capture: a number made from its title (see
    `monitor.step.observations_of`), so that it means the same to every reader.
    """

    capture: str
    ordinal: int


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to one initiative on one page, or to the page's own words.

    `old` is None on added and restored, `new` on removed. For the page's own words `subject` is
    "page", `field` one of title, intro, section, and `old_text`/`new_text` hold the words.
    `after` is the last good look that showed the old, `before` the first that showed the new.
    """

    subject: Literal["initiative", "page"]
    kinds: tuple[Kind, ...]
    old: Initiative | None = None
    new: Initiative | None = None
    field: Literal["title", "intro", "section"] | None = None
    old_text: str | None = None
    new_text: str | None = None
    certainty: float = 1.0
    signals: tuple[str, ...] = ()
    track: str | None = None
    id: str = ""
    after: datetime | None = None
    before: datetime | None = None
    old_snapshot: int | None = None
    new_snapshot: int | None = None
    old_seen: Observation | None = None
    new_seen: Observation | None = None
    late: bool = False
    """Found when a quarantine ended: «upptäckt i efterhand»."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """What people settled, as the fold takes it: by capture id, and by pairs of observations."""

    accepted: frozenset[str] = frozenset()
    rejected: frozenset[str] = frozenset()
    same: tuple[tuple[Observation, Observation], ...] = ()
    different: tuple[tuple[Observation, Observation], ...] = ()
    marks: frozenset[Observation] = field(default_factory=frozenset)
    """Every observation a decision or an anchor names; the fold remembers when it passes one."""
    named: frozenset[str] = field(init=False)
    """Every capture in which the fold has something to mind."""

    def __post_init__(self) -> None:
        marked = frozenset(mark.capture for mark in self.marks)
        object.__setattr__(self, "named", self.accepted | self.rejected | marked)


def short_id(prefix: str, parts: Sequence[object]) -> str:
    """A short, stable id made from what it names: `c-` and 20 hexadecimal digits (80 bits)."""
    text = "\x1f".join(str(part) for part in parts)
    return f"{prefix}-{hashlib.sha256(text.encode()).hexdigest()[:20]}"
