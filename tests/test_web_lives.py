"""The page that messages lead to: one initiative's life, from the store, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cli import town
from pipeline.imports import Edition, import_editions
from settings import load
from snapshots import history
from web import lives
from web.health import serve
from wiring import Installation, install, now

CONFIG = """
[[pages]]
id = "granvik"
name = "Granvik 2040"
url = "https://granvik.example/vision.html"
every = "1h"
"""


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    config = tmp_path / "visionsvakt.toml"
    config.write_text(CONFIG, encoding="utf-8")
    with install(load(config)) as opened:
        arriving = [
            Edition(now().replace(hour=hour), html.encode(), "text/html", None, "file")
            for hour, html in enumerate(town.editions())
        ]
        import_editions(opened.database, opened.page("granvik"), arriving)
        yield opened


def test_an_initiative_has_a_page_that_runs_nothing_and_loads_nothing(
    installation: Installation,
) -> None:
    with installation.database.read() as conn:
        (name,) = history.lives_named(conn, "Solceller på ishallen")
    with serve("127.0.0.1", 0, lambda: None, [lives.route(installation)]) as server:
        host, port = server.address
        answer = httpx.get(f"http://{host}:{port}/initiatives/{name}", trust_env=False)
    assert answer.status_code == 200
    assert "Solceller på ishallen" in answer.text
    assert "<script" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_an_initiative_that_never_was_is_not_found(installation: Installation) -> None:
    with serve("127.0.0.1", 0, lambda: None, [lives.route(installation)]) as server:
        host, port = server.address
        answer = httpx.get(f"http://{host}:{port}/initiatives/i-0", trust_env=False)
    assert answer.status_code == 404
