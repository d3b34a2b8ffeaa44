"""What a rewording is about: amounts, years, dates, commitment, or a mere typo. Pure.

Swedish first, English too. A signal says that the set of such things differs between the two
texts; where it stands or how it is written («tre miljoner kronor», «3 mkr») does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise

from rapidfuzz.distance import DamerauLevenshtein

from monitor.text import same_key

SIGNALS = ("amount", "year", "date", "commitment", "typo")
"""Every signal, in the order in which a change lists them."""

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "januari january jan",
            "februari february feb",
            "mars march mar",
            "april apr",
            "maj may",
            "juni june jun",
            "juli july jul",
            "augusti august aug",
            "september sept sep",
            "oktober october okt oct",
            "november nov",
            "december dec",
        ),
        start=1,
    )
    for name in names.split()
}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
# A year's digits come first, what stands before them is looked at after: the search then goes from
# one 1 or 2 to the next instead of from letter to letter.
_FOUR = r"((?:19|20)\d\d)(?<!\w\d{4})"
_ISO_DATE = re.compile(rf"{_FOUR}-(\d\d)-(\d\d)\b")
_DAY_MONTH = re.compile(
    rf"\b(\d{{1,2}})(?:\s?:?(?:e|a|st|nd|rd|th))?\s+(?:of\s+)?({_MONTH})\b(?:\s+((?:19|20)\d\d)\b)?"
)
_MONTH_DAY = re.compile(rf"\b({_MONTH})\s+(\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s+((?:19|20)\d\d)\b)?")
_SLASH_DATE = re.compile(r"(?<![\d/])(\d{1,2})/(\d{1,2})(?![\d/])")
_MONTH_ALONE = re.compile(
    "\\b(" + "|".join(name for name in _MONTH.split("|") if len(name) > 3 or name == "maj") + r")\b"
)
_ENGLISH_MAY = re.compile(r"\bmay\b(?!\s+\d)")
_SEASONS = "våren sommaren hösten vintern spring summer autumn winter".split()
_SEASON = re.compile(rf"\b({'|'.join(_SEASONS)})\b")
_WEEK_MARKS = ("vecka", "week", "v.")
_WEEK = re.compile(r"\b(?:vecka|week)\s+\d{1,2}\b|\bv\.\s?\d{1,2}\b")
_QUARTER_MARKS = ("q", "kvartal")
_QUARTER = re.compile(r"\b(?:kvartal|quarter)\s+[1-4]\b|\bq[1-4]\b")
_CLOCK = re.compile(r"\bkl\.?\s?\d{1,2}(?:[.:]\d\d)?\b|\b\d{1,2}:\d\d\b")
_DIGIT = re.compile(r"\d")
_TOKEN = re.compile(r"\w+")
_YEAR_SPAN = re.compile(rf"{_FOUR}\s?[-/]\s?(\d\d)\b")
_YEAR = re.compile(rf"{_FOUR}\b(?!\s?(?:kr\b|kronor|mkr|tkr|kvm|kwh|mwh|personer|st\b))")

_NUMBER_WORDS = {
    word: value
    for value, words in {
        0: "noll zero",
        1: "one",
        2: "två tvenne two",
        3: "tre three",
        4: "fyra four",
        5: "fem five",
        6: "sex six",
        7: "sju seven",
        8: "åtta eight",
        9: "nio nine",
        10: "tio ten",
        11: "elva eleven",
        12: "tolv twelve",
        15: "femton fifteen",
        20: "tjugo twenty",
        30: "trettio thirty",
        40: "fyrtio forty",
        50: "femtio fifty",
        100: "hundra hundred",
        1000: "tusen thousand",
    }.items()
    for word in words.split()
}
_FIGURE = r"\d{1,3}(?:[ .]\d{3})+(?:,\d+)?|\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:[.,]\d+)?"
_WORD_FIGURE = "|".join(sorted(_NUMBER_WORDS, key=len, reverse=True))
_SCALES = {
    "tkr": 10**3,
    "ksek": 10**3,
    "tusen": 10**3,
    "thousand": 10**3,
    "mkr": 10**6,
    "mnkr": 10**6,
    "msek": 10**6,
    "miljon": 10**6,
    "miljoner": 10**6,
    "million": 10**6,
    "millions": 10**6,
    "mdkr": 10**9,
    "miljard": 10**9,
    "miljarder": 10**9,
    "billion": 10**9,
}
_UNITS = {
    "kr": "kr",
    "kronor": "kr",
    "krona": "kr",
    "sek": "kr",
    "kronors": "kr",
    "tkr": "kr",
    "ksek": "kr",
    "mkr": "kr",
    "mnkr": "kr",
    "msek": "kr",
    "mdkr": "kr",
    "euro": "euro",
    "eur": "euro",
    "€": "euro",
    "procent": "%",
    "procents": "%",
    "percent": "%",
    "%": "%",
    "procentenheter": "%",
}
_SCALE = "|".join(sorted(_SCALES, key=len, reverse=True))
_UNIT = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))
_AMOUNT = re.compile(
    rf"(?<![\w.,])(?<![^\W\d_]-)(?:(?P<before>€|\$|sek|eur)\s?)?(?P<number>{_FIGURE}|(?:{_WORD_FIGURE})(?!\w))"
    rf"(?:[ -]?(?P<scale>{_SCALE})(?!\w))?(?:\s?(?P<unit>{_UNIT})(?!\w))?"
)

_COMMITMENTS = {
    "sv": (
        "ska skall skulle bör måste kan vill kommer-att avser planerar planeras utreder utreds "
        "utreda undersöker undersöks undersöka överväger föreslår föreslås prövar prövas testar "
        "testas påbörjat påbörjas påbörjar påbörjats börjar börjat startar startat startas inleder "
        "inlett inleds inletts pågår fortsätter genomför genomförs genomfört genomförts inför "
        "införs infört införts har hade beslutat beslutats beslutar beslutas antagit antagits "
        "bygger byggs byggt byggts avslutar avslutas avslutat avslutats avslutades klart klar "
        "färdig färdigt upphör upphört slutar slutat skjuts skjutits pausas pausats avbryts "
        "avbrutits strävar hoppas inte aldrig"
    ),
    "en": (
        "shall will should must can may want wants plan plans planned intend intends investigate "
        "investigates investigated consider considers propose proposes started start starts begun "
        "begin begins ongoing continue continues implemented implement implements has have had "
        "decided decide decides adopted build builds built completed complete finished stopped "
        "stop stops paused postponed cancelled hope hopes not never"
    ),
}
_WILL = ("kommer", "att")
_WORD = re.compile(r"[^\W_]+(?:[-'][^\W_]+)*|%|€")


def signals(old_description: str, new_description: str, language: str = "sv") -> tuple[str, ...]:
    """What differs between two texts, in the order of `SIGNALS`; () where nothing of the kind does.

    `language`: "sv" or "en"; any other is read as both.
    """
    old, new = same_key(old_description).lower(), same_key(new_description).lower()
    if old == new:
        # Only the case of letters differs: nothing in meaning.
        return () if same_key(old_description) == same_key(new_description) else ("typo",)
    old_words, new_words = set(_TOKEN.findall(old)), set(_TOKEN.findall(new))
    old_dates, old_rest = _dates(old, old_words)
    new_dates, new_rest = _dates(new, new_words)
    old_years, old_rest = _years(old_rest)
    new_years, new_rest = _years(new_rest)
    found = set()
    if old_years | _years_of(old_dates) != new_years | _years_of(new_dates):
        found.add("year")
    if _without_years(old_dates) != _without_years(new_dates):
        found.add("date")
    if _amounts(old_rest, old_words) != _amounts(new_rest, new_words):
        found.add("amount")
    before, after = _WORD.findall(old), _WORD.findall(new)
    if _commitments(before, language) != _commitments(after, language):
        found.add("commitment")
    if not found and _is_typo(before, after):
        found.add("typo")
    return tuple(signal for signal in SIGNALS if signal in found)


_Date = tuple[str, int, int, int]


def _dates(text: str, words: set[str]) -> tuple[set[_Date], str]:
    """The dates in a text as (kind, year or 0, month, day or 0), and the text without them.

    `words`: all in the text; what they rule out is not searched for.
    """
    found: set[_Date] = set()

    def keep(kind: str, year: str | None, month: int, day: int) -> str:
        found.add((kind, int(year or 0), month, day))
        return " \x00 "

    def named(kind: str) -> Callable[[re.Match[str]], str]:
        return lambda m: keep(f"{kind} {m[0]}", None, 0, 0)

    has_figures = bool(_DIGIT.search(text))
    if has_figures:
        text = _ISO_DATE.sub(lambda m: keep("day", m[1], int(m[2]), int(m[3])), text)
    if not words.isdisjoint(_MONTHS):
        text = _DAY_MONTH.sub(lambda m: keep("day", m[3], _MONTHS[m[2]], int(m[1])), text)
        text = _MONTH_DAY.sub(lambda m: keep("day", m[3], _MONTHS[m[1]], int(m[2])), text)
        text = _ENGLISH_MAY.sub(" ", text)
        text = _MONTH_ALONE.sub(lambda m: keep("month", None, _MONTHS[m[1]], 0), text)
    if has_figures and "/" in text:
        text = _SLASH_DATE.sub(lambda m: keep("day", None, int(m[2]), int(m[1])), text)
    if not words.isdisjoint(_SEASONS):
        text = _SEASON.sub(named("season"), text)
    if has_figures:
        if any(mark in text for mark in _WEEK_MARKS):
            text = _WEEK.sub(named("week"), text)
        if any(mark in text for mark in _QUARTER_MARKS):
            text = _QUARTER.sub(named("quarter"), text)
        if ":" in text or "kl" in text:
            text = _CLOCK.sub(named("time"), text)
    return found, text


def _years(text: str) -> tuple[set[int], str]:
    found: set[int] = set()
    if not _DIGIT.search(text):
        return found, text
    for first, second in _YEAR_SPAN.findall(text):
        if int(second) > int(first[2:]):
            found.update((int(first), int(first[:2] + second)))
    text = _YEAR_SPAN.sub(" \x00 ", text)
    found.update(int(year) for year in _YEAR.findall(text))
    return found, _YEAR.sub(" \x00 ", text)


def _years_of(dates: set[_Date]) -> set[int]:
    return {year for _, year, _, _ in dates if year}


def _without_years(dates: set[_Date]) -> set[tuple[str, int, int]]:
    return {(kind, month, day) for kind, _, month, day in dates}


def _amounts(text: str, words: set[str]) -> set[tuple[float, str]]:
    found: set[tuple[float, str]] = set()
    if words.isdisjoint(_NUMBER_WORDS) and not _DIGIT.search(text):
        return found
    for hit in _AMOUNT.finditer(text):
        number, scale = hit["number"], hit["scale"]
        unit = _UNITS.get(hit["unit"] or "", "") or _UNITS.get(scale or "", "")
        unit = unit or {"$": "$"}.get(hit["before"] or "", _UNITS.get(hit["before"] or "", ""))
        value = float(_NUMBER_WORDS[number]) if number in _NUMBER_WORDS else _value(number)
        found.add((value * _SCALES.get(scale or "", 1), unit))
    return found


def _value(figure: str) -> float:
    if re.fullmatch(r"\d{1,3}(?:[ .]\d{3})+(?:,\d+)?", figure):
        return float(figure.replace(" ", "").replace(".", "").replace(",", "."))
    if re.fullmatch(r"\d{1,3}(?:,\d{3}){2,}(?:\.\d+)?|\d{1,3},\d{3}\.\d+", figure):
        return float(figure.replace(",", ""))
    return float(figure.replace(",", "."))


def _commitments(words: Sequence[str], language: str) -> set[str]:
    found = _commitment_words(language).intersection(words)
    if "kommer" in words and _WILL in pairwise(words):
        found |= _commitment_words(language) & {"-".join(_WILL)}
    if "skall" in found:
        found = (found - {"skall"}) | {"ska"}
    return set(found)


@cache
def _commitment_words(language: str) -> frozenset[str]:
    lists = (_COMMITMENTS[language],) if language in _COMMITMENTS else _COMMITMENTS.values()
    return frozenset(word for line in lists for word in line.split())


def _is_typo(before: list[str], after: list[str]) -> bool:
    """Letters slipped within words, or a word was written twice or apart; nothing else changed."""
    if before == after:
        return True  # punctuation alone
    if "".join(before) == "".join(after):
        return True  # words written together or apart
    if len(before) != len(after):
        return _without_doubles(before) == _without_doubles(after)
    changed = [(one, two) for one, two in zip(before, after, strict=True) if one != two]
    if len(changed) > 3 or any(_DIGIT.search(word) for pair in changed for word in pair):
        return False
    return all(_slip(one, two) for one, two in changed)


def _slip(one: str, two: str) -> bool:
    if min(len(one), len(two)) < 4:
        return False
    if any(one == f"{no}{two}" or two == f"{no}{one}" for no in ("o", "in", "un", "icke")):
        return False  # möjlig, omöjlig: one letter, and the contrary
    allowed = 1 if min(len(one), len(two)) < 8 else 2
    return DamerauLevenshtein.distance(one, two, score_cutoff=allowed) <= allowed


def _without_doubles(words: list[str]) -> list[str]:
    return [word for place, word in enumerate(words) if not place or words[place - 1] != word]
