"""What auditors take with them: tables that open right in Excel, and one initiative's dossier."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from presentation import tables
from presentation.dossier import Source, dossier
from presentation.language import language

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
        "signals": [],
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


def rows_of(path: Path, delimiter: str) -> list[list[str]]:
    text = path.read_bytes().decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


def test_a_swedish_csv_has_a_bom_semicolons_local_times_and_decimal_commas(tmp_path: Path) -> None:
    out = tmp_path / "c.csv"
    tables.write_csv(tables.changes_table([change()], SWEDISH), out, STOCKHOLM, SWEDISH)
    assert out.read_bytes().startswith(b"\xef\xbb\xbf")
    heading, row = rows_of(out, ";")
    found = dict(zip(heading, row, strict=True))
    assert (found["Efter"], found["Senast"]) == ("2026-07-01 08:00", "2026-11-20 08:00")
    assert found["Slag"] == "nytt namn"
    assert found["Säkerhet"] == "0,97"
    assert found["Titel nu"] == "Nattbuss till Österbyn och Hamnen"


def test_an_english_csv_has_commas_and_plain_column_names(tmp_path: Path) -> None:
    out = tmp_path / "c.csv"
    tables.write_csv(tables.changes_table([change()], ENGLISH), out, STOCKHOLM, ENGLISH)
    assert rows_of(out, ",")[0][:3] == ["page", "after", "before"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_of_a_csv_begins_as_a_formula(tmp_path: Path, start: str) -> None:
    out = tmp_path / "c.csv"
    evil = change(title={"old": f"{start}1+1", "new": f'{start}HYPERLINK("http://x")'})
    tables.write_csv(tables.changes_table([evil], SWEDISH), out, STOCKHOLM, SWEDISH)
    for cell in rows_of(out, ";")[1]:
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


def test_an_xlsx_has_real_dates_a_filter_a_frozen_header_and_no_formula(tmp_path: Path) -> None:
    out = tmp_path / "c.xlsx"
    evil = change(title={"old": "=1+1", "new": "https://granvik.example/"})
    tables.write_xlsx([tables.changes_table([evil], SWEDISH)], out, STOCKHOLM, SWEDISH)
    with zipfile.ZipFile(out) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
        names = book.read("xl/workbook.xml").decode()
    assert "<f>" not in sheet
    assert "<hyperlink" not in sheet
    assert "<autoFilter" in sheet
    assert 'state="frozen"' in sheet
    serial = (datetime(2026, 11, 20, 8) - datetime(1899, 12, 30)).total_seconds() / 86_400  # noqa: DTZ001
    assert f"<v>{serial:.8f}" in sheet
    assert 'name="Ändringar"' in names


def test_a_page_change_and_a_removed_initiative_have_their_empty_cells(tmp_path: Path) -> None:
    gone = {key: {"old": "x", "new": None} for key in ("title", "description")}
    removed = change(
        kinds=["removed"],
        **gone,
        status={"old": "ongoing", "new": None},
        links={"old": [], "new": None},
    )
    page = {
        "subject": "page",
        "kinds": ["reworded"],
        "field": "title",
        "text": {"old": "Förut", "new": "Nu"},
        "id": "c-2",
        "page": "granvik",
        "after": "2026-07-01T06:00:00Z",
        "before": "2026-11-20T07:00:00Z",
    }
    out = tmp_path / "c.csv"
    table = tables.changes_table([page, removed], SWEDISH)
    tables.write_csv(table, out, STOCKHOLM, SWEDISH)
    heading, first, second = rows_of(out, ";")
    assert dict(zip(heading, first, strict=True))["Text nu"] == "Nu"
    assert dict(zip(heading, second, strict=True))["Titel nu"] == ""


def test_a_json_export_holds_the_contracts_documents_and_its_schema(tmp_path: Path) -> None:
    out = tmp_path / "c.json"
    tables.write_json("changes", [change()], out, datetime(2026, 11, 23, tzinfo=UTC))
    whole = json.loads(out.read_text(encoding="utf-8"))
    assert whole["changes"] == [change()]
    for key in whole["schema"]["properties"]["changes"]["items"]["required"]:
        assert key in whole["changes"][0]


def test_a_dossier_marks_the_changed_words_and_needs_nothing_but_itself() -> None:
    life = {
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
    source = Source("k-1", "2026-07-01T06:00:00Z", "https://granvik.example/v.html", "ab" * 32)
    html = dossier(life, [source], STOCKHOLM, "2026-11-23T12:00:00Z")
    assert "<ins> och Hamnen</ins>" in html
    assert "2026-07-01 08:00" in html
    assert "ab" * 32 in html
    for outside in ("<script", "<link", "src=", "url(", "@import"):
        assert outside not in html


def test_script_in_a_title_is_shown_as_text_in_a_dossier() -> None:
    life = {
        "initiative": {
            "id": EVIL,
            "title": EVIL,
            "status": EVIL,
            "present": False,
            "pages": [EVIL],
        },
        "statuses": [],
        "changes": [change(title={"old": EVIL, "new": EVIL}, page=EVIL)],
    }
    html = dossier(life, [], STOCKHOLM, "2026-11-23T12:00:00Z")
    assert "<script" not in html
