"""Words that belong to nothing: the named rules by which a text on the page is left out.

Each rule is one compiled pattern with a name, for the languages whose profiles are tried
(Swedish, Norwegian, Danish, Finnish, English). Rules judge whole blocks or whole inline pieces,
never parts of a sentence, and never texts that an initiative has taken.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# «Länk till annan webbplats, öppnas i nytt fönster.» and its relatives.
_OTHER_SITE = (
    r"(?:extern\s+)?länk(?:en)?\s+(?:leder\s+|går\s+)?till\s+(?:en\s+)?(?:annan|extern)\s+"
    r"(?:webbplats|webbsida|webbsajt|sajt|sida)"
    r"|extern(?:\s+länk|\s+webbplats)"
    r"|lenk[ea]?\s+til\s+(?:et\s+)?(?:annet|eksternt)\s+(?:nettsted|nettside)|ekstern\s+lenke"
    r"|link\s+til\s+(?:et\s+|en\s+)?(?:andet|anden|eksternt|ekstern)\s+"
    r"(?:websted|website|hjemmeside|webside)|eksternt\s+link"
    r"|linkki\s+(?:toiselle|ulkoiselle)\s+(?:verkko)?sivustolle|ulkoinen\s+linkki"
    r"|(?:external\s+)?link\s+to\s+(?:an?\s*)?(?:other|external)\s+(?:web\s*)?(?:site|page)"
    r"|external\s+(?:link|site|website)"
)
_NEW_WINDOW = (
    r"(?:länken\s+)?öppnas\s+i\s+(?:ett\s+|en\s+)?(?:nytt\s+fönster|ny\s+flik)"
    r"|åpne[rs]\s+i\s+(?:et\s+|en\s+)?(?:nytt\s+vindu|ny\s+fane)"
    r"|åbne[rs]\s+i\s+(?:et\s+|en\s+)?(?:nyt\s+vindue|ny\s+fane)"
    r"|avautuu\s+(?:uuteen|uudessa)\s+(?:ikkunaan|ikkunassa|välilehteen|välilehdessä)"
    r"|opens\s+(?:in\s+)?(?:a\s+)?new\s+(?:window|tab)"
)
_MARK = (
    rf"(?:(?P<site>{_OTHER_SITE})(?:\s*(?:,|\.|och|og|and|ja|-|–)?\s*(?:{_NEW_WINDOW}))?"
    rf"|(?:{_NEW_WINDOW}))"
)
_MARK_ANYWHERE = re.compile(rf"\s*[(\[]?\s*{_MARK}\s*\.?\s*[)\]]?", re.IGNORECASE)
# What most links say, tried before the patterns: whole endings, and whether they name another site.
_USUAL_MARKS = (
    ("Länk till annan webbplats, öppnas i nytt fönster.", True),
    ("Länk till annan webbplats.", True),
    ("öppnas i nytt fönster.", False),
)
_USUAL_ENDINGS = tuple(mark for mark, _ in _USUAL_MARKS)


def _may_be_marked(text: str) -> bool:
    """Whether a pattern is worth trying. Written out, it takes a third of a loop's time."""
    low = text.lower()
    return (
        "bplats" in low
        or "xtern" in low
        or "kstern" in low
        or "önst" in low
        or "flik" in low
        or "bbsid" in low
        or "webbsaj" in low
        or "vindu" in low
        or "fane" in low
        or "nettst" in low
        or "ebsite" in low
        or "websted" in low
        or "hjemmeside" in low
        or "webside" in low
        or "ikkuna" in low
        or "välileh" in low
        or "sivust" in low
        or "window" in low
        or " tab" in low
        or "other site" in low
        or "other page" in low
        or "annan sida" in low
        or "annan sajt" in low
    )


def without_mark(text: str) -> tuple[str, bool]:
    """(the text without the words that mark outside links, whether they said «another site»)."""
    if len(text) < 10:
        return text, False
    outside = False
    while text.endswith(_USUAL_ENDINGS):
        for mark, site in _USUAL_MARKS:
            if text.endswith(mark):
                text, outside = text[: -len(mark)].rstrip(" ,–-"), outside or site
                break
    if not _may_be_marked(text):
        return text, outside
    while True:
        best = None
        for found in _MARK_ANYWHERE.finditer(text):
            before, after = text[: found.start()].strip(), text[found.end() :].strip()
            if not before or not after.strip(" .,:;-–"):
                best = found
        if best is None:
            return text, outside
        outside = outside or best["site"] is not None
        rest = text[: best.start()] + " " + text[best.end() :]
        text = rest.strip() if text[: best.start()].strip() else rest.strip(" .,:;-–")


def says_outside(text: str) -> bool:
    """Whether an alt, a title or an icon's name says that the link leads to another site."""
    if len(text) < 10 or not _may_be_marked(text):
        return False
    if text.rstrip().endswith(_USUAL_ENDINGS[:2]):
        return True
    found = _MARK_ANYWHERE.search(text)
    return found is not None and found["site"] is not None


# «Information, ikon», «Ikon: pratbubblor»: names of pictures that stand as text.
_ICON = re.compile(
    r"(?:ikon|icon|ikoni|kuvake|symbol|symboli)\s*(?::|–|-)\s*\S.{0,80}"
    r"|.{1,60}[,;]\s*(?:ikon|icon|symbol|kuvake|logotyp|logotype)"
    r"|(?:facebook|linkedin|twitter|x|e-post|instagram|youtube|info|information)[ -]?"
    r"(?:symbol|ikon|logotyp|kuvake)"
    r"|ikon|icon|kuvake|symbol|logotyp|logotype",
    re.IGNORECASE,
)
_PICTURE = re.compile(
    r"(?:(?:en|ett|et|ei|a|an)\s+)?(?:illustration|illustrasjon|bild|bilde|billede|foto|fotografi"
    r"|dekorbild|dekorationsbild|picture|photo|image|kuva|kuvituskuva|valokuva|karta|logotyp|logo)"
    r"(?:\s+(?:med|på|av|över|för|som|of|with|showing|af|over|jossa)\b.{0,160}|\s*:.{0,160})?",
    re.IGNORECASE,
)


def is_icon(text: str) -> bool:
    """Whether a whole piece of text is only the name of an icon."""
    if len(text) > 90:
        return False
    low = text.lower()
    may_be = "ikon" in low or "icon" in low or "ymbol" in low or "ogotyp" in low or "uvake" in low
    return may_be and _ICON.fullmatch(text) is not None


def is_picture(text: str) -> bool:
    """Whether a line of plain text is only a picture's alternative text."""
    return len(text) <= 200 and (_PICTURE.fullmatch(text) is not None or is_icon(text))


_BOXES = re.compile(
    # dates and who wrote
    r"(?:sidan\s+|sida\s+|page\s+|this page was\s+)?(?:senast|sist|senest|sidst|last|viimeksi)\s+"
    r"(?:ändrad|uppdaterad|publicerad|granskad|oppdatert|endret|opdateret|ændret|redigeret|updated"
    r"|modified|reviewed|changed|päivitetty|muokattu)\b.{0,80}"
    r"|(?:uppdaterad|publicerad|ändrad|granskad|publisert|oppdatert|offentliggjort|opdateret"
    r"|published|updated|julkaistu|päivitetty|muokattu)\b(?:\s+av\b|\s*:|\s+\d|$).{0,80}"
    r"|(?:ändrad av|sidansvarig|innehållsansvarig|ansvarig utgivare|sideansvarlig|ansvarlig"
    r"|ansvarig för (?:sidan|innehållet)|sivun vastuuhenkilö|page owner)\b.{0,80}"
    r"|(?:sidan|innehållet|artikeln|texten|siden|innholdet|indholdet)\s+(?:uppdaterades|granskades"
    r"|publicerades|ändrades|ble\s+oppdatert|blev\s+opdateret|är\s+(?:senast\s+)?(?:uppdaterad"
    r"|granskad|publicerad))\b.{0,80}"
    # share, print, listen, back
    r"|(?:dela|del|jaa|share)(?:\s+(?:(?:den här |denna )?(?:sida|artikel|nyhet)|sidan|siden|sivu"
    r"|(?:this )?(?:page|article)|artikeln|det här|inlägget|(?:med|på|on|via) (?:facebook|linkedin"
    r"|twitter|x|e-post|e-mail|andra|vänner|sociala medier|social media))\b.{0,160}"
    r"|(?:\s+(?:med|på|on|via))?\s*:(?:\s*(?:facebook|linkedin|twitter|x|e-post|e-mail)\b.{0,80})?|)"
    r"|tipsa (?:en vän|andra|via e-post)(?: om sidan)?"
    r"|(?:facebook|linkedin|twitter|x|e-post|e-mail|mejla|whatsapp|bluesky|instagram)(?:symbol)?"
    r"(?:[\s,|·•]+(?:facebook|linkedin|twitter|x|e-post|e-mail|mejla|whatsapp|bluesky|instagram)"
    r"(?:symbol)?)*"
    r"|(?:skriv ut|skriv ut sidan|tulosta|print|print this page|udskriv|lyssna|lyssna på sidan"
    r"|lytt|listen|kuuntele|upp|(?:tillbaka |upp )?till (?:toppen|sidans topp)|til toppen"
    r"|back to top|takaisin ylös|hoppa till innehåll|skip to content)"
    # to other pages
    r"|(?:[«‹<←]\s*)?(?:föregående|forrige|previous|edellinen)(?:\s+(?:sida|side|page|sivu))?"
    r"(?:\s*:.{0,120})?"
    r"|(?:nästa|neste|næste|next|seuraava)(?:\s+(?:sida|side|page|sivu))?\s*(?::.{0,120}|[»›>→])?"
    r"|(?:[«‹<←]\s*)?tillbaka(?: till (?:start(?:sidan)?|föregående sida|översikten|listan"
    r"|visionen))?"
    r"|(?:etiketter|taggar|nyckelord|emneord|tags)\s*:.{0,160}"
    r"|relatera(?:t|de|d) (?:innehåll|sidor|länkar|information|artiklar)\s*:?"
    r"|related (?:content|pages|links)\s*:?"
    # how many of them are shown
    r"|(?:visar|viser|showing)\s+\d+(?:\s*[-–]\s*\d+)?\s+(?:av|of)\s+\d+\b.{0,40}"
    r"|\d+\s+(?:träffar|resultat|treff|results)"
    # contact
    r"|(?:telefon|tel|tlf|tlf\.|telefonnummer|mobil|puhelin|phone|telephone|e-post|epost|e-mail|email"
    r"|mejl|sähköposti|besöksadress|postadress|växel|adress|adresse)\s*:.{0,120}"
    r"|(?:kontakt|kontakter|kontakta oss|kontakta|kontaktperson|kontaktpersoner|kontakt oss"
    r"|kontakt os|ota yhteyttä|yhteystiedot|contact|contact us|contacts)\b\s*(?::.{0,160})?"
    r"|(?:om du har frågor|har du frågor|har du en fråga|frågor\?|har du spørgsmål|har du spørsmål"
    r"|onko sinulla kysyttävää|questions\?|do you have questions|any questions)\b.{0,120}"
    # was this page any good?
    r"|(?:hjälpte (?:informationen|sidan|innehållet)|hittade du (?:det|den|vad|informationen|svar)"
    r"|blev du hjälpt|(?:hade du nytta|fick du hjälp|har du nytta) av"
    r"|var (?:sidan|informationen|innehållet)(?: på (?:den här )?sidan)?"
    r" (?:till hjälp|användbart?|bra|begriplig|tydlig)"
    r"|fant du|fandt du|löysitkö|was this page|did you find)\b.{0,120}\??"
    # cookies
    r"|.{0,120}\b(?:använder|bruker|bruger|käyttää|uses?|godkänn|acceptera)\b.{0,40}"
    r"\b(?:kakor|cookies|informasjonskapsler|evästeitä)\b.{0,200}",
    re.IGNORECASE | re.DOTALL,
)


_BOX_HEADS = re.compile(
    r"(?:kontakt(?:uppgifter|information|personer|center)?|tyck till|(?:lämna )?synpunkter|feedback"
    r"|vill du veta mer\??|hjälp oss (?:att )?(?:bli|förbättra|göra)\b.{0,60}"
    r"|länkar|dokument|filer|bilagor|prenumerera(?: på .{1,60})?|nyhetsbrev"
    r"|vad tycker du om (?:sidan|innehållet|informationen)\??|blev du hjälpt.{0,60}"
    r"|(?:kakor|cookies) på .{1,60}"
    r"|relatera(?:de|d|t)(?: (?:sidor|länkar|information|artiklar|innehåll|dokument))?|se även"
    r"|läs (?:mer|även|också)|mer information|snabblänkar|genvägar|relatert(?: innhold)?|les mer"
    r"|relateret(?: indhold)?|læs mere|lue (?:lisää|myös)|related(?: (?:pages|links|content))?"
    r"|read more|see also)",
    re.IGNORECASE,
)


def heads_box(text: str) -> bool:
    """Whether a heading opens a box of contacts, feedback or links to other pages."""
    return is_box(text) or (len(text) <= 90 and _BOX_HEADS.fullmatch(text.rstrip(" :")) is not None)


_ANSWERS = frozenset("ja nej nei kyllä ei yes no skicka send lähetä neka avböj".split())


def is_answer(text: str) -> bool:
    """Whether a text is only what one may answer a question box with."""
    return text.lower() in _ANSWERS


def is_box(text: str) -> bool:
    """Whether a block outside the initiatives is a date, share, contact, feedback or cookie box."""
    return len(text) <= 400 and _BOXES.fullmatch(text) is not None


_CONTROL = re.compile(
    r"(?:klicka (?:här )?för att |tryck för att )?"
    r"(?:visa|vis|göm|dölj|skjul|öppna|åpne|åbn|avaa|stäng|lukk|luk|sulje|fäll ut|fäll ihop|fäll in"
    r"|expandera|minimera|show|hide|open|close|expand|collapse|näytä|piilota|läs upp|öppen|stängd"
    r"|utfälld|ihopfälld|expanderad|opened|closed|expanded|collapsed)"
    r"(?:\s+(?:mer|mera|mere|mindre|alla|alle|allt|alt|all|more|less|lisää|vähemmän|kaikki|text(?:en)?"
    r"|innehåll(?:et)?|insats(?:en)?|detaljer|details|beskrivning(?:en)?|information(?:en)?))*\s*",
    re.IGNORECASE,
)


def is_control(text: str) -> bool:
    """Whether a text only works the page («Visa mer», «Stäng alla», «, stängd»)."""
    return len(text) <= 60 and _CONTROL.fullmatch(text.strip(" ,.:()[]–-")) is not None


_BUTTON = re.compile(
    r"(?:(?:visa|läs|vis|les|læs|show|read|lue)\s+(?:mer|mera|mere|more|lisää)"
    r"(?:\s+(?:om|about)\s.{1,200})?|dela|kopiera länk(?:en)?|skriv ut|lyssna|share|print|listen)",
    re.IGNORECASE,
)


def is_button(text: str) -> bool:
    """Whether a button's text only works the page or its panel («Läs mer om …», «Dela»)."""
    return (
        is_control(text)
        or is_sign(text)
        or (len(text) <= 220 and _BUTTON.fullmatch(text) is not None)
    )


_NEWS = frozenset("nytt ny nyhet uppdaterad uppdaterat new updated uusi nyt".split())


def is_news_mark(text: str) -> bool:
    """Whether a badge in a title only says that it is new («Nytt!»): it goes by itself."""
    return text.strip(" !()[]").lower() in _NEWS


_ALL = re.compile(
    r"\d{1,3}|(?:visa|se|vis|show|view|näytä)\s+(?:alla|fler|flera|samtliga|alle|flere|all|more|kaikki)"
    r"(?:\s+(?:insatser|projekt|aktiviteter|exempel|tiltak|indsatser|items))?",
    re.IGNORECASE,
)


def leads_to_all(text: str) -> bool:
    """Whether a link under a list leads to more of it («Visa alla insatser», «2»)."""
    return len(text) <= 60 and _ALL.fullmatch(text) is not None


_CONTENTS = re.compile(
    r"(?:på|i|under) (?:den här|denna) (?:sidan?|artikeln?)"
    r"|innehåll(?:et)?(?: på (?:den här )?sidan)?"
    r"|innehållsförteckning|snabblänkar"
    r"|hoppa (?:direkt )?till|gå (?:direkt )?till|innhold(?:sfortegnelse)?|på denne siden?"
    r"|indhold(?:sfortegnelse)?|sisällys(?:luettelo)?|tällä sivulla"
    r"|(?:table of )?contents|on this page|in this article|jump to",
    re.IGNORECASE,
)


def is_contents(text: str) -> bool:
    """Whether a text heads a table of contents."""
    return len(text) <= 40 and _CONTENTS.fullmatch(text.rstrip(" :")) is not None


_COUNT = re.compile(
    r"[(\[]?\d{1,4}(?:\s*(?:st|stk|kpl|insats(?:er)?|tiltak|indsats(?:er)?|items?))?[)\]]?",
    re.IGNORECASE,
)


def is_count(text: str) -> bool:
    """Whether a text after a heading only says how many there are («(12)», «12 st»)."""
    return _COUNT.fullmatch(text) is not None


_SYMBOLS = re.compile(r"[\W_]+|[a-z]+(?:_[a-z]+)+")


_SIGN = re.compile(r"[+−–▼▾▽▲▴▸►▶»›→↓⌄˅×✕✖\ue000-\uf8ff\s-]+|[a-z]+(?:_[a-z]+)+")


def is_sign(text: str) -> bool:
    """Whether a piece at a title's end only shows that it folds («+», «▼», an icon's name)."""
    return _SIGN.fullmatch(text) is not None


def is_symbol(text: str) -> bool:
    """Whether an aria-hidden piece is only a sign («+», «▼», an icon font's name)."""
    return _SYMBOLS.fullmatch(text) is not None


_ORDINAL = re.compile(
    r"(?P<sign>nr\.?\s*|#)?\(?(?P<number>\d{1,3})\s*"
    r"(?:(?P<stop>[.):]|\s[–—-](?=\s))|\s(?=\S)|$)\s*",
    re.IGNORECASE,
)


class Ordinal(NamedTuple):
    """`rest` is the text after it. `bare`: nothing but a space tells it from «3 nya parker»."""

    number: int
    rest: str
    bare: bool


def ordinal(text: str) -> Ordinal | None:
    """The ordinal a text begins with: «1. Titel», «2) …», «3 …»."""
    found = _ORDINAL.match(text)
    if found is None:
        return None
    bare = not (found["sign"] or found["stop"])
    return Ordinal(int(found["number"]), text[found.end() :], bare)


_MARKER = re.compile(r"(?:nr\.?\s*|#)?\(?\d{1,3}[.):]?|[•·▪◦‣●○■□–—*+>»›\-]")


def is_marker(text: str) -> bool:
    """Whether a block is only a list marker or an ordinal."""
    return _MARKER.fullmatch(text) is not None


_LABEL = re.compile(
    r"(?:status|nuvarande status|läge|fas|skede|tillstånd|stage|phase|state|progress"
    r"|tila|vaihe|tilanne"
    r"|fase|stadie|stadium)\s*(?:[:–—-]\s*|\n\s*|$)(.*)",
    re.IGNORECASE | re.DOTALL,
)


LABEL_WORDS = tuple(
    "status nuvarande läge fas skede tillstånd stage phase state progress tila vaihe tilanne stadi"
    "e".split()
)
"""How a status label begins, in lower case."""


def labelled(text: str) -> str | None:
    """What stands after «Status:» (may be ""), or None where the text is no status label."""
    if len(text) > 120:
        return None
    found = _LABEL.fullmatch(text)
    return found[1].strip() if found else None


COLUMN_WORDS = frozenset(
    "status läge fas insats insatser titel rubrik namn aktivitet åtgärd projekt beskrivning"
    " länk länkar"
    " mer läs information nr nummer tiltak tittel lenke lenker indsats projekt beskrivelse"
    " link links"
    " title name initiative initiatives description project action tila hanke nimi kuvaus"
    " linkki linkit"
    " toimenpide otsikko more read område".split()
)
