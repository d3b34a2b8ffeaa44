"""An installation whose store holds the four editions of the demonstration town's page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import town
from pipeline.imports import Edition, import_editions
from settings import load
from wiring import Installation, install, now

CONFIG = """
[[pages]]
id = "granvik"
name = "Granvik 2040"
url = "https://granvik.example/vision.html"
every = "1h"

[[pages]]
id = "tyst"
name = "En tyst sida"
url = "https://granvik.example/tyst.html"

[web]
public_url = "https://vakt.granvik.example/"
"""


@pytest.fixture
def imported(tmp_path: Path) -> Iterator[Installation]:
    config = tmp_path / "visionsvakt.toml"
    config.write_text(CONFIG, encoding="utf-8")
    with install(load(config)) as opened:
        import_editions(opened.database, opened.page("granvik"), editions(town.editions()))
        yield opened


def editions(pages: tuple[str, ...]) -> list[Edition]:
    """Editions of today, one for each hour."""
    return [
        Edition(now().replace(hour=hour), html.encode(), "text/html", None, "file")
        for hour, html in enumerate(pages)
    ]
