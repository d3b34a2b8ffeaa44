"""What is told becomes one digest: netted, folded over pages, sorted, most important first. Pure.

    tellings -> net (per initiative and page) -> fold (over pages) -> cross (left one, entered
    another) -> sort -> entries

An entry holds contract changes, as webhooks carry them, and says how people read them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from monitor.model import CAME_OR_LEFT, KINDS
from monitor.text import same_key

Document: TypeAlias = dict[str, Any]

GROUPS: Final = (
    "corrections",
    "moved",
    "added",
    "restored",
    "crossed",
    "removed",
    "renamed",
    "reworded",
    "relinked",
    "page",
    "doubled",
    "back",
)
"""How a digest is divided, most important first."""
IN_FULL: Final = 10
"""So many changes of one group are told in full, the rest as titles."""
_CAME: Final = frozenset({"added", "restored"})
_SIDES: Final = ("title", "status", "description", "links")


@dataclass(frozen=True, slots=True)
class PageInfo:
    """A watched page as messages name it. `key` is its store's key, `id` the configured one;
    `language` is the one its texts are in, "" where that is not known."""

    key: str
    id: str
    name: str
    url: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class Telling:
    """One change to be told, frozen: the contract's JSON, its page, and why it is told.

    `cause` is look, late (found afterwards), correction or replay.
    """

    change: Mapping[str, Any]
    page: PageInfo
    cause: str = "look"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing a digest tells. `changes` are contract changes: two where an initiative left one
    page and entered another, else one; `pages` are all pages named, in the order of finding."""

    group: str
    changes: tuple[Mapping[str, Any], ...]
    pages: tuple[PageInfo, ...]
    late: bool = False

    @property
    def change(self) -> Mapping[str, Any]:
        """The change that people read about: the last of `changes`."""
        return self.changes[-1]

    @property
    def title(self) -> str:
        """What the thing is called now, or was called last."""
        return title_of(self.change)


@dataclass(frozen=True, slots=True)
class Group:
    """The entries of one group: those told in full, and the rest."""

    name: str
    full: tuple[Entry, ...]
    rest: tuple[Entry, ...]

    @property
    def size(self) -> int:
        return len(self.full) + len(self.rest)


def gather(tellings: Sequence[Telling], *, drop_returned: bool = False) -> tuple[Entry, ...]:
    """The entries of one digest.

    With `drop_returned` what changed and changed back is left out (a subscription that wants
    changes to settle never hears of it). May then be empty: nothing is to be told.
    """
    corrections = [one for one in tellings if one.cause == "correction"]
    others = [one for one in tellings if one.cause != "correction"]
    netted = list(_netted(others))
    if drop_returned:
        netted = [entry for entry in netted if entry.group != "back"]
    told = [Entry("corrections", (_told(one.change),), (one.page,)) for one in corrections]
    return tuple(sorted(_crossed(_folded([*told, *netted])), key=_weight))


def divided(entries: Iterable[Entry], in_full: int = IN_FULL) -> tuple[Group, ...]:
    """The entries by group, in the order of GROUPS; groups without entries are left out."""
    found: dict[str, list[Entry]] = {name: [] for name in GROUPS}
    for entry in entries:
        found[entry.group].append(entry)
    return tuple(
        Group(name, tuple(members[:in_full]), tuple(members[in_full:]))
        for name, members in found.items()
        if members
    )


def subject_of(change: Mapping[str, Any]) -> str:
    """What a change is about, for netting and settling: the initiative, or the page's words."""
    if change["subject"] == "page":
        return f"page:{change['field']}"
    return str(change.get("initiative") or change["id"])


def title_of(change: Mapping[str, Any]) -> str:
    """The title after the change; before it where there is none after. A page change: its text."""
    both = change["text"] if change["subject"] == "page" else change["title"]
    return str(both["new"] if both["new"] is not None else both["old"] or "")


# --- net: several changes of one thing on one page are one ------------------------------------


def _netted(tellings: Sequence[Telling]) -> Iterator[Entry]:
    chains: dict[tuple[str, str], list[Telling]] = {}
    order = sorted(tellings, key=lambda one: (one.change["before"], one.change["new_snapshot"]))
    for telling in order:
        subject = subject_of(telling.change)
        if subject == "page:section":  # a page has several headings: each its own chain of words
            subject = _heading_chain(telling, chains)
        chains.setdefault((telling.page.id, subject), []).append(telling)
    for chain in chains.values():
        late = any(one.cause == "late" or one.change.get("late") for one in chain)
        net = _net([telling.change for telling in chain])
        group = "back" if net.get("returned") else _group_of(net)
        yield Entry(group, (net,), (chain[-1].page,), late)


def _heading_chain(telling: Telling, chains: Mapping[tuple[str, str], list[Telling]]) -> str:
    old = same_key(telling.change["text"]["old"] or "")
    for (page, subject), chain in chains.items():
        if page == telling.page.id and subject.startswith("page:section:"):
            last = chain[-1].change["text"]["new"]
            if same_key(last or "") == old:
                return subject
    return f"page:section:{telling.change['id']}"


def _told(change: Mapping[str, Any]) -> Document:
    """The change as a digest carries it: with every page and id that it stands for."""
    pages = list(change.get("pages") or [change["page"]])
    return {**change, "pages": pages, "ids": list(change.get("ids") or [change["id"]])}


def _net(chain: Sequence[Mapping[str, Any]]) -> Document:
    """What happened to one thing on one page, one change after the other, as one change: from what
    was there before the first to what is there after the last. `returned`: the same, or nothing."""
    first, last = chain[0], chain[-1]
    net: Document = {
        **_told(last),
        "ids": [one for change in chain for one in _told(change)["ids"]],
        "after": first["after"],
        "old_snapshot": first["old_snapshot"],
    }
    if len(chain) == 1:
        return net
    if last["subject"] == "page":
        net["text"] = {"old": first["text"]["old"], "new": last["text"]["new"]}
        if same_key(net["text"]["old"] or "") == same_key(net["text"]["new"] or ""):
            net["returned"] = True
        return net
    was, stays = _CAME.isdisjoint(first["kinds"]), "removed" not in last["kinds"]
    for side in _SIDES:
        net[side] = {"old": first[side]["old"], "new": last[side]["new"]}
    net["certainty"] = min(change["certainty"] for change in chain)
    net["kinds"] = _net_kinds(chain, net) if was and stays else ["removed"]
    if stays and not was:
        net["kinds"] = list(first["kinds"])
    elif stays:
        net["returned"] = not _different(net)
    elif not was:  # came and went: what it was is all there is to say
        net["returned"] = True
        for side in _SIDES:
            net[side]["old"] = last[side]["old"]
    net["signals"] = _net_signals(chain) if "reworded" in net["kinds"] else []
    if not net.get("returned"):
        net.pop("returned", None)
    return net


def _net_kinds(chain: Sequence[Mapping[str, Any]], net: Mapping[str, Any]) -> list[str]:
    """The kinds of a thing that was there and is: what differs; else what was undone."""
    seen = {kind for change in chain for kind in change["kinds"]}
    if different := _different(net):
        return different
    return ["restored"] if "removed" in seen else [kind for kind in KINDS if kind in seen]


def _net_signals(chain: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the rewordings touched since the text last read as it did at first."""
    before = same_key(chain[0]["description"]["old"] or "")
    touched: list[str] = []
    for change in chain:
        touched += change["signals"]
        if same_key(change["description"]["new"] or "") == before:
            touched = []
    return list(dict.fromkeys(touched))


def _different(net: Mapping[str, Any]) -> list[str]:
    pairs = {side: (net[side]["old"], net[side]["new"]) for side in _SIDES}
    found = set()
    if pairs["status"][0] != pairs["status"][1]:
        found.add("moved")
    if same_key(pairs["title"][0] or "") != same_key(pairs["title"][1] or ""):
        found.add("renamed")
    if same_key(pairs["description"][0] or "") != same_key(pairs["description"][1] or ""):
        found.add("reworded")
    if _links_key(pairs["links"][0]) != _links_key(pairs["links"][1]):
        found.add("relinked")
    return [kind for kind in KINDS if kind in found]


def _links_key(links: Sequence[Mapping[str, Any]] | None) -> tuple[tuple[str, Any], ...] | None:
    if links is None:
        return None
    return tuple((same_key(link["text"]), link["href"]) for link in links)


def _group_of(change: Mapping[str, Any]) -> str:
    if change["subject"] == "page":
        return "page"
    if change.get("twin") and not CAME_OR_LEFT.isdisjoint(change["kinds"]):
        return "doubled"
    return next(group for group in GROUPS if group in change["kinds"])


# --- fold: the same on several pages is one ---------------------------------------------------


def _folded(entries: Sequence[Entry]) -> list[Entry]:
    found: dict[Any, Entry] = {}
    for entry in entries:
        key = _content_key(entry)
        if key not in found:
            found[key] = entry
            continue
        first = found[key]
        change = {
            **first.change,
            "pages": [*first.change["pages"], *entry.change["pages"]],
            "ids": [*first.change["ids"], *entry.change["ids"]],
            "certainty": min(first.change["certainty"], entry.change["certainty"]),
            "after": min(first.change["after"], entry.change["after"]),
            "before": max(first.change["before"], entry.change["before"]),
        }
        late = first.late or entry.late
        found[key] = Entry(first.group, (change,), (*first.pages, *entry.pages), late)
    return list(found.values())


def _content_key(entry: Entry) -> object:
    change = entry.change
    if change["subject"] == "page" or not change.get("initiative"):
        return id(entry)
    texts = tuple(
        same_key(change[side][when] or "") if change[side][when] is not None else None
        for side in ("title", "description")
        for when in ("old", "new")
    )
    links = tuple(_link_texts(change["links"][when]) for when in ("old", "new"))
    statuses = (change["status"]["old"], change["status"]["new"])
    kinds = tuple(change["kinds"])
    marks = (bool(change.get("returned")), bool(change.get("withdrawn")))
    return (entry.group, change["initiative"], kinds, texts, statuses, links, marks)


def _link_texts(links: Sequence[Mapping[str, Any]] | None) -> tuple[str, ...] | None:
    return None if links is None else tuple(same_key(link["text"]) for link in links)


def _crossed(entries: list[Entry]) -> list[Entry]:
    """What left one page and entered another is one entry."""
    left = {one.change.get("initiative"): one for one in entries if one.group == "removed"}
    result: list[Entry] = []
    gone: set[int] = set()
    for entry in entries:
        initiative = entry.change.get("initiative")
        other = left.get(initiative) if initiative else None
        if entry.group in _CAME and other is not None and id(other) not in gone:
            gone.add(id(other))
            pages = (*other.pages, *entry.pages)
            late = entry.late or other.late
            changes = (*other.changes, *entry.changes)
            entry = Entry("crossed", changes, pages, late)
        result.append(entry)
    return [entry for entry in result if id(entry) not in gone]


# --- sort -------------------------------------------------------------------------------------


def _weight(entry: Entry) -> tuple[int, int, str]:
    """The group first; in it, what starts before the rest, and typos last; then page by page."""
    change = entry.change
    lighter = 1
    if entry.group == "moved":
        lighter = 0 if change["status"]["new"] == "ongoing" else 1
    elif entry.group == "reworded":
        signals = set(change["signals"])
        lighter = 0 if signals - {"typo"} else 2 if signals else 1
    return (GROUPS.index(entry.group), lighter, entry.pages[0].name)


# --- frozen: how a message keeps it -----------------------------------------------------------


def entry_document(entry: Entry) -> Document:
    """The entry as JSON, to be kept in a message."""
    pages = [
        {"id": one.id, "name": one.name, "url": one.url, "language": one.language}
        for one in entry.pages
    ]
    changes = [dict(change) for change in entry.changes]
    return {"group": entry.group, "changes": changes, "pages": pages, "late": entry.late}


def entry_from(document: Mapping[str, Any]) -> Entry:
    """The entry that `entry_document` wrote."""
    pages = tuple(
        PageInfo(one["id"], one["id"], one["name"], one["url"], one.get("language", ""))
        for one in document["pages"]
    )
    return Entry(document["group"], tuple(document["changes"]), pages, document["late"])


def contract_changes(entries: Iterable[Entry]) -> list[Document]:
    """What a webhook carries: contract changes, folded ones with `pages`."""
    found = []
    for entry in entries:
        marks = {"late": True} if entry.late else {}
        if entry.group == "corrections":
            marks["correction"] = True
        found += [{**change, **marks} for change in entry.changes]
    return found
