"""The page that messages lead to: one initiative's life, from the store, over real HTTP."""

from __future__ import annotations

import httpx

from snapshots import history
from web import lives
from web.health import serve
from wiring import Installation


def test_an_initiative_has_a_page_that_runs_nothing_and_loads_nothing(
    imported: Installation,
) -> None:
    with imported.database.read() as conn:
        (name,) = history.lives_named(conn, "Solceller på ishallen")
    with serve("127.0.0.1", 0, lambda: None, [lives.route(lambda: imported)]) as server:
        host, port = server.address
        answer = httpx.get(f"http://{host}:{port}/initiatives/{name}", trust_env=False)
    assert answer.status_code == 200
    assert "Solceller på ishallen" in answer.text
    assert "<script" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_an_initiative_that_never_was_is_not_found(imported: Installation) -> None:
    with serve("127.0.0.1", 0, lambda: None, [lives.route(lambda: imported)]) as server:
        host, port = server.address
        answer = httpx.get(f"http://{host}:{port}/initiatives/i-0", trust_env=False)
    assert answer.status_code == 404
