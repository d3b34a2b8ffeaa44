"""What auditors take with them: tables that open right in Excel, and one initiative's dossier."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from zipfile import ZipFile
from zoneinfo import ZoneInfo

import pytest

from presentation import tables
from presentation.dossier import Source, Text, dossier
from presentation.language import language
from tests.support.browser import axe_findings, chromium
from tests.support.program import FIRST, FOURTH, SECOND, THIRD, Home, config, page

STOCKHOLM = ZoneInfo("Europe/Stockholm")
SWEDISH, ENGLISH = language("sv"), language("en")
EVIL = "<script>alert(1)</script>"


def change(**new: Any) -> dict[str, Any]:
    both = {"old": "Nattbuss till Österbyn", "new": "Nattbuss till Österbyn och Hamnen"}
    return {
        "subject": "initiative",
        "kinds": ["renamed"],
        "title": both,
        "status": {"old": "developing", "new": "developing"},
        "description": {"old": "En buss.", "new": "En buss."},
        "links": {"old": [], "new": []},
        "signals": ["amount", "year"],
        "certainty": 0.97,
        "initiative": "i-1",
        "id": "c-1",
        "page": "granvik",
        "old_snapshot": 1,
        "new_snapshot": 2,
        "after": "2026-07-01T06:00:00Z",
        "before": "2026-11-20T07:00:00Z",
        **new,
    }


def rows_of(data: bytes, delimiter: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=delimiter))


_SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001


class Book:
    """A workbook read back: its sheets by name, each a list of rows as a spreadsheet has them."""

    def __init__(self, data: bytes) -> None:
        with ZipFile(io.BytesIO(data)) as parts:
            self.parts = {name: parts.read(name).decode() for name in parts.namelist()}
        book = ElementTree.fromstring(self.parts["xl/workbook.xml"])
        self.names = [one.attrib["name"] for one in book.iter(f"{_SHEET}sheet")]
        self.xml = [self.parts[f"xl/worksheets/sheet{n + 1}.xml"] for n in range(len(self.names))]
        strings = ElementTree.fromstring(self.parts["xl/sharedStrings.xml"])
        self._strings = [
            "".join(part.text or "" for part in one.iter(f"{_SHEET}t"))
            for one in strings.iter(f"{_SHEET}si")
        ]
        styles = ElementTree.fromstring(self.parts["xl/styles.xml"])
        dates = {
            one.attrib["numFmtId"]
            for one in styles.iter(f"{_SHEET}numFmt")
            if one.attrib["formatCode"] == "yyyy\\-mm\\-dd\\ hh:mm"
            or one.attrib["formatCode"] == "yyyy-mm-dd hh:mm"
        }
        formats = styles.find(f"{_SHEET}cellXfs")
        assert formats is not None
        self._dated = [one.attrib["numFmtId"] in dates for one in formats]

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Each row below the header, by the header's names; empty cells are left out."""
        sheet = ElementTree.fromstring(self.xml[self.names.index(name)])
        rows = [
            {re.sub(r"\d", "", cell.attrib["r"]): self._value(cell) for cell in row}
            for row in sheet.iter(f"{_SHEET}row")
        ]
        heading = rows[0]
        return [
            {heading[column]: value for column, value in row.items() if value is not None}
            for row in rows[1:]
        ]

    def _value(self, cell: Any) -> Any:
        value = cell.find(f"{_SHEET}v")
        if value is None or value.text is None:
            return None
        if cell.attrib.get("t") == "s":
            return self._strings[int(value.text)]
        number = float(value.text)
        if self._dated[int(cell.attrib.get("s", 0))]:
            moment = _EPOCH + timedelta(days=number)
            return (moment + timedelta(milliseconds=500)).replace(microsecond=0)
        return number


# -------------------------------------------------------------------------------------------- CSV


def test_a_swedish_csv_has_a_bom_semicolons_local_times_and_decimal_commas() -> None:
    data = tables.csv_bytes(tables.changes_table([change()], SWEDISH), STOCKHOLM, SWEDISH)
    assert data.startswith(b"\xef\xbb\xbf")
    assert data.count(b"\r\n") == 2
    heading, row = rows_of(data, ";")
    found = dict(zip(heading, row, strict=True))
    assert (found["Efter"], found["Senast"]) == ("2026-07-01 08:00", "2026-11-20 08:00")
    assert (found["Vad"], found["Slag"], found["Gäller"]) == (
        "insats",
        "nytt namn",
        "belopp, årtal",
    )
    assert found["Säkerhet"] == "0,97"
    assert found["Titel nu"] == "Nattbuss till Österbyn och Hamnen"


def test_an_english_csv_has_commas_and_plain_column_names() -> None:
    data = tables.csv_bytes(tables.changes_table([change()], ENGLISH), STOCKHOLM, ENGLISH)
    heading, row = rows_of(data, ",")
    assert heading[:3] == ["page", "after", "before"]
    assert row[heading.index("certainty")] == "0.97"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
def test_no_cell_of_a_csv_begins_as_a_formula(start: str) -> None:
    evil = change(title={"old": f"{start}1+1", "new": f'{start}HYPERLINK("http://x")'})
    data = tables.csv_bytes(tables.changes_table([evil], SWEDISH), STOCKHOLM, SWEDISH)
    for cell in rows_of(data, ";")[1]:
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝"))


def test_a_page_change_and_a_removed_initiative_have_their_empty_cells() -> None:
    gone = {key: {"old": "x", "new": None} for key in ("title", "description")}
    removed = change(
        kinds=["removed"],
        **gone,
        status={"old": "ongoing", "new": None},
        links={"old": [], "new": None},
    )
    words = {
        "subject": "page",
        "kinds": ["reworded"],
        "field": "title",
        "text": {"old": "Förut", "new": "Nu"},
        "id": "c-2",
        "page": "granvik",
        "after": "2026-07-01T06:00:00Z",
        "before": "2026-11-20T07:00:00Z",
    }
    table = tables.changes_table([words, removed], SWEDISH)
    heading, first, second = rows_of(tables.csv_bytes(table, STOCKHOLM, SWEDISH), ";")
    found = dict(zip(heading, first, strict=True))
    assert (found["Vad"], found["Text nu"]) == ("Sidans rubrik", "Nu")
    assert dict(zip(heading, second, strict=True))["Titel nu"] == ""


# ------------------------------------------------------------------------------------------- XLSX


def test_an_xlsx_read_back_has_real_dates_a_filter_a_frozen_header_and_no_formula() -> None:
    evil = change(title={"old": "=1+1", "new": "https://granvik.example/"})
    table = tables.changes_table([evil], SWEDISH)
    book = Book(tables.xlsx_bytes([table], STOCKHOLM, SWEDISH))
    assert book.names == ["Ändringar"]
    (row,) = book.rows("Ändringar")
    assert row["Efter"] == datetime(2026, 7, 1, 8)  # noqa: DTZ001
    assert row["Senast"] == datetime(2026, 11, 20, 8)  # noqa: DTZ001
    assert (row["Titel förut"], row["Titel nu"]) == ("=1+1", "https://granvik.example/")
    assert row["Säkerhet"] == 0.97
    for absent in ("<f>", "<hyperlink"):
        assert absent not in book.xml[0]
    for present in ("<autoFilter", 'state="frozen"', 'ySplit="1"'):
        assert present in book.xml[0]


def test_an_xlsx_prints_as_wide_as_the_paper_with_its_headings_on_every_page() -> None:
    book = Book(tables.xlsx_bytes([tables.changes_table([change()], SWEDISH)], STOCKHOLM, SWEDISH))
    assert 'orientation="landscape"' in book.xml[0]
    assert 'paperSize="8"' in book.xml[0]  # A3: seventeen columns
    assert 'fitToHeight="0"' in book.xml[0]
    assert '<definedName name="_xlnm.Print_Titles"' in book.parts["xl/workbook.xml"]


def test_a_text_longer_than_a_cell_may_be_is_cut_there_and_says_so() -> None:
    long = change(description={"old": "", "new": "ö" * 40_000})
    table = tables.changes_table([long], SWEDISH)
    (row,) = Book(tables.xlsx_bytes([table], STOCKHOLM, SWEDISH)).rows("Ändringar")
    assert row["Text nu"] == "ö" * 32_766 + "…"


# --------------------------------------------------------------------------- the program's exports


@pytest.fixture(scope="module")
def granvik(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Four editions of one page, a week apart, imported."""
    home = Home(
        tmp_path_factory.mktemp("granvik"),
        config(page("granvik", "https://www.granvik.example/vision.html")),
        inside=True,
    )
    for day, edition in zip((2, 9, 16, 23), (FIRST, SECOND, THIRD, FOURTH), strict=True):
        (home.folder / f"202611{day:02}T070000Z.html").write_bytes(edition.html)
    home.json("import", "granvik", *sorted(one.name for one in home.folder.glob("2026*")))
    return home


def exported(home: Home, name: str, *words: str) -> bytes:
    done = home.run("export", *words, name)
    assert (done.code, done.out) == (0, ""), done
    assert name in done.err
    return (home.folder / name).read_bytes()


def test_a_workbook_has_a_sheet_each(granvik: Home) -> None:
    book = Book(exported(granvik, "allt.xlsx", "--format", "xlsx"))
    assert book.names == ["Insatser", "Ändringar"]
    shown = granvik.json("show", "granvik")
    titles = [one["title"] for part in shown["sections"] for one in part["initiatives"]]
    rows = book.rows("Insatser")
    assert [row["Titel"] for row in rows] == titles
    assert {row["Hämtad"] for row in rows} == {datetime(2026, 11, 23, 8)}  # noqa: DTZ001
    changes = granvik.json("changes")["changes"]
    assert [row["Ändring"] for row in book.rows("Ändringar")] == [one["id"] for one in changes]


def test_an_export_as_of_a_day_says_what_stood_then(granvik: Home) -> None:
    words = ("--format", "csv", "--as-of", "2026-11-16", "--page", "granvik")
    heading, *rows = rows_of(exported(granvik, "då.csv", *words), ";")
    titles = {row[heading.index("Titel")] for row in rows}
    assert "Nattbuss till Hamnen" in titles
    assert "Telefonvännen" not in titles


def test_an_export_of_a_stretch_has_every_text_that_stood_in_it(granvik: Home) -> None:
    stretch = ("--since", "2026-11-09T08:00", "--until", "2026-11-10", "--format", "csv")
    heading, *rows = rows_of(exported(granvik, "tid.csv", *stretch), ";")
    found = {row[heading.index("Titel")]: row for row in rows}
    assert set(found) == {title for title, _ in (*SECOND.ongoing, *SECOND.developing)} | {
        "Vattenrådet"
    }
    bus = dict(zip(heading, found["Nattbuss till Österbyn"], strict=True))
    assert bus["Började efter"] == ""
    assert bus["Började senast"] == "2026-11-02 08:00"
    assert (bus["Slutade efter"], bus["Slutade senast"]) == ("2026-11-09 08:00", "2026-11-16 08:00")


def test_an_export_of_the_past_has_pages_that_are_no_longer_watched(tmp_path: Path) -> None:
    vision, omsorg = (page(name, f"https://www.granvik.example/{name}") for name in ("v", "o"))
    home = Home(tmp_path, config(vision, omsorg), inside=True)
    for name, edition in (("v", FIRST), ("o", SECOND)):
        (tmp_path / "20261102T070000Z.html").write_bytes(edition.html)
        home.json("import", name, "20261102T070000Z.html")
    home.write(config(vision))

    def pages_of(*words: str) -> set[str]:
        heading, *rows = rows_of(exported(home, "ut.csv", "--format", "csv", *words), ";")
        return {row[heading.index("Sida")] for row in rows}

    assert pages_of() == {"v"}
    assert pages_of("--as-of", "2026-11-03") == {"v", "o"}
    assert pages_of("--since", "2026-11-01", "--until", "2026-11-03") == {"v", "o"}
    home.run("pages", "rename", "v", "vision")
    assert pages_of() == {"vision"}


def test_changes_are_exported_by_time(granvik: Home) -> None:
    stretch = ("--since", "2026-11-10", "--until", "2026-11-16")
    data = exported(granvik, "ä.csv", "--what", "changes", *stretch, "--format", "csv")
    heading, *rows = rows_of(data, ";")
    kinds = [row[heading.index("Slag")] for row in rows]
    assert kinds == ["nytt namn", "står inte längre på sidan"]


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--what", "initiatives", "--as-of", "2026-11-10"),
        ("--since", "2026-11-01", "--until", "2026-11-20"),
        ("--what", "changes"),
    ],
    ids=" ".join,
)
def test_a_json_export_holds_the_contracts_documents_and_keeps_its_schema(
    granvik: Home, words: tuple[str, ...]
) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    whole = json.loads(exported(granvik, "allt.json", "--format", "json", *words))
    assert whole["schema"] == tables.schema()
    jsonschema.Draft202012Validator.check_schema(whole["schema"])
    jsonschema.Draft202012Validator(whole["schema"]).validate(whole)
    if not words:
        assert whole["changes"] == granvik.json("changes")["changes"]
        assert whole["pages"] == [granvik.json("show", "granvik")]
    for key in whole["what"]:
        assert whole[key]


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--format", "pdf", "ut.pdf"], "csv, xlsx, json"),
        (["--format", "csv", "finns/inte/ut.csv"], "finns/inte/ut.csv"),
        (["--format", "csv", "--page", "nix", "ut.csv"], "nix"),
        (["--format", "csv", "--what", "changes", "--as-of", "2026-11-10", "ut.csv"], "--as-of"),
        (["--format", "csv", "--since", "igår", "ut.csv"], "--since"),
        (["--format", "csv", "--since", "2026-11-10", "--until", "2026-11-01", "u"], "--until"),
        (["ut.csv"], "--format"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_export_is_one_line_and_no_file(granvik: Home, words: list[str], part: str) -> None:
    assert part in granvik.refused("export", *words)
    assert not (granvik.folder / words[-1]).exists()


def test_tables_of_nothing_have_their_headings(tmp_path: Path) -> None:
    home = Home(
        tmp_path, config(page("granvik", "https://www.granvik.example/v.html")), inside=True
    )
    assert len(rows_of(exported(home, "tom.csv", "--format", "csv"), ";")) == 1
    book = Book(exported(home, "tom.xlsx", "--format", "xlsx"))
    assert book.names == ["Insatser", "Ändringar"]


# ------------------------------------------------------------------------------------ the dossier

LIFE = {
    "initiative": {
        "id": "i-1",
        "title": "Nattbuss till Österbyn och Hamnen",
        "status": "developing",
        "present": True,
        "pages": ["granvik"],
    },
    "statuses": [
        {
            "page": "granvik",
            "status": "developing",
            "from_after": None,
            "from": "2026-07-01T06:00:00Z",
            "to_after": None,
            "to": None,
        }
    ],
    "changes": [change()],
}
NOW = "2026-11-23T12:00:00Z"


def test_a_dossier_marks_the_changed_words_and_needs_nothing_but_itself() -> None:
    source = Source("k-1", "2026-07-01T06:00:00Z", "https://granvik.example/v.html", "ab" * 32)
    html = dossier(LIFE, [], [source], NOW, SWEDISH, STOCKHOLM)
    assert re.search(r"<ins>.*och Hamnen.*</ins>", html)
    assert "2026-07-01 08:00" in html
    assert "ab" * 32 in html
    for outside in ("<script", "<link", "src=", "url(", "@import"):
        assert outside not in html


def test_script_in_a_title_is_shown_as_text_in_a_dossier() -> None:
    evil = {
        "initiative": {
            "id": EVIL,
            "title": EVIL,
            "status": EVIL,
            "present": False,
            "pages": [EVIL],
        },
        "statuses": [{**LIFE["statuses"][0], "page": EVIL, "status": EVIL}],  # type: ignore[index]
        "changes": [change(title={"old": EVIL, "new": EVIL}, page=EVIL)],
    }
    text = Text(EVIL, EVIL, EVIL, EVIL, [{"text": EVIL, "href": EVIL, "external": True}])
    source = Source(EVIL, NOW, EVIL, EVIL, "file")
    html = dossier(evil, [text], [source], NOW, ENGLISH, STOCKHOLM)
    assert "<script" not in html


def test_a_dossier_of_what_never_changed_has_its_text_and_its_source(granvik: Home) -> None:
    done = granvik.run("dossier", "Skolskogen", "akt.html")
    assert (done.code, done.out) == (0, "")
    html = (granvik.folder / "akt.html").read_text(encoding="utf-8")
    assert "Varje skola har en egen skog med vindskydd och eldplats." in html
    capture = granvik.json("history", "Skolskogen")["sources"][0]
    assert capture["sha256"] in html
    assert "importerad fil" in html


def test_a_dossier_of_what_has_left_says_its_last_text(granvik: Home, tmp_path: Path) -> None:
    home = Home(tmp_path, granvik.config, inside=True)
    for day, edition in zip((2, 9, 16), (FIRST, SECOND, THIRD), strict=True):
        (tmp_path / f"202611{day:02}.html").write_bytes(edition.html)
        home.json(
            "import", "granvik", f"202611{day:02}.html", "--at", f"2026-11-{day:02}T07:00:00Z"
        )
    assert home.run("dossier", "Telefonvännen", "akt.html").code == 0
    html = (tmp_path / "akt.html").read_text(encoding="utf-8")
    assert "Den sista texten" in html
    assert "Stod senast på" in html
    assert "blir uppringd av samma volontär" in html


def test_a_dossier_of_nobody_is_refused_and_leaves_no_file(granvik: Home) -> None:
    assert "Finns inte" in granvik.refused("dossier", "Finns inte", "ingen.html")
    assert not (granvik.folder / "ingen.html").exists()
    assert "finns/inte" in granvik.refused("dossier", "Skolskogen", "finns/inte/akt.html")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1200])
def test_a_dossier_fits_any_screen_and_axe_finds_nothing(
    granvik: Home, browser: Any, width: int, scheme: str
) -> None:
    granvik.run("dossier", "Tre bänkar i hamnen", "bänkar.html")
    tab = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto((granvik.folder / "bänkar.html").as_uri())
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert len(asked) == 1
    assert axe_findings(tab) == []
    tab.close()


def test_a_dossier_prints_dark_on_white_over_whole_pages(granvik: Home, browser: Any) -> None:
    granvik.run("dossier", "Tre bänkar i hamnen", "bänkar.html")
    tab = browser.new_page(color_scheme="dark")
    tab.goto((granvik.folder / "bänkar.html").as_uri())
    tab.emulate_media(media="print")
    colours = tab.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    assert colours == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
    assert tab.pdf().startswith(b"%PDF")
    tab.close()
