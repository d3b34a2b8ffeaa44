"""What commands write: one JSON document, or lines for people; progress goes to standard error."""

from __future__ import annotations

import json
import sys
from typing import Any


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
