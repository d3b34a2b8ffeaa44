"""Histories of invented pages with the truth of what happened: the identity benchmark's own judge.

Everything here is invented: towns, initiatives, sentences. A history is a list of editions; each
edition says what an honest reader would say happened since the one before. The rules of the game:

- An edit leaves something that a human would recognise the initiative by: its title, a good part of
  its text, or its own link together with some text. Nothing is renamed, rewritten and emptied at
  once.
- One that leaves while an unlike one comes is two, also in the same place on the page.
- Template twins (one text, «äldre» for «unga» in title and text) are two, whoever comes or goes.
- Noise (order within sections, white space, glyphs, session ids in addresses) is nothing.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from monitor.model import Initiative, Link

STATUSES = ("ongoing", "developing", "partnership")


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to one initiative. `kinds` is a set; what does not apply is None."""

    kinds: frozenset[str]
    old: str | None
    new: str | None
    old_status: str | None
    new_status: str | None


@dataclass(frozen=True, slots=True)
class Edition:
    at: datetime
    initiatives: tuple[Initiative, ...]
    who: tuple[int, ...]
    """The truth of identity: a number for each initiative, the same for ever."""
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class History:
    seed: int
    style: Style
    editions: tuple[Edition, ...]


@dataclass(frozen=True, slots=True)
class Style:
    """What kind of page it is. `sentences`: (least, most) in a description; (0, 0) for none."""

    language: str = "sv"
    sentences: tuple[int, int] = (2, 5)
    bare_share: float = 0.0
    """Share of initiatives without a description on a page that has them."""
    title_words: str = "long"
    """long («Utveckla skolgården i Hagby»), short («Skolgårdar»)."""
    size: int = 100
    link_share: float = 0.6
    twin_share: float = 0.05
    family_share: float = 0.3
    """Share of initiatives about the same things, places and people as another one."""
    boilerplate_share: float = 0.15
    """Share of initiatives that end with a sentence that many share."""
    events: tuple[int, int] = (1, 6)
    odd_share: float = 0.0
    """Share of edits of the rarer, meaner kinds: merged, split, twins edited together, …"""


_Look = tuple[str, list[str], list[Link], set[int]]


@dataclass(slots=True)
class _Item:
    """The generator's own knowledge of one initiative: who it is, whatever it says."""

    uid: int
    title: str
    sentences: list[str]
    links: list[Link]
    status: str
    twin: tuple[str, str] | None = None
    about: _Subject | None = None
    touched: bool = False
    last: Initiative | None = None
    paragraphs: set[int] = field(default_factory=set)
    before: _Look | None = None
    """What it said before its last odd edit, to go back to."""
    merged: bool = False
    """It took in another: taken apart again, it would show that other."""

    def look(self) -> _Look:
        return self.title, list(self.sentences), list(self.links), set(self.paragraphs)

    def shown(self) -> Initiative:
        parts: list[str] = []
        for place, sentence in enumerate(self.sentences):
            if place and place not in self.paragraphs:
                parts[-1] += " " + sentence
            else:
                parts.append(sentence)
        return Initiative(self.title, "\n\n".join(parts), tuple(self.links), self.status)


# -- invented words ---------------------------------------------------------------------------

TOWNS = (
    "Granvik Almsjö Tallmora Björkestad Ekholma Lindesund Rönnåker Videby Hasselö Aspnäs "
    "Enhamra Lönneryd"
).split()
_PLACE_HEADS = (
    "Berg Dal Hag Kvarn Lund Mo Näs Sand Skog Strand Sten Torp Vall Vik Ås Äng Ö Norr Söder Väster "
    "Öster Kyrk Gård Hammar Mark Rud Säter Hult"
).split()
_PLACE_TAILS = "by torp vik lund holm ås hamn gärde äng sund backa fors rud arp inge".split()
_HEADS = (
    "skol klimat vatten cykel kultur energi trafik bostads ungdoms seniors fritids natur närings "
    "trygghets mat avfalls park hamn museums idrotts biblioteks landsbygds mångfalds "
    "digitaliserings återbruks beredskaps folkhälso odlings belysnings ljud- luft- dagvatten gång- "
    "lek- tekniks språk- hantverks- turist- forsknings- utställnings- anhörig- familje- hemtjänst- "
    "motions- simhalls- ridvägs- skärgårds- våtmarks- fågel- insekts- trädgårds- stadsdels- torg- "
    "buss- tåg- laddnings- sol- vind- fjärrvärme- värme- slam- kemikalie- textil- möbel- verktygs- "
    "musik- teater- film- konst- läs- studie- lär- praktik- arbets- företags- handels- livsmedels- "
    "skörde- fiske- jakt- skogs- mark- strand- bro- tunnel- väg- park- grön- blå-"
).split()
_TAILS = (
    "plan strategi råd projekt nätverk program center lots fond pris dag vecka guide karta slinga "
    "verkstad pool analys kartläggning policy budget modell forum mässa utbildning rådgivning "
    "samverkan satsning mätning inventering hall gård stråk port bank buss app tjänst arkiv "
    "märkning upphandling överenskommelse trappa skola labb arena väktare ambassad kommission"
).split()
_PEOPLE = (
    "barn|unga|äldre|nyanlända|föräldrar|företagare|elever|föreningar|boende|besökare|anhöriga|"
    "pedagoger|lantbrukare|konstnärer|cyklister|pendlare|studenter|idrottare|forskare|volontärer"
).split("|")
_VERBS = (
    "bygger|utvecklar|prövar|samlar|stödjer|kartlägger|restaurerar|delar ut|granskar|digitaliserar|"
    "planterar|renoverar|utbildar|besöker|finansierar|mäter|öppnar|utvärderar|samordnar|förnyar"
).split("|")
_INFINITIVES = (
    "bygga|utveckla|pröva|samla|stödja|kartlägga|restaurera|förenkla|granska|digitalisera|plantera|"
    "renovera|utbilda|besöka|finansiera|mäta|öppna|utvärdera|samordna|förnya|minska|öka|stärka"
).split("|")
_GOODS = (
    "trygghet|delaktighet|hälsa|biologisk mångfald|jämlikhet|läslust|självständighet|"
    "tillgänglighet|handlingskraft|gemenskap|vattenkvalitet|luftkvalitet|framtidstro|"
    "resurshushållning|beredskap|demokrati|rörelseglädje|kunskap|integration|konkurrenskraft"
).split("|")
_TWINS = (
    ("barn", "vuxna"),
    ("äldre", "unga"),
    ("flickor", "pojkar"),
    ("norra", "södra"),
    ("skolor", "förskolor"),
    ("cyklister", "gående"),
    ("villaägare", "hyresgäster"),
)
_EN_HEADS = (
    "school climate water cycling culture energy traffic housing youth senior leisure nature "
    "safety food waste park harbour museum sports library rural reuse health garden lighting"
).split()
_EN_TAILS = (
    "plan strategy council project network programme centre guide map workshop pool survey policy "
    "budget forum fair course service audit fund prize week trail archive lab"
).split()
_EN_PEOPLE = ("children|young people|older people|parents|pupils|farmers|artists|commuters").split(
    "|"
)
_EN_VERBS = ("builds|develops|tests|collects|supports|maps|restores|reviews|plants|measures").split(
    "|"
)
_EN_GOODS = (
    "safety|participation|health|biodiversity|equality|reading|access|water quality"
).split("|")
_EN_TWINS = (("children", "adults"), ("older", "young"), ("northern", "southern"))


_BOILERPLATE = {
    "sv": (
        "Läs mer på vår webbplats eller kontakta oss om du har frågor.",
        "Arbetet är en del av kommunens vision och följs upp varje år i årsredovisningen.",
        "Insatsen görs tillsammans med regionen och det lokala näringslivet.",
    ),
    "en": (
        "Read more on our website or get in touch if you have any questions.",
        "The work is a part of our vision and is followed up every year in the annual report.",
    ),
}


class _Words:
    """Invented sentences about one initiative: its own compounds, places and people return in them,
    and the rest is what municipalities always say."""

    def __init__(self, dice: random.Random, language: str, town: str) -> None:
        self._dice, self._language, self._town = dice, language, town

    def place(self) -> str:
        return self._dice.choice(_PLACE_HEADS) + self._dice.choice(_PLACE_TAILS)

    def compound(self) -> str:
        head = self._dice.choice(_HEADS if self._language == "sv" else _EN_HEADS)
        tail = self._dice.choice(_TAILS if self._language == "sv" else _EN_TAILS)
        return head.rstrip("-") + tail if self._language == "sv" else f"{head} {tail}"

    def subject(self) -> _Subject:
        dice = self._dice
        people = _PEOPLE if self._language == "sv" else _EN_PEOPLE
        return _Subject(
            things=[self.compound() for _ in range(4)],
            places=[self.place(), self.place()],
            people=dice.sample(people, 2),
            goods=dice.sample(_GOODS if self._language == "sv" else _EN_GOODS, 2),
            figure=dice.choice((12, 15, 20, 35, 40, 60, 75, 120, 250, 400, 1200)),
            year=dice.randrange(2019, 2032),
        )

    def title(self, about: _Subject, words: str) -> str:
        dice = self._dice
        thing = dice.choice(about.things)
        if words == "short":
            return thing.capitalize()
        if self._language == "en":
            return dice.choice(
                (
                    f"{thing} for {about.people[0]}".capitalize(),
                    f"Better {about.goods[0]} in {about.places[0]}",
                    f"{thing} {about.places[0]}".capitalize(),
                    f"Reviewing the {thing} of {about.places[0]}",
                )
            )
        infinitive = dice.choice(_INFINITIVES)
        return dice.choice(
            (
                f"{infinitive} {thing} i {about.places[0]}".capitalize().replace(
                    about.places[0].lower(), about.places[0]
                ),
                f"{thing} för {about.people[0]}".capitalize(),
                f"Ökad {about.goods[0]} för {about.people[0]} i {about.places[0]}",
                f"{thing} {about.places[0]}".capitalize().replace(
                    about.places[0].lower(), about.places[0]
                ),
                f"Nätverket {about.places[0]} {about.year}",
                f"{thing}, {about.things[1]} och {about.goods[0]}".capitalize(),
                f"Utreda {thing} vid {about.places[0]}",
                f"{thing} som stärker {about.goods[1]}".capitalize(),
            )
        )

    def sentence(self, about: _Subject) -> str:
        dice = self._dice
        thing, other = dice.sample(about.things, 2)
        people, place, good = (
            dice.choice(about.people),
            dice.choice(about.places),
            dice.choice(about.goods),
        )
        if self._language == "en":
            verb = dice.choice(_EN_VERBS)
            return dice.choice(
                (
                    f"The municipality {verb} a {thing} in {place} together with {people}.",
                    f"The {thing} is open to {people} and strengthens {good} in the whole area.",
                    f"By {about.year} we will have {about.figure} new places in the {other}.",
                    f"The aim is that the {thing} and the {other} together lead to more {good}.",
                    f"Anyone who lives near {place} can take part in the {thing}.",
                    f"We are looking into how a {other} could reach {about.figure} {people}.",
                )
            )
        verb, infinitive = dice.choice(_VERBS), dice.choice(_INFINITIVES)
        return dice.choice(
            (
                f"Vi {verb} en {thing} i {place} tillsammans med {people}.",
                f"{self._town} ska {infinitive} sin {thing} så att fler {people} får del av den.",
                f"Under {about.year} {verb} kommunen {about.figure} platser vid {place}.",
                f"Syftet är att {people} ska känna mer {good} i vardagen.",
                f"Det är viktigt att {thing} och {other} hänger ihop med vår {good}.",
                f"Genom en {thing} vill vi {infinitive} {good} bland {people} i {place}.",
                f"Varje år deltar ungefär {about.figure} {people} i vår {other}.",
                f"Arbetet med {thing} pågår i samverkan med civilsamhället och {people}.",
                f"En {other} visar var i {place} behoven av {good} är som störst.",
                f"För {people} som bor nära {place} finns en {thing} med öppet hus.",
                f"Vi utreder om en {thing} kan {infinitive} det som {people} efterfrågar.",
                f"Förvaltningen har anställt en samordnare som {verb} {other} och {thing}.",
                f"Målet är {about.figure} procent mer {good} till år {about.year}.",
            )
        )


@dataclass(frozen=True, slots=True)
class _Subject:
    things: list[str]
    places: list[str]
    people: list[str]
    goods: list[str]
    figure: int
    year: int


# -- the page and its editors -----------------------------------------------------------------


class _Page:
    def __init__(self, seed: int, style: Style, start: Sequence[Initiative] = ()) -> None:
        self.dice = random.Random(seed)
        self.style = style
        self.words = _Words(self.dice, style.language, self.dice.choice(TOWNS))
        self._next_uid = 0
        self.items: list[_Item] = []
        self.departed: list[_Item] = []
        self._titles: set[str] = set()
        self._boilerplate = _BOILERPLATE[style.language]
        self._common_link = self.link("Läs mer" if style.language == "sv" else "Read more")
        self._waiting = self._given(start)
        if start:
            self.items = [self._waiting.pop() for _ in range(len(start) * 6 // 7)]
        for _ in range(0 if start else style.size):
            self.items.append(self.fresh())
        for _ in range(int(style.size * style.twin_share)):
            if twin := self.twin_of_somebody():
                self.items.append(twin)

    def _given(self, start: Sequence[Initiative]) -> list[_Item]:
        """A real page's initiatives, shuffled: most stand there, some wait to enter."""
        items = []
        for one in start:
            sentences: list[str] = []
            breaks = set()
            for paragraph in filter(None, one.description.split("\n\n")):
                breaks.add(len(sentences))
                sentences += re.split(r"(?<=[.!?]) ", paragraph)
            self._titles.add(one.title.casefold())
            item = self._item(one.title, sentences, list(one.links), one.status or STATUSES[0])
            item.paragraphs = breaks
            items.append(item)
        self.dice.shuffle(items)
        return items

    def fresh(self, status: str | None = None, about: _Subject | None = None) -> _Item:
        """An initiative unlike any other: a title of its own and words of its own."""
        dice, style = self.dice, self.style
        if self._waiting:
            item = self._waiting.pop()
            item.status = status or item.status
            return item
        for _ in range(200):
            about = about or self._about()
            title = self.words.title(about, style.title_words)
            if title.casefold() not in self._titles:
                break
            about = None
        assert about is not None
        self._titles.add(title.casefold())
        least, most = style.sentences
        number = 0 if dice.random() < style.bare_share else dice.randint(least, most)
        sentences: list[str] = []
        while len(sentences) < number:
            sentence = self.words.sentence(about)
            if sentence not in sentences:
                sentences.append(sentence)
        if sentences and dice.random() < style.boilerplate_share:
            sentences.append(dice.choice(self._boilerplate))
        links = []
        if dice.random() < style.link_share:
            links.append(self.link(about.things[0].capitalize()))
        elif dice.random() < 0.1:
            links.append(self._common_link)
        item = self._item(title, sentences, links, status or dice.choice(STATUSES))
        item.about = about
        return item

    def _about(self) -> _Subject:
        """What an initiative is about: something of its own, or a relative of another's."""
        own = self.words.subject()
        relatives = [item.about for item in self.items[-40:] if item.about]
        if not relatives or self.dice.random() >= self.style.family_share:
            return own
        return self._relative(own, self.dice.choice(relatives))

    def _relative(self, own: _Subject, other: _Subject) -> _Subject:
        return _Subject(
            things=[own.things[0], other.things[1], own.things[2], other.things[3]],
            places=[other.places[0], own.places[1]],
            people=other.people,
            goods=[own.goods[0], other.goods[0]],
            figure=own.figure,
            year=other.year,
        )

    def _item(self, title: str, sentences: list[str], links: list[Link], status: str) -> _Item:
        self._next_uid += 1
        breaks = {place for place in range(1, len(sentences)) if self.dice.random() < 0.2}
        return _Item(self._next_uid, title, sentences, links, status, paragraphs=breaks)

    def link(self, text: str) -> Link:
        number = f"{self.dice.getrandbits(96):024x}"
        slug = re.sub(r"[^a-z]", "", text.lower())
        return Link(text, f"https://www.example.se/{slug}.4.{number}.html")

    def twin_of_somebody(self) -> _Item | None:
        """A template twin: the same title and text but for whom or where it is."""
        dice = self.dice
        pairs = _TWINS if self.style.language == "sv" else _EN_TWINS
        source = dice.choice(self.items)
        if source.twin or source.touched:
            return None
        one, other = dice.choice(pairs)
        joint = "för" if self.style.language == "sv" else "for"
        first, second = f"{source.title} {joint} {one}", f"{source.title} {joint} {other}"
        if {first.casefold(), second.casefold()} & self._titles:
            return None
        self._titles |= {first.casefold(), second.casefold()}
        sentence = (
            f"Den här delen riktar sig till {one} i hela kommunen."
            if self.style.language == "sv"
            else f"This part is for {one} in the whole municipality."
        )
        if source.last is not None:
            return None  # making a twin of it would be an edit of its own
        source.title = first
        if source.sentences:
            source.sentences.append(sentence)
        twin = self._item(
            second, [text.replace(one, other) for text in source.sentences], [], source.status
        )
        source.twin = twin.twin = (one, other)
        return twin

    # -- what an editor may do; each says which kinds it was ---------------------------------

    def edit(self) -> None:
        if self.style.odd_share and self.dice.random() < self.style.odd_share:
            self.dice.choice(self._odd_edits())()
            return
        weights: list[tuple[float, Callable[[], object]]] = [
            (0.30, self._overhaul),
            (0.10, self._rename),
            (0.14, self._reword),
            (0.10, self._move),
            (0.04, self._relink),
            (0.08, self._rename_and_reword),
            (0.06, self._move_and_reword),
            (0.10, self._leave),
            (0.10, self._enter),
            (0.04, self._replace),
            (0.05, self._return),
            (0.02, self._enter_namesake),
            (0.02, self._pass_on_title),
            (0.02, self._enter_twin),
            (0.01, self._swap_twin),
        ]
        chosen = self.dice.choices([one for _, one in weights], [share for share, _ in weights])[0]
        chosen()

    def _pick(self, *, text: int = 0) -> _Item | None:
        free = [item for item in self.items if not item.touched and len(item.sentences) >= text]
        if not free:
            return None
        item = self.dice.choice(free)
        item.touched = True
        return item

    def _overhaul(self) -> None:
        """Moved, renamed and partly rewritten in one edit."""
        item = self._pick()
        if item is None:
            return
        self._change_status(item)
        if len(item.sentences) >= 2 and self.dice.random() < 0.75:
            self._new_title_from_text(item)
            self._rewrite_part(item)
        else:
            self._retouch_title(item)
            if item.sentences:
                self._rewrite_part(item)

    def _rename(self) -> None:
        if item := self._pick():
            if len(item.sentences) >= 2 and self.dice.random() < 0.4:
                self._new_title_from_text(item)
            else:
                self._retouch_title(item)

    def _reword(self) -> None:
        item = self._pick(text=1)
        if item is None:
            return
        roll = self.dice.random()
        if roll < 0.15:
            item.sentences, item.paragraphs = [], set()
            if self.dice.random() < 0.5:
                item.links = []
        elif roll < 0.3:
            self._append_foreign(item)
        elif roll < 0.4:
            self._new_text(item)
        else:
            self._rewrite_part(item)

    def _rename_and_reword(self) -> None:
        item = self._pick(text=1)
        if item is None:
            return
        roll = self.dice.random()
        if len(item.sentences) >= 3 and roll < 0.4:
            self._new_title_from_text(item)
            self._rewrite_part(item)
        elif len(item.sentences) >= 2 and roll < 0.6:
            self._retouch_title(item)
            item.sentences, item.paragraphs = item.sentences[:1], set()
        else:
            self._retouch_title(item)
            self._rewrite_part(item)

    def _move(self) -> None:
        if item := self._pick():
            self._change_status(item)

    def _move_and_reword(self) -> None:
        item = self._pick(text=1)
        if item is None:
            return
        self._change_status(item)
        if self.dice.random() < 0.35:
            self._new_text(item)
        else:
            self._rewrite_part(item)

    def _relink(self) -> None:
        item = self._pick()
        if item is None:
            return
        if not item.links:
            item.links = [self.link("Läs mer om " + item.title)]
        elif self.dice.random() < 0.5:
            item.links = [self.link(item.links[0].text)]
        else:
            item.links = [replace(item.links[0], text=item.links[0].text + " (ny sida)")]

    def _leave(self) -> None:
        if len(self.items) > 8 and (item := self._pick()):
            self.items.remove(item)
            self.departed.append(item)

    def _enter(self) -> None:
        item = self.fresh()
        item.touched = True
        self._insert(item)

    def _replace(self) -> None:
        """An unlike one takes the place of one that leaves."""
        item = self._pick()
        if item is None:
            return
        other = self.fresh(item.status)
        other.touched = True
        self.items[self.items.index(item)] = other
        self.departed.append(item)

    def _return(self) -> None:
        ready = [item for item in self.departed if not item.touched]
        if not ready:
            return self._leave()
        item = self.dice.choice(ready)
        self.departed.remove(item)
        item.touched = True
        if item.sentences and self.dice.random() < 0.3:
            self._rewrite_part(item)
        self._insert(item)
        return None

    def _enter_namesake(self) -> None:
        """The same title in another section, about something else: two."""
        if not self.style.sentences[1]:
            return
        source = self._pick(text=1)
        if source is None or self._has_left(source.title):
            return
        other = self.fresh(self.dice.choice([one for one in STATUSES if one != source.status]))
        if not other.sentences:
            return
        other.title, other.touched = source.title, True
        self._insert(other)

    def _pass_on_title(self) -> None:
        """One is renamed, and another thing gets the title it had."""
        if not self.style.sentences[1]:
            return
        item = self._pick(text=2)
        if item is None or self._has_left(item.title):
            return
        title = item.title
        self._retouch_title(item)
        other = self.fresh(item.status)
        if not other.sentences:
            return
        other.title, other.touched = title, True
        self._insert(other)

    def _has_left(self, title: str) -> bool:
        """Whether one of that title left: who enters by it would be that one, back again."""
        return any(item.title == title for item in self.departed)

    def _enter_twin(self) -> _Item | None:
        """Another of a template, the same but for whom it is; gives whose twin it is."""
        pairs = [item for item in self.items if item.twin and not item.touched]
        if not pairs:
            return None
        source = self.dice.choice(pairs)
        here = next((word for word in source.twin or () if word in source.title.split()), None)
        pairs_of_words = _TWINS if self.style.language == "sv" else _EN_TWINS
        others = [pair[0] for pair in pairs_of_words if pair[0] not in source.title.split()]
        if here is None or not others:
            return None
        third = self.dice.choice(others)
        title = " ".join(third if word == here else word for word in source.title.split())
        sentences = [text.replace(here, third) for text in source.sentences]
        # On a page with texts the text must say it too: else it is a renaming to any reader.
        if title.casefold() in self._titles or (
            self.style.sentences[1] and sentences == source.sentences
        ):
            return None
        self._titles.add(title.casefold())
        twin = self._item(title, sentences, [], source.status)
        twin.touched = source.touched = True
        self._insert(twin)
        return source

    def _swap_twin(self) -> None:
        """One of a template leaves, another of the same template comes: still two."""
        if source := self._enter_twin():
            self.items.remove(source)
            self.departed.append(source)

    # -- rarer and meaner ----------------------------------------------------------------------

    def _odd_edits(self) -> list[Callable[[], object]]:
        return [
            self._merge,
            self._split,
            self._edit_twins,
            self._rival,
            self._return_changed,
            self._go_back,
            self._misspell,
            self._only_links,
            self._touch_namesake,
            self._trade_places,
            self._borrow_text,
            self._near_copy,
            self._reword_link,
        ]

    def _merge(self) -> None:
        """One takes in a shorter other: it goes on, the other leaves."""
        item = self._pick(text=3)
        others = [o for o in self.items if not o.touched and len(o.sentences) > 0]
        others = [o for o in others if item and len(o.sentences) < len(item.sentences)]
        if item is None or not others:
            return
        other = self.dice.choice(others)
        if self._claim(item, f"{item.title} och {other.title[0].lower()}{other.title[1:]}"):
            item.sentences += other.sentences
            item.merged = other.touched = True
            self.items.remove(other)
            self.departed.append(other)

    def _split(self) -> None:
        """What stays keeps its title and the larger part; what is taken out is new."""
        item = self._pick(text=4)
        if item is None or item.merged:
            return
        half = len(item.sentences) * 3 // 5
        part = self._item(item.title, item.sentences[half:], [], item.status)
        part.touched = True
        self._new_title_from_text(part)
        if part.title != item.title:
            item.sentences = item.sentences[:half]
            item.paragraphs = {place for place in item.paragraphs if place < half}
            self._insert(part)

    def _edit_twins(self) -> None:
        """The editor treats both of a template alike, at once."""
        twins = [item for item in self.items if item.twin and not item.touched]
        pairs = [
            (one, other)
            for one, other in pairwise(sorted(twins, key=lambda item: item.uid))
            if one.twin == other.twin and len(one.sentences) == len(other.sentences)
        ]
        if not pairs:
            return self._overhaul()
        pair = self.dice.choice(pairs)
        roll = self.dice.random()
        foreign = self._foreign_sentence()
        status = self.dice.choice(STATUSES)
        for item in pair:
            item.touched = True
            if roll < 0.7:
                self._claim(item, f"{item.title} {2027 if self.style.language == 'sv' else 2028}")
            if roll > 0.3 and item.sentences:
                item.sentences = [*item.sentences, foreign]
            if 0.2 < roll < 0.8 and item.status != status:
                item.status = status
                self.items.remove(item)
                self._insert(item)
        return None

    def _rival(self) -> None:
        """One leaves while another about nearly the same comes in another section: two."""
        item = self._pick()
        if item is None:
            return
        about = self._relative(self.words.subject(), item.about) if item.about else None
        other = self.fresh(self.dice.choice([s for s in STATUSES if s != item.status]), about)
        other.touched = True
        self.items.remove(item)
        self.departed.append(item)
        self._insert(other)

    def _return_changed(self) -> None:
        """Back with another title, or a partly new text, in any section."""
        ready = [item for item in self.departed if not item.touched]
        if not ready:
            return self._leave()
        item = self.dice.choice(ready)
        self.departed.remove(item)
        item.touched = True
        roll = self.dice.random()
        if roll < 0.4 and len(item.sentences) >= 3:
            self._new_title_from_text(item)
        elif roll < 0.8:
            self._retouch_title(item)
        if roll > 0.3 and len(item.sentences) >= 3:
            self._rewrite_part(item)
        item.status = self.dice.choice(STATUSES)
        self._insert(item)
        return None

    def _go_back(self) -> None:
        """A -> B -> A: first to B, and once there back to A."""
        ready = [item for item in self.items if item.before and not item.touched]
        if ready:
            item = self.dice.choice(ready)
            item.touched = True
            assert item.before is not None
            item.title, item.sentences, item.links, item.paragraphs = item.before
            item.before = None
        elif other := self._pick(text=2):
            other.before = other.look()
            self._retouch_title(other)
            self._rewrite_part(other)

    def _misspell(self) -> None:
        """Letters lost, doubled or exchanged, words glued together: in title and text."""
        item = self._pick()
        if item is None:
            return
        title = self._slip(item.title)
        self._claim(item, title)
        if item.sentences and self.dice.random() < 0.7:
            place = self.dice.randrange(len(item.sentences))
            item.sentences[place] = self._slip(item.sentences[place])

    def _slip(self, text: str) -> str:
        dice = self.dice
        if " " in text and dice.random() < 0.4:
            at = dice.choice([m.start() for m in re.finditer(" ", text)])
            return text[:at] + text[at + 1 :]
        at = dice.choice([m.start() for m in re.finditer(r"[^\W\d_]", text)])
        return dice.choice((text[:at] + text[at + 1 :], text[:at] + text[at] + text[at:]))

    def _only_links(self) -> None:
        """One comes that is a title and links."""
        item = self.fresh()
        item.sentences, item.paragraphs, item.touched = [], set(), True
        item.links = item.links or [self.link(item.title)]
        self._insert(item)

    def _touch_namesake(self) -> None:
        """Of two with one title, in two sections, one leaves or is rewritten."""
        by_title: dict[str, list[_Item]] = {}
        for item in self.items:
            by_title.setdefault(item.title, []).append(item)
        pairs = [pair for pair in by_title.values() if len(pair) > 1]
        pairs = [pair for pair in pairs if not any(item.touched for item in pair)]
        if not pairs:
            return self._enter_namesake()
        item = self.dice.choice(self.dice.choice(pairs))
        item.touched = True
        if self.dice.random() < 0.5:
            self.items.remove(item)
            self.departed.append(item)
        elif item.sentences:
            self._rewrite_part(item)
        return None

    def _trade_places(self) -> None:
        """Two change sections with one another."""
        item = self._pick()
        others = [o for o in self.items if not o.touched and item and o.status != item.status]
        if item is None or not others:
            return
        other = self.dice.choice(others)
        other.touched = True
        item.status, other.status = other.status, item.status
        here, there = self.items.index(item), self.items.index(other)
        self.items[here], self.items[there] = other, item

    def _borrow_text(self) -> None:
        """Under its own title, and perhaps moved: the sentences of another, in another order."""
        item = self._pick(text=1)
        others = [o for o in self.items if o is not item and len(o.sentences) >= 2]
        if item is None or not others:
            return
        item.sentences = list(self.dice.choice(others).sentences)
        self.dice.shuffle(item.sentences)
        item.paragraphs = set()
        if self.dice.random() < 0.5:
            self._change_status(item)

    def _near_copy(self) -> None:
        """A new one made from the text of another, which stays as it was."""
        source = self._pick(text=2)
        if source is None:
            return
        copy = self.fresh()
        copy.sentences = [*source.sentences[:-1], self._foreign_sentence()]
        copy.paragraphs, copy.touched = set(), True
        self._insert(copy)

    def _reword_link(self) -> None:
        """Other words on the same link, and a new title."""
        if item := self._pick():
            self._retouch_title(item)
            if item.links:
                item.links = [replace(item.links[0], text=item.title)]

    # -- the strokes edits are made of ---------------------------------------------------------

    def _insert(self, item: _Item) -> None:
        self.items.insert(self.dice.randint(0, len(self.items)), item)

    def _change_status(self, item: _Item) -> None:
        item.status = self.dice.choice([one for one in STATUSES if one != item.status])
        self.items.remove(item)
        self._insert(item)

    def _claim(self, item: _Item, title: str) -> bool:
        if title == item.title or title.casefold() in self._titles or len(title) < 3:
            return False
        self._titles.add(title.casefold())
        item.title = title
        return True

    def _retouch_title(self, item: _Item) -> None:
        """A human sees the old title in the new."""
        dice = self.dice
        swedish = self.style.language == "sv"
        for _ in range(20):
            words = item.title.split()
            roll = dice.random()
            if roll < 0.45:
                tails = ("2027", "(etapp 2)", "– en ny satsning", "för alla", "i hela kommunen")
                english = ("2027", "(stage 2)", "– a new effort", "for all", "in the whole town")
                title = f"{item.title} {dice.choice(tails if swedish else english)}"
            elif roll < 0.65 and len(words) >= 4:
                del words[dice.randrange(1, len(words))]
                title = " ".join(words)
            elif roll < 0.8 and len(words) >= 2:
                swedish_words = ("gemensamma", "trygga", "nya", "lokala")
                extra = swedish_words if swedish else ("joint", "safe", "new", "local")
                words.insert(dice.randrange(1, len(words)), dice.choice(extra))
                title = " ".join(words)
            else:
                first = item.title[0].lower() + item.title[1:]
                starts = ("Vidareutvecklad", "Fortsatt", "Ny") if swedish else ("Renewed", "More")
                title = f"{dice.choice(starts)} {first}"
            if self._claim(item, title):
                return
        self._claim(item, f"{item.title} {dice.randrange(3, 99)}")

    def _new_title_from_text(self, item: _Item) -> None:
        """A new title altogether, in words of the text."""
        long_words = [w for w in re.findall(r"\w+", " ".join(item.sentences)) if len(w) > 5]
        starts = ("Program", "Satsning", "Initiativ", "Lyft", "Plan", "Samverkan")
        if self.style.language != "sv":
            starts = ("Programme", "Initiative", "Boost", "Plan", "Effort", "Partnership")
        joints = ("för", "och") if self.style.language == "sv" else ("for", "and")
        for _ in range(20):
            one, other = self.dice.choice(long_words), self.dice.choice(long_words)
            start = self.dice.choice(starts)
            if self._claim(item, f"{start} {joints[0]} {one.lower()} {joints[1]} {other.lower()}"):
                return
        self._retouch_title(item)

    def _rewrite_part(self, item: _Item) -> None:
        """At least half of the text stays."""
        dice, before = self.dice, list(item.sentences)
        number = len(item.sentences)
        for _ in range(20):
            roll = dice.random()
            if roll < 0.45:
                self._exchange_words(item)
            elif roll < 0.65 and number >= 3:
                item.sentences[dice.randrange(number)] = self._foreign_sentence()
            elif roll < 0.8 and number >= 2:
                dice.shuffle(item.sentences)
            elif roll < 0.9 and number >= 3:
                del item.sentences[dice.randrange(number)]
            else:
                item.sentences.insert(dice.randint(0, number), self._foreign_sentence())
            if item.sentences != before:
                break
        item.paragraphs = {place for place in item.paragraphs if place < len(item.sentences)}

    def _exchange_words(self, item: _Item) -> None:
        swaps = {
            "ska": "kommer att",
            "är": "utgör",
            "vill": "planerar att",
            "viktigt": "centralt",
            "ungefär": "cirka",
            "Genom": "Via",
            "utreder": "undersöker",
            "The": "Our",
            "will": "plan to",
            "open": "free",
            "fler": "många",
            "med": "med hjälp av",
            "Vi": "Vi i kommunen",
            "som": "vilka",
            "pågår": "fortsätter",
            "new": "additional",
        }
        place = self.dice.randrange(len(item.sentences))
        words = item.sentences[place].split()
        hits = [index for index, word in enumerate(words) if word in swaps]
        if hits:
            index = self.dice.choice(hits)
            words[index] = swaps[words[index]]
        else:
            tail = " under 2028." if self.style.language == "sv" else " during 2028."
            words[-1] = words[-1].rstrip(".") + tail
        item.sentences[place] = " ".join(words)

    def _foreign_sentence(self) -> str:
        """From another initiative of the page, or new."""
        others = [item for item in self.items if item.sentences]
        if others and self.dice.random() < 0.6:
            return self.dice.choice(self.dice.choice(others).sentences)
        return self.words.sentence(self.words.subject())

    def _append_foreign(self, item: _Item) -> None:
        for _ in range(self.dice.randint(1, 3)):
            item.paragraphs.add(len(item.sentences))
            item.sentences.append(self._foreign_sentence())

    def _new_text(self, item: _Item) -> None:
        """Another text altogether under the same title."""
        about = self.words.subject()
        least, most = self.style.sentences
        number = self.dice.randint(max(1, least), max(1, most))
        item.sentences = [self.words.sentence(about) for _ in range(number)]
        item.paragraphs = set()


# -- noise, and the truth ---------------------------------------------------------------------


def _noisy(item: Initiative, dice: random.Random) -> Initiative:
    """The same to a reader: white space, glyphs, session ids."""
    title, description = item.title, item.description
    if dice.random() < 0.1:
        title = title.replace(" ", "\u00a0", 1)
    if dice.random() < 0.1:
        description = description.replace(" ", "  ", 3).replace("-", "\u2011")
    links = item.links
    if links and dice.random() < 0.2:
        links = tuple(
            replace(link, href=f"{link.href};jsessionid={dice.getrandbits(64):X}?sv.target=1")
            if link.href
            else link
            for link in links
        )
    return Initiative(title, description, links, item.status)


def _event(before: Initiative, after: Initiative) -> Event | None:
    kinds = set()
    if before.status != after.status:
        kinds.add("moved")
    if before.title != after.title:
        kinds.add("renamed")
    if before.description.split() != after.description.split():
        kinds.add("reworded")
    if [link.text for link in before.links] != [link.text for link in after.links] or any(
        one.href and other.href and one.href != other.href
        for one, other in zip(before.links, after.links, strict=False)
    ):
        kinds.add("relinked")
    if not kinds:
        return None
    return Event(frozenset(kinds), before.title, after.title, before.status, after.status)


def make_history(
    seed: int, style: Style, editions: int = 8, start: Sequence[Initiative] = ()
) -> History:
    """One page's history. The same seed, style and start give the same history.

    `start`: a page's initiatives to begin with, instead of invented ones.
    """
    page = _Page(seed, style, start)
    dice = page.dice
    at = datetime(2026, 1, 5, 7, tzinfo=UTC)
    made = [Edition(at, *_show(page, dice), ())]
    gone: set[int] = set()
    for _ in range(editions - 1):
        at += timedelta(hours=dice.choice((1, 5, 24, 72)))
        before = {item.uid: item.last for item in page.items}
        for item in (*page.items, *page.departed):
            item.touched = False
        for _ in range(dice.randint(*style.events)):
            page.edit()
        shown, who = _show(page, dice)
        events: list[Event] = []
        for item in page.items:
            assert item.last is not None
            if item.uid in before:
                then = before[item.uid]
                assert then is not None
                if event := _event(then, item.last):
                    events.append(event)
            else:
                kind = "restored" if item.uid in gone else "added"
                events.append(Event(frozenset({kind}), None, item.title, None, item.last.status))
        here = {item.uid for item in page.items}
        for uid, then in before.items():
            if uid not in here and then is not None:
                gone.add(uid)
                events.append(Event(frozenset({"removed"}), then.title, None, then.status, None))
        made.append(Edition(at, shown, who, tuple(events)))
    return History(seed, style, tuple(made))


def _show(page: _Page, dice: random.Random) -> tuple[tuple[Initiative, ...], tuple[int, ...]]:
    for item in page.items:
        item.last = item.shown()
        if item.links and dice.random() < 0.05:
            # An address that could not be read equals any.
            item.last = replace(item.last, links=tuple(Link(one.text, None) for one in item.links))
    in_sections = [item for status in STATUSES for item in page.items if item.status == status]
    if dice.random() < 0.15:
        # An editor sorts a section by name: order is no change.
        in_sections.sort(key=lambda item: (STATUSES.index(item.status), item.title))
    shown = tuple(_noisy(item.last, dice) for item in in_sections if item.last is not None)
    return shown, tuple(item.uid for item in in_sections)


def many_styles() -> tuple[Style, ...]:
    """The kinds of pages the benchmark goes through, from small and bare to large and wordy."""
    return (
        Style(),
        Style(size=20, events=(1, 4)),
        Style(size=40, sentences=(1, 3), link_share=0.2),
        Style(size=122, link_share=0.7, events=(3, 9)),
        Style(size=60, bare_share=0.4),
        Style(size=60, sentences=(0, 0), link_share=0.3),
        Style(size=140, sentences=(0, 0), link_share=0.0, events=(2, 7)),
        Style(size=50, title_words="short"),
        Style(size=90, title_words="short", sentences=(1, 2), link_share=0.2),
        Style(size=35, title_words="short", sentences=(0, 0), link_share=0.0, events=(1, 3)),
        Style(size=80, language="en"),
        Style(size=400, events=(5, 20)),
        Style(size=250, sentences=(1, 3), events=(3, 12)),
        Style(size=60, sentences=(1, 1), family_share=0.7, boilerplate_share=0.5, link_share=0.1),
        Style(size=70, sentences=(2, 4), family_share=0.6, events=(15, 40)),
        Style(size=30, sentences=(3, 8), twin_share=0.3, events=(2, 6)),
    )


def many_histories(number: int, first_seed: int = 1) -> list[tuple[int, Style]]:
    """`number` seeds with their styles, in turn."""
    styles = many_styles()
    return [(first_seed + index, styles[index % len(styles)]) for index in range(number)]
