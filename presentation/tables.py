"""History as tables: CSV as Swedish Excel opens it, XLSX with real dates, JSON with a schema.

CSV is guarded against formulas (OWASP, «CSV Injection»): a cell that a spreadsheet would take for a
formula gets an apostrophe in front. In XLSX every text is written as a text.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, Final, TypeAlias

from presentation.documents import instant, link_document
from presentation.language import Language

Cell: TypeAlias = str | int | float | datetime | None

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
_LONGEST_CELL: Final = 32_767
"""Characters in one cell of a spreadsheet (Excel specifications and limits)."""
_COLUMNS_SV: Final[Mapping[str, str]] = {
    "page": "Sida",
    "initiative": "Insats",
    "title": "Titel",
    "status": "Status",
    "description": "Text",
    "links": "Länkar",
    "section": "Avsnitt",
    "version": "Version",
    "captured": "Hämtad",
    "change": "Ändring",
    "kinds": "Slag",
    "old_title": "Titel förut",
    "new_title": "Titel nu",
    "old_status": "Status förut",
    "new_status": "Status nu",
    "old_text": "Text förut",
    "new_text": "Text nu",
    "old_links": "Länkar förut",
    "new_links": "Länkar nu",
    "signals": "Gäller",
    "certainty": "Säkerhet",
    "after": "Efter",
    "before": "Senast",
}


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under named columns. Times are aware datetimes."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def headings(self, words: Language) -> tuple[str, ...]:
        """What stands above the columns; the names themselves in English."""
        if words.code == "sv":
            return tuple(_COLUMNS_SV[column] for column in self.columns)
        return self.columns


def initiatives_table(shown: Sequence[Mapping[str, Any]], words: Language) -> Table:
    """Every initiative of these pages (`show` documents), a row each."""
    columns = ("page", "version", "captured", "section", "status", "initiative", "title")
    rows = [
        (
            page["page"],
            page["snapshot"],
            _moment(page["as_of"]),
            section["heading"],
            words.status(section["status"]),
            one["id"],
            one["title"],
            one["description"],
            _links(one["links"]),
        )
        for page in shown
        for section in page["sections"]
        for one in section["initiatives"]
    ]
    name = "Insatser" if words.code == "sv" else "Initiatives"
    return Table(name, (*columns, "description", "links"), tuple(rows))


def changes_table(changes: Iterable[Mapping[str, Any]], words: Language) -> Table:
    """Changes (the contract's documents), a row each."""
    sides = ("title", "status", "text", "links")
    both = tuple(f"{age}_{side}" for side in sides for age in ("old", "new"))
    columns = ("page", "after", "before", "kinds", "initiative", *both, "signals", "certainty")
    rows = [
        (
            change["page"],
            _moment(change["after"]),
            _moment(change["before"]),
            ", ".join(words.kind(kind) for kind in change["kinds"]),
            change.get("initiative"),
            *_sides(change, words),
            ", ".join(change.get("signals", ())),
            change.get("certainty"),
            change["id"],
        )
        for change in changes
    ]
    name = "Ändringar" if words.code == "sv" else "Changes"
    return Table(name, (*columns, "change"), tuple(rows))


def write_csv(table: Table, path: Path, zone: tzinfo, words: Language) -> None:
    """For Swedish Excel: a BOM, semicolons, decimal commas, local times as 2026-11-20 08:00."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";" if words.code == "sv" else ",", lineterminator="\r\n")
    writer.writerow(table.headings(words))
    for row in table.rows:
        writer.writerow([_csv_cell(cell, zone, words) for cell in row])
    path.write_bytes(b"\xef\xbb\xbf" + text.getvalue().encode("utf-8"))


def write_xlsx(tables: Sequence[Table], path: Path, zone: tzinfo, words: Language) -> None:
    """A sheet each: real dates in local time, filters, a frozen header; texts only as texts."""
    import xlsxwriter

    options = {
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "default_date_format": "yyyy-mm-dd hh:mm",
    }
    with xlsxwriter.Workbook(str(path), options) as book:
        bold = book.add_format({"bold": True, "valign": "top"})
        wrapped = book.add_format({"text_wrap": True, "valign": "top"})
        dated = book.add_format({"num_format": "yyyy-mm-dd hh:mm", "valign": "top"})
        for table in tables:
            sheet = book.add_worksheet(table.name)
            for column, heading in enumerate(table.headings(words)):
                sheet.write_string(0, column, heading, bold)
                wide = table.columns[column].split("_")[-1] in ("description", "text", "title")
                sheet.set_column(column, column, 48 if wide else 18)
            for number, row in enumerate(table.rows, 1):
                for column, cell in enumerate(row):
                    if isinstance(cell, datetime):
                        local = cell.astimezone(zone).replace(tzinfo=None)
                        sheet.write_datetime(number, column, local, dated)
                    elif isinstance(cell, int | float):
                        sheet.write_number(number, column, cell)
                    elif cell:
                        sheet.write_string(number, column, cell[:_LONGEST_CELL], wrapped)
            sheet.freeze_panes(1, 0)
            sheet.autofilter(0, 0, max(1, len(table.rows)), len(table.columns) - 1)


SCHEMA: Final[Mapping[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "visionsvakt export",
    "type": "object",
    "required": ["what", "exported_at"],
    "properties": {
        "what": {"enum": ["initiatives", "changes"]},
        "exported_at": {"type": "string", "format": "date-time"},
        "pages": {"type": "array", "items": {"type": "object", "required": ["page", "sections"]}},
        "changes": {
            "type": "array",
            "items": {"type": "object", "required": ["id", "page", "kinds", "after", "before"]},
        },
    },
}


def write_json(what: str, documents: Sequence[Any], path: Path, now: datetime) -> None:
    """The contract's own documents, whole, with the schema they follow."""
    key = "pages" if what == "initiatives" else "changes"
    whole = {
        "schema": SCHEMA,
        "what": what,
        "exported_at": instant(now),
        key: list(documents),
    }
    text = json.dumps(whole, ensure_ascii=False, indent=2)
    path.write_text(text + "\n", encoding="utf-8")


def _sides(change: Mapping[str, Any], words: Language) -> list[Cell]:
    if change["subject"] == "page":
        return [None, None, None, None, change["text"]["old"], change["text"]["new"], None, None]
    cells: list[Cell] = []
    for key in ("title", "status", "description", "links"):
        for side in ("old", "new"):
            value = change[key][side]
            if value is not None and key == "status":
                value = words.status(value)
            if value is not None and key == "links":
                value = _links(value)
            cells.append(value)
    return cells


def _links(links: Iterable[Any]) -> str:
    plain = [link if isinstance(link, Mapping) else link_document(link) for link in links]
    return "\n".join(f"{link['text']} <{link['href'] or ''}>" for link in plain)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _csv_cell(cell: Cell, zone: tzinfo, words: Language) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.astimezone(zone).strftime("%Y-%m-%d %H:%M")
    if isinstance(cell, int | float):
        return str(cell).replace(".", ",") if words.code == "sv" else str(cell)
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
