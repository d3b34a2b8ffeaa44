"""Profiles: which heading opens which section, and which status each section carries. Pure data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from monitor.model import Profile, SectionRule, Source

BORAS = Profile(
    name="boras",
    language="sv",
    sections=(
        SectionRule(("Det här gör vi nu",), "ongoing"),
        SectionRule(("Det här utvecklar vi",), "developing"),
        SectionRule(
            ("Nätverk och partnerskap där vi arbetar tillsammans med andra",), "partnership"
        ),
    ),
    stop=(
        "Om du har frågor kontakta:",
        "Om du har frågor kontakta",
        "Nyheter",
        "Kontakt",
        "Dela sidan",
        "Senast ändrad",
    ),
)

BUILTIN: Mapping[str, Profile] = MappingProxyType({"boras": BORAS})
"""The profiles that come with the program, by name."""


def fingerprint(profile: Profile) -> str:
    """16 hexadecimal digits that change when, and only when, the profile reads differently."""
    said = {
        "language": profile.language,
        "sections": [[list(rule.heading), rule.status] for rule in profile.sections],
        "stop": list(profile.stop),
    }
    text = json.dumps(said, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class FoundHeading:
    """One heading of a page: where it stands, how many initiatives follow, what it would be."""

    text: str
    level: int
    initiatives: int
    part: str
    """"section", "stop", "title" or "text"."""


@dataclass(frozen=True, slots=True)
class ProfileDraft:
    """What a person needs to write a profile: the headings found, and a block to paste."""

    headings: tuple[FoundHeading, ...]
    toml: str


def suggest(source: Source) -> ProfileDraft:
    """Help a person write a profile for a page that has none: see `monitor.drafting`."""
    from monitor.drafting import draft  # it reads the page, which costs an import

    return draft(source)
