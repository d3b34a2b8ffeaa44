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
from importlib import resources
from typing import Any, Final, TypeAlias

from presentation.documents import instant
from presentation.language import Language

Cell: TypeAlias = str | int | float | datetime | None
Document: TypeAlias = Mapping[str, Any]

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_LONGEST_CELL: Final = 32_767
"""Characters in one cell of a spreadsheet (Excel specifications and limits)."""
_WIDTHS: Final = {
    "description": 52,
    "text": 44,
    "links": 36,
    "title": 30,
    "section": 24,
    "initiative": 22,
    "change": 22,
    "status": 14,
    "version": 10,
}
"""Characters across, by the last word of a column's name."""
_DATE_WIDTH: Final = 17
_LINE_POINTS: Final = 15.0
_HIGHEST_ROW: Final = 409.0
"""Points (Excel specifications and limits)."""
_A3: Final = 8
_A4: Final = 9
_ON_A4: Final = 260
"""Characters across that can still be read on paper of that size."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under named columns. Times are aware datetimes."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def headings(self, words: Language) -> tuple[str, ...]:
        """What stands above the columns."""
        return tuple(words.say(f"tables.columns.{column}") for column in self.columns)


def initiatives_table(pages: Iterable[Document], words: Language) -> Table:
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
        for page in pages
        for section in page["sections"]
        for one in section["initiatives"]
    ]
    name = words.say("tables.initiatives")
    return Table(name, (*columns, "description", "links"), tuple(rows))


def versions_table(versions: Iterable[Document], words: Language) -> Table:
    """Everything that stood at some time of a stretch (the schema's versions), a row each."""
    times = ("from_after", "from", "to_after", "to")
    columns = ("page", *times, "section", "status", "initiative", "title", "description", "links")
    rows = [
        (
            one["page"],
            *(_moment(one[time]) for time in times),
            one["section"],
            words.status(one["status"]),
            one["initiative"],
            one["title"],
            one["description"],
            _links(one["links"]),
        )
        for one in versions
    ]
    return Table(words.say("tables.initiatives"), columns, tuple(rows))


def changes_table(changes: Iterable[Document], words: Language) -> Table:
    """Changes (the contract's documents), a row each."""
    sides = ("title", "status", "text", "links")
    both = tuple(f"{age}_{side}" for side in sides for age in ("old", "new"))
    columns = ("page", "after", "before", "subject", "kinds", "initiative", *both)
    rows = [
        (
            change["page"],
            _moment(change["after"]),
            _moment(change["before"]),
            _subject(change, words),
            ", ".join(words.kind(kind) for kind in change["kinds"]),
            change.get("initiative"),
            *_sides(change, words),
            ", ".join(words.signal(signal) for signal in change.get("signals", ())),
            change.get("certainty"),
            change["id"],
        )
        for change in changes
    ]
    name = words.say("tables.changes")
    return Table(name, (*columns, "signals", "certainty", "change"), tuple(rows))


def csv_bytes(table: Table, zone: tzinfo, words: Language) -> bytes:
    """For Swedish Excel: a BOM, semicolons, decimal commas, local times as 2026-11-20 08:00.
    English has commas and decimal points; the rest is the same."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";" if words.code == "sv" else ",", lineterminator="\r\n")
    writer.writerow(table.headings(words))
    for row in table.rows:
        writer.writerow([_csv_cell(cell, zone, words) for cell in row])
    return b"\xef\xbb\xbf" + text.getvalue().encode("utf-8")


def xlsx_bytes(tables: Sequence[Table], zone: tzinfo, words: Language) -> bytes:
    """A sheet each: real dates in local time, filters, a frozen header; texts only as texts."""
    import xlsxwriter

    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "default_date_format": "yyyy-mm-dd hh:mm",
    }
    whole = io.BytesIO()
    with xlsxwriter.Workbook(whole, options) as book:
        bold = book.add_format({"bold": True, "valign": "top"})
        plain = book.add_format({"valign": "top"})
        wrapped = book.add_format({"text_wrap": True, "valign": "top"})
        dated = book.add_format(
            {"num_format": "yyyy-mm-dd hh:mm", "valign": "top", "align": "left"}
        )
        for table in tables:
            sheet = book.add_worksheet(table.name)
            widths = [_width(column) for column in table.columns]
            for column, heading in enumerate(table.headings(words)):
                sheet.write_string(0, column, heading, bold)
                sheet.set_column(column, column, widths[column])
            for number, row in enumerate(table.rows, 1):
                sheet.set_row(number, _height(row, widths))
                for column, cell in enumerate(row):
                    if isinstance(cell, datetime):
                        local = cell.astimezone(zone).replace(tzinfo=None)
                        sheet.write_datetime(number, column, local, dated)
                    elif isinstance(cell, int | float):
                        sheet.write_number(number, column, cell, plain)
                    elif cell:
                        sheet.write_string(number, column, _fitting(cell), wrapped)
            _for_paper(sheet, sum(widths))
            sheet.freeze_panes(1, 0)
            sheet.autofilter(0, 0, max(1, len(table.rows)), len(table.columns) - 1)
    return whole.getvalue()


def _width(column: str) -> int:
    return _WIDTHS.get(column.split("_")[-1], _DATE_WIDTH)


def _height(row: Sequence[Cell], widths: Sequence[int]) -> float:
    """Points: room for the longest cell's lines. Not every spreadsheet fits a row by itself."""
    lines = max(
        sum(len(line) // width + 1 for line in cell.split("\n")) if isinstance(cell, str) else 1
        for cell, width in zip(row, widths, strict=True)
    )
    return min(lines * _LINE_POINTS, _HIGHEST_ROW)


def _for_paper(sheet: Any, width: int) -> None:
    """A printed sheet is as wide as its paper, with its headings on every page."""
    sheet.set_landscape()
    sheet.set_paper(_A4 if width <= _ON_A4 else _A3)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)


def _fitting(text: str) -> str:
    """A text that is too long for a cell says so by its end."""
    return text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 1] + "…"


def json_bytes(documents: Mapping[str, Sequence[Document]], now: datetime) -> bytes:
    """The contract's own documents, whole, with the schema they follow.

    `documents`: «pages», «versions», «changes» or several of them.
    """
    whole = {
        "schema": schema(),
        "what": list(documents),
        "exported_at": instant(now),
        **{key: list(rows) for key, rows in documents.items()},
    }
    return (json.dumps(whole, ensure_ascii=False, indent=2) + "\n").encode("utf-8")


def schema() -> Document:
    """The JSON Schema (2020-12) of a JSON export."""
    file = resources.files("presentation") / "export.schema.json"
    found: Document = json.loads(file.read_text(encoding="utf-8"))
    return found


def _subject(change: Document, words: Language) -> str:
    if change["subject"] == "page":
        return words.say(f"fields.{change['field']}")
    return words.say("tables.an_initiative")


def _sides(change: Document, words: Language) -> list[Cell]:
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


def _links(links: Iterable[Document]) -> str:
    return "\n".join(f"{link['text']} <{link['href'] or ''}>" for link in links)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _csv_cell(cell: Cell, zone: tzinfo, words: Language) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.astimezone(zone).strftime("%Y-%m-%d %H:%M")
    if isinstance(cell, int | float):
        return str(cell).replace(".", words.say("terminal.decimal"))
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
