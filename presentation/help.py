"""What --help says, in the terminal's language: the commands have it in Swedish, and
`locales/help.en.toml` in English, paragraph by paragraph.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from presentation.language import DEFAULT, locale


def explained(text: str, code: str) -> str:
    """A text of the help as people of that language read it; as it is where nobody put it so."""
    if code == DEFAULT:
        return text
    known = _texts(code)
    paragraphs = [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]
    return "\n\n".join(known.get(paragraph, paragraph) for paragraph in paragraphs)


@cache
def _texts(code: str) -> Mapping[str, str]:
    return locale(f"help.{code}")
