"""Can this reading be trusted? Absolute signs, and signs against the page's own past.

An absolute sign is in the reading itself (no initiatives, a section missing, an error page): it
waits for a person. A relative sign is only unlike the page's past (half of a section gone at
once): seen often enough it was a real mass edit, and repetition releases it.

The thresholds leave ordinary life alone: up to some ten edits of 120, one to three of 5-20, any
number of additions. They stop what loses a third of a section or of a page at once, or changes
40 %.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from monitor.grammar import is_long_sentence, is_sentence
from monitor.model import Figures, Initiative, PageWords, Profile, Reading, Reason
from monitor.text import same, same_key

LOST_SHARE = 1 / 3
"""Share of a section or a page that may not go at once …"""
LOST_AT_LEAST = 4
"""… counted only from this many initiatives."""
CHANGED_SHARE = 0.4
CHANGED_AT_LEAST = 6
MOVED_SHARE = 0.5
MOVED_AT_LEAST = 8
"""So many at once look like two headings that changed places."""
SECTION_CHANGED_SHARE = 0.8
SECTION_CHANGED_AT_LEAST = 8
"""So many of one section at once is a mass edit, however long the page is."""
TEXT_SHARE = 0.45
"""The page's text may not shrink below this share of the usual, where that was real text."""
TEXT_AT_LEAST = 1500
TITLES_LOST_AT_LEAST = 3
SAME_TITLE_AT_LEAST = 4
"""So many initiatives with one title, and more than half of all, have none of their own."""
UNCLAIMED_SHARE = 0.15
UNCLAIMED_AT_LEAST = 200


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What the reader saw beside the reading itself."""

    kind: str
    complete: bool
    document_title: str
    text: str
    label_mode: bool
    """The initiatives tell their own status, beyond doubt."""
    loose_labels: int
    """How many status labels no initiative has."""
    unknown_statuses: tuple[str, ...]
    ending: str = ""
    password: bool = False


def figures(reading: Reading) -> Figures:
    """The figures of one reading, to be kept with the good ones."""
    counts: dict[str | None, int] = {}
    for section in reading.sections:
        counts[section.status] = counts.get(section.status, 0) + len(section.initiatives)
    return Figures(
        counts=tuple(counts.items()),
        characters=sum(_size(initiative) for initiative in reading.initiatives),
        unclaimed_characters=sum(len(text) for text in reading.unclaimed),
    )


def _size(initiative: Initiative) -> int:
    links = sum(len(link.text) for link in initiative.links)
    return len(initiative.title) + len(initiative.description) + links


def against_past(
    reading: Reading,
    past: Sequence[Figures],
    present: Sequence[Initiative],
    gone: int,
    changed: int,
    moved: int = 0,
) -> tuple[Reason, ...]:
    """The relative signs. `past`: the last good readings' figures, oldest first (20 are enough).

    `present` are the page's last accepted initiatives; `gone` and `changed` how many of them the
    matching says left, or were renamed, reworded or relinked, between then and this reading;
    `moved` how many have another status.
    """
    reasons: list[Reason] = []
    before = len(present)
    if before and gone >= LOST_AT_LEAST and gone >= before * LOST_SHARE:
        reasons.append(
            _relative(
                "many_gone",
                f"{gone} av {before} insatser är borta på en gång.",
                f"{gone}/{before}",
            )
        )
    if before and changed >= CHANGED_AT_LEAST and changed >= before * CHANGED_SHARE:
        reasons.append(
            _relative(
                "many_changed",
                f"{changed} av {before} insatser är ändrade på en gång.",
                f"{changed}/{before}",
            )
        )
    if moved >= MOVED_AT_LEAST and moved >= before * MOVED_SHARE:
        reasons.append(
            _relative(
                "many_moved",
                f"{moved} av {before} insatser har bytt status på en gång.",
                f"{moved}/{before}",
            )
        )
    reasons.extend(_unlike_sections(reading, present))
    reasons.extend(_text_remainder(reading, past))
    return tuple(reasons)


def _relative(code: str, text: str, detail: str) -> Reason:
    return Reason(code, text, detail, relative=True)


def _unlike_sections(reading: Reading, present: Sequence[Initiative]) -> list[Reason]:
    """Statuses whose initiatives left, or changed, in great numbers; moves to another are none."""
    stands = {(item.title, item.description) for item in reading.initiatives}
    altered = [item for item in present if (item.title, item.description) not in stands]
    if len(altered) < min(LOST_AT_LEAST, SECTION_CHANGED_AT_LEAST):
        return []  # most looks: not even all of them together would be many
    titles = {same_key(item.title): item for item in reading.initiatives}
    texts = {same_key(item.description) for item in reading.initiatives if item.description}
    reasons = []
    for status, size in Counter(item.status for item in present).items():
        lost = changed = 0
        for item in altered:
            if item.status != status:
                continue
            now = titles.get(same_key(item.title))
            if now is None:
                changed += 1
                lost += same_key(item.description) not in texts
            elif not same(now.description, item.description):
                changed += 1
        many_lost = lost >= LOST_AT_LEAST and lost >= size * LOST_SHARE
        many_changed = changed >= SECTION_CHANGED_AT_LEAST
        if many_lost or (many_changed and changed >= size * SECTION_CHANGED_SHARE):
            number = lost if many_lost else changed
            reasons.append(
                _relative(
                    "section_unlike",
                    f"{number} av {size} insatser i ett avsnitt känns inte igen.",
                    f"{status or ''} {number}/{size}".strip(),
                )
            )
    return reasons


def _text_remainder(reading: Reading, past: Sequence[Figures]) -> list[Reason]:
    if not past:
        return []
    now = figures(reading)
    reasons = []
    usual = sorted(one.characters for one in past[-20:])[len(past[-20:]) // 2]
    if usual >= TEXT_AT_LEAST and now.characters < usual * TEXT_SHARE:
        reasons.append(
            _relative(
                "text_shrunk",
                f"Texten är {now.characters} tecken mot vanligen {usual}.",
                f"{now.characters}/{usual}",
            )
        )
    most = max(one.unclaimed_characters for one in past[-20:])
    rest = now.unclaimed_characters
    if rest > most + UNCLAIMED_AT_LEAST and rest > now.characters * UNCLAIMED_SHARE:
        reasons.append(
            _relative(
                "text_remainder",
                f"{rest} tecken på sidan hör inte till någon insats.",
                str(rest),
            )
        )
    return reasons


def another_page(
    reading: Reading, words: PageWords, known: Sequence[Initiative] = ()
) -> Reason | None:
    """A reason where the title is another page's and the initiatives are too.

    A mere retitling is a page change: half of the initiatives are known, or the title's words are.
    `known`: the page's last accepted initiatives, `words` its last accepted words.
    """
    if not reading.title or not words.title or same_key(reading.title) == same_key(words.title):
        return None
    old, new = _words(words.title), _words(reading.title)
    if len(old & new) >= 0.6 * len(old | new):
        return None
    titles = {same_key(item.title) for item in known}
    texts = {same_key(item.description) for item in known if item.description}
    familiar = sum(
        1
        for item in reading.initiatives
        if same_key(item.title) in titles or same_key(item.description) in texts
    )
    if familiar and familiar * 2 >= min(len(known), len(reading.initiatives)):
        return None
    return Reason(
        "another_page",
        f"Sidans rubrik är «{reading.title}», men har varit «{words.title}».",
        reading.title,
    )


def titles_lost(reading: Reading, known: Sequence[Initiative]) -> Reason | None:
    """A reason where most titles are sentences and the last accepted ones were not.

    The titles' own element is gone, and the texts stand in their place.
    """
    now, before = reading.initiatives, known
    sentences = sum(is_sentence(item.title) for item in now)
    if sentences < TITLES_LOST_AT_LEAST or sentences * 2 <= len(now):
        return None
    if sum(is_sentence(item.title) for item in before) * 5 > len(before):
        return None
    return Reason("titles_unlike", f"{sentences} av {len(now)} rubriker är hela meningar.")


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", same_key(text).casefold()) if len(word) > 2}


_ERROR = re.compile(
    r"\b(?:40[034]|50[0234])\b.{0,40}\b(?:error|fel|not found|hittades|unavailable|gateway)"
    r"|\b(?:fel|error|http)\b.{0,10}\b(?:40[034]|50[0234])\b"
    r"|^\W*(?:404|500|502|503|504)\W*$"
    r"|sidan\s+(?:kunde\s+inte|kan\s+inte|hittades\s+inte|finns\s+inte|saknas|är\s+borttagen)"
    r"|(?:vi\s+)?(?:kunde\s+inte|kan\s+inte|hittar\s+inte|hittade\s+inte)\s+(?:hitta\s+|visa\s+)?sidan"
    r"|ett\s+(?:tekniskt\s+)?fel\s+(?:har\s+)?(?:uppstått|inträffa(?:t|de)|uppstod)|tekniskt\s+fel"
    r"|något\s+gick\s+(?:fel|snett)|tillfälligt\s+(?:otillgänglig|stängd|avbrott|ur\s+funktion)"
    r"|driftstopp|driftstörning|planerat\s+underhåll|underhållsarbete|webbplatsen\s+är\s+(?:nere|stängd)"
    r"|page\s+not\s+found|not\s+found|internal\s+server\s+error|service\s+(?:temporarily\s+)?unavailable"
    r"|bad\s+gateway|gateway\s+time-?out|under\s+maintenance|something\s+went\s+wrong"
    r"|siden\s+(?:finnes\s+ikke|ble\s+ikke\s+funnet|findes\s+ikke|blev\s+ikke\s+fundet)"
    r"|sivua\s+ei\s+löydy|sivua\s+ei\s+löytynyt|proxy\s+error|web\s+server\s+is\s+down",
    re.IGNORECASE,
)
_FAULT = re.compile(
    r"(?:tekniskt|oväntat) fel (?:har )?(?:uppstått|inträffa(?:t|de)|uppstod)"
    r"|något gick (?:fel|snett)|noe gikk galt|noget gik galt|jokin meni (?:vikaan|pieleen)"
    r"|(?:kunde|kan|gick) inte (?:att )?(?:visa|visas|hämta|hämtas|ladda|laddas|läsa in|läsas in)"
    r"|something went wrong|an (?:unexpected )?error (?:has )?occurred|failed to load"
    r"|(?:could|can) ?not (?:be )?(?:load|loaded|display|displayed)",
    re.IGNORECASE,
)
"""What a part of a page says in the place of what it could not show."""
_FAULT_HINTS = ("fel", " inte", "gick ", "gikk ", "gik ", "meni ", "wrong", "error", "oad", "not ")
_LONGEST_FAULT = 200
_PLACEHOLDER = re.compile(
    r"[Ll]orem ipsum|\{\{.{0,80}?\}\}|\{%.{0,80}?%\}|\$\{\w.{0,80}?\}|<%.{0,80}?%>"
    r"|\[object Object\]"
)
_PLACEHOLDER_HINTS = ("orem ipsum", "{{", "{%", "${", "<%", "[object")
_NO_VALUE = frozenset(("undefined", "null", "NaN"))
_BLOCKED = re.compile(
    r"access\s+(?:to\s+this\s+page\s+(?:has\s+been\s+)?)?denied|forbidden|captcha|are\s+you\s+(?:a\s+)?human"
    r"|attention\s+required|checking\s+(?:if\s+)?(?:the|your)\s+(?:site|browser)|just\s+a\s+moment"
    r"|verify(?:ing)?\s+(?:that\s+)?you\s+are|unusual\s+traffic|request\s+(?:has\s+been\s+)?(?:blocked|rejected)"
    r"|incident\s+id|support\s+id|ray\s+id|you\s+have\s+been\s+blocked|ovanlig\s+trafik"
    r"|åtkomst\s+nekad|är\s+du\s+en\s+människa|begäran\s+(?:har\s+)?blockera|too\s+many\s+requests"
    r"|enable\s+javascript|aktivera\s+javascript|bekräfta\s+att\s+du\s+är",
    re.IGNORECASE,
)
_LOGIN = re.compile(
    r"\b(?:logga\s+in|inloggning|log\s*in|sign\s*in|logg\s+inn|log\s+ind|kirjaudu|bankid)\b",
    re.IGNORECASE,
)
_COOKIE = re.compile(r"\b(?:kakor|cookies?|informasjonskapsler|evästei)", re.IGNORECASE)
_DAMAGE = re.compile(
    r"\ufffd|Ã[\u0080-\u00bf¤¥¶„…–©¨¸‰Œ]|â€[™œ\x9d“”¢¦]|Â[\xa0»«©®°·]|├[Ñ¥Â╢ñ]|√[•§∂]"
)
_LOST_LETTER = re.compile(r"[a-zA-Z]\?[a-zåäö]")
"""«Sk?tsel»: letters that a charset without them turned into question marks …"""
_DOTTED = re.compile("[åäöæøÅÄÖÆØ]")
_LOST_AT_LEAST = 5
"""… where there are so many of them and not one letter with dots or a ring."""
_DAMAGE_HINTS = ("\ufffd", "Ã", "â€", "Â", "├", "√")


def alone(reading: Reading, profile: Profile, facts: PageFacts) -> tuple[Reason, ...]:
    """The absolute signs of one reading, most telling first."""
    text = _all_text(reading, facts)
    return (
        *_wrong_page(reading, facts),
        *_damage(text, facts),
        *_unfinished(reading, text),
        *_structure(reading, profile, facts),
    )


def _wrong_page(reading: Reading, facts: PageFacts) -> list[Reason]:
    titles = f"{reading.title}\n{facts.document_title}"
    empty = not reading.initiatives
    text = f"{titles}\n{facts.text[:4000]}" if empty else ""
    if _ERROR.search(reading.title) or (empty and _ERROR.search(text)):
        return [Reason("error_page", "Det som kom liknar en felsida.", reading.title)]
    if _BLOCKED.search(reading.title) or (empty and _BLOCKED.search(text)):
        return [Reason("block_page", "Det som kom liknar en spärrsida.", reading.title)]
    if (empty and facts.password) or (empty and _LOGIN.search(titles)):
        return [Reason("login_page", "Det som kom liknar en inloggningssida.", reading.title)]
    if empty and _COOKIE.search(text):
        return [Reason("cookie_wall", "Det som kom liknar en kakvägg.", reading.title)]
    return []


def _all_text(reading: Reading, facts: PageFacts) -> str:
    words = [reading.title, *reading.intro]
    for item in reading.initiatives:
        words.append(item.title)
        words.append(item.description)
        for link in item.links:
            words.append(link.text)
    if not reading.initiatives:
        words.append(facts.text)
    return "\n".join(words)


def _holds(text: str, hints: Sequence[str]) -> bool:
    """Whether one of the hints is in a page's text. A letter alone is found fifty times quicker,
    and most begin with one that no page has."""
    return any(hint[0] in text and hint in text for hint in hints)


def _unfinished(reading: Reading, text: str) -> list[Reason]:
    """What a page says before it is filled, or where a part of it failed."""
    reasons = []
    titles = [item.title for item in reading.initiatives]
    empty = next((title for title in titles if title in _NO_VALUE), "")
    found = None
    if _holds(text, _PLACEHOLDER_HINTS):
        found = _PLACEHOLDER.search(text)
    if empty or found:
        sign = empty or (found[0] if found else "")
        told = f"Sidan har platshållare i stället för text («{sign}»)."
        reasons.append(Reason("placeholder", told, sign))
    bare = (item.title for item in reading.initiatives if not item.description)
    for words in (*reading.intro, *reading.unclaimed, *bare):
        if len(words) <= _LONGEST_FAULT and _says_fault(words):
            told = f"En del av sidan kunde inte visas («{words}»)."
            reasons.append(Reason("error_page", told, words))
            break
    return reasons


def _says_fault(text: str) -> bool:
    return any(hint in text for hint in _FAULT_HINTS) and _FAULT.search(text) is not None


def _damage(text: str, facts: PageFacts) -> list[Reason]:
    reasons = []
    if _holds(text, _DAMAGE_HINTS):
        found = _DAMAGE.search(text)
        if found:
            sign = found[0]
            reasons.append(Reason("encoding_damage", f"Texten är teckenskadad («{sign}»).", sign))
    elif "?" in text and not _DOTTED.search(text):
        lost = _LOST_LETTER.findall(text)
        if len(lost) >= _LOST_AT_LEAST:
            told = f"Texten är teckenskadad («{lost[0]}»)."
            reasons.append(Reason("encoding_damage", told, lost[0]))
    if facts.ending:
        reasons.append(Reason("cut_document", "Sidan är avkortad: slutet saknas.", facts.ending))
    if not facts.complete:
        reasons.append(Reason("too_large", "Sidan är för stor för att läsas helt."))
    return reasons


def _structure(reading: Reading, profile: Profile, facts: PageFacts) -> list[Reason]:
    reasons: list[Reason] = []
    count = len(reading.initiatives)
    if not count:
        reasons.append(Reason("no_initiatives", "Inga insatser hittades på sidan."))
    statuses = {section.status for section in reading.sections}
    for rule in profile.sections:
        if not facts.label_mode and rule.status not in statuses:
            name = rule.heading[0]
            reasons.append(Reason("section_missing", f"Avsnittet «{name}» saknas.", name))
    unknown = [section.heading for section in reading.sections if section.status is None]
    for name in dict.fromkeys((*unknown, *facts.unknown_statuses)):
        if name or not facts.unknown_statuses:
            reasons.append(
                Reason("unknown_heading", f"Rubriken «{name}» finns inte i profilen.", name)
            )
    if facts.loose_labels > 0.25 * count:
        number = facts.loose_labels
        reasons.append(
            Reason("loose_labels", f"{number} statusord hör inte till någon insats.", str(number))
        )
    sentences = sum(is_long_sentence(item.title) for item in reading.initiatives)
    if sentences >= 2 and sentences > 0.5 * count:
        reasons.append(Reason("titles_unlike", f"{sentences} av {count} rubriker är hela stycken."))
    rest = sum(map(len, reading.unclaimed))
    if count and rest > 300 and rest > 0.5 * figures(reading).characters:
        reasons.append(
            Reason(
                "unclaimed_text",
                f"En stor del av texten ({rest} tecken) hör inte till någon insats.",
                str(rest),
            )
        )
    twice = _repeated(reading.initiatives)
    if twice >= 3 and twice >= 0.3 * count:
        reasons.append(
            Reason("repeated", f"{twice} insatser står två gånger på sidan.", str(twice))
        )
    return reasons


def _repeated(initiatives: Sequence[Initiative]) -> int:
    """How many stand there a second time, or under a title that most of the others have, too.

    Or without a text, which another has under the same title.
    """
    count = len(initiatives)
    titles = Counter([item.title for item in initiatives])
    if len(titles) == count:
        return 0
    keys = {(item.title, item.description, item.status) for item in initiatives}
    most = max(titles.values())
    many = most >= SAME_TITLE_AT_LEAST and most > 0.5 * count
    bare = [item for item in initiatives if not (item.description or item.links)]
    elsewhere = sum(titles[item.title] > 1 for item in bare)
    return max(count - len(keys), most - 1 if many else 0, elsewhere)
