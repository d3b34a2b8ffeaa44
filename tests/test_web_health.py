"""The health addresses tell the process from its work, and end when they are told to."""

from __future__ import annotations

import socket

import httpx
import pytest

from monitor.errors import UsageError
from tests.support.hooks import Hook
from web.health import serve
from web.probe import healthy
from web.server import WebServer


def get(server: WebServer, path: str) -> tuple[int, str]:
    with httpx.Client(trust_env=False) as client:
        answer = client.get(f"http://{server.address[0]}:{server.address[1]}{path}")
    return answer.status_code, answer.text


def test_a_process_that_lives_says_so_even_when_it_cannot_work() -> None:
    trouble: list[str | None] = [None]
    with serve("127.0.0.1", 0, lambda: trouble[0]) as server:
        assert get(server, "/healthz") == (200, "ok\n")
        assert get(server, "/readyz") == (200, "ok\n")
        trouble[0] = "databasen går inte att skriva i"
        assert get(server, "/healthz") == (200, "ok\n")
        assert get(server, "/readyz") == (503, "databasen går inte att skriva i\n")
        assert get(server, "/elsewhere")[0] == 404


def test_an_address_in_use_is_refused_with_the_mend() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UsageError, match=rf"web\.listen: 127\.0\.0\.1:{port} .*listen"):
            serve("127.0.0.1", port, lambda: None)


def test_it_stops_when_told_and_twice_is_no_harm() -> None:
    server = serve("127.0.0.1", 0, lambda: None)
    server.start()
    assert get(server, "/healthz")[0] == 200
    server.stop()
    server.stop()
    with pytest.raises(httpx.ConnectError):
        get(server, "/healthz")


@pytest.mark.parametrize("listen", ["127.0.0.1:{}", "0.0.0.0:{}", ":{}"])
def test_the_container_s_probe_asks_where_the_worker_listens(listen: str) -> None:
    with serve("127.0.0.1", 0, lambda: "kan inte arbeta") as server:
        there = {"VISIONSVAKT_LISTEN": listen.format(server.address[1])}
        assert healthy(there), "the process lives"
    assert not healthy(there)
    with Hook(503) as other:
        assert not healthy({"VISIONSVAKT_LISTEN": listen.format(other.port)})
