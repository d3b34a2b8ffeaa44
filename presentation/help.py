"""What --help says, in the terminal's language: the commands have it in Swedish, and
`locales/help.en.toml` in English, paragraph by paragraph.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

from presentation.language import DEFAULT


def explained(text: str, code: str) -> str:
    """A text of the help as people of that language read it; as it is where nobody put it so."""
    if code == DEFAULT:
        return text
    known = _texts(code)
    paragraphs = [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]
    return "\n\n".join(known.get(paragraph, paragraph) for paragraph in paragraphs)


@cache
def _texts(code: str) -> Mapping[str, str]:
    file = resources.files("presentation") / "locales" / f"help.{code}.toml"
    known: dict[str, str] = tomllib.loads(file.read_text(encoding="utf-8"))
    return known
