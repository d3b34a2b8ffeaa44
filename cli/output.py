"""What commands write: one JSON document, or lines for people; progress goes to standard error."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.errors import UsageError

if TYPE_CHECKING:
    from presentation.language import Language
    from wiring import Installation


def print_json(document: Any) -> None:
    """The one JSON document of a `--json` command: UTF-8 whatever the terminal is set to."""
    text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    sys.stdout.flush()
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None:
        sys.stdout.write(text)
    else:
        buffer.write(text.encode("utf-8", "backslashreplace"))
        buffer.flush()


def note(line: str) -> None:
    """One line about the work itself, on standard error."""
    print(line, file=sys.stderr, flush=True)


def note_new_store(installation: Installation, words: Language) -> None:
    """Say loudly that nothing is on record: a wrong address of the store looks just like that."""
    if installation.is_new:
        note(new_store_line(installation, words))


def new_store_line(installation: Installation, words: Language) -> str:
    """What is said where nothing is on record."""
    place = installation.database.place.removeprefix("Databasen ")
    return words.say("reports.new_store", place=place)


def write_file(out: Path, data: bytes) -> None:
    """Write a file that somebody asked for: whole, or what was there before stays.

    UsageError names the place and the mend where it can't be written.
    """
    if out.is_dir():
        raise UsageError(f"{out}: är en mapp; skriv filens namn också")
    part = out.with_name(f".{out.name}.part")
    try:
        if out.exists() and not out.is_file():  # a device, a pipe
            out.write_bytes(data)
            return
        try:
            part.write_bytes(data)
            part.replace(out)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"{out}: kan inte skrivas ({error.strerror}); välj en annan plats"
        ) from None
