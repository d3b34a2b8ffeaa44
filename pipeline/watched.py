"""A page as the four verbs see it: what the configuration says, under the key its history has."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from monitor.extract import READER_VERSION
from monitor.model import Profile
from monitor.profile import fingerprint
from monitor.step import Reader


@dataclass(frozen=True, slots=True)
class Watched:
    """`key` is the page's first id and carries its history; `id` is what people call it now."""

    key: str
    id: str
    name: str
    url: str
    profile: Profile

    @property
    def group(self) -> str:
        """Pages of one group (host and profile) share initiatives: lives are joined within it."""
        return group_of(self.url, self.profile)

    @property
    def host(self) -> str:
        return (urlsplit(self.url).hostname or "").casefold()

    @property
    def reader(self) -> Reader:
        return Reader(f"{READER_VERSION}:{fingerprint(self.profile)}", self.profile, self.url)


def group_of(url: str, profile: Profile) -> str:
    """The group a page belongs to: its host and its profile's name."""
    return f"{(urlsplit(url).hostname or '').casefold()} {profile.name}"
