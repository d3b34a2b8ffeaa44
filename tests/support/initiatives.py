"""Invented initiatives for tests of identity and change, and hypothesis strategies for them."""

from __future__ import annotations

from hypothesis import strategies as st

from monitor.model import Initiative, Link

ODLING = (
    "Invånare i Granvik odlar grönsaker i pallkragar på Kvarntorget. Kommunen lånar ut jord, "
    "redskap och vattentunnor från april till oktober. Skörden delas vid en höstfest."
)
LASLYFT = (
    "Biblioteket besöker varje förskola två gånger per termin. Pedagogerna får boklådor på "
    "barnens modersmål och en kurs i högläsning. Föräldrar bjuds in till sagostunder."
)
DAGVATTEN = (
    "Regnvatten från Hammarbacken leds till två nya dammar i stället för till ån. Växter och "
    "sand renar vattnet innan det når Almsjön. Dammarna blir också en plats för groddjur."
)


def item(
    title: str,
    description: str = "",
    status: str | None = "ongoing",
    links: tuple[tuple[str, str | None], ...] = (),
) -> Initiative:
    return Initiative(title, description, tuple(Link(text, href) for text, href in links), status)


_words = st.sampled_from(
    "bad park skola bro torg äldre unga Granvik odling 2027 ska har ny och i för - «fin»".split()
)
_texts = st.lists(_words, max_size=8).map(" ".join)
_titles = st.lists(_words, min_size=1, max_size=3).map(" ".join)
_hrefs = st.one_of(
    st.none(),
    st.sampled_from(
        [
            "https://www.granvik.example/a.4.18c0ffee18c0ffee18c0ffee.html",
            "https://www.granvik.example/b.4.28c0ffee18c0ffee18c0ffee.html",
            "https://annan.example/sida",
        ]
    ),
)
_links = st.lists(st.builds(Link, _words, _hrefs), max_size=2).map(tuple)
initiatives = st.builds(
    Initiative,
    _titles,
    _texts,
    _links,
    st.sampled_from(["ongoing", "developing", "partnership"]),
)
pages = st.lists(initiatives, max_size=8)


@st.composite
def noisy(draw: st.DrawFn, page: list[Initiative]) -> list[Initiative]:
    """The same page to a reader: other order, white space, glyphs, session ids, lost addresses."""
    shuffled = draw(st.permutations(page))
    return [
        Initiative(
            draw(
                st.sampled_from(
                    [one.title, f" {one.title}\u00ad", one.title.replace(" ", "\u00a0")]
                )
            ),
            draw(
                st.sampled_from(
                    [one.description, one.description.replace("-", "–").replace(" ", " \n ")]
                )
            ),
            tuple(
                Link(link.text, draw(st.sampled_from([link.href, _session(link.href)])))
                for link in one.links
            ),
            one.status,
        )
        for one in shuffled
    ]


def _session(href: str | None) -> str | None:
    return f"{href};jsessionid=1F2E3D?sv.target=12.ab&state=x" if href else href
