"""Serves an ASGI application from a thread beside the worker, on an address taken beforehand."""

from __future__ import annotations

import asyncio
import socket
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any

from monitor.errors import UsageError

if TYPE_CHECKING:
    from uvicorn import Server

STOP_SECONDS = 5


class WebServer:
    """Listens from the moment it is made, answers between `start` and `stop`.

    Port 0 takes a free one; `address` says which. UsageError where the address can't be had.
    """

    def __init__(self, app: Any, host: str, port: int) -> None:
        self._socket = _listen(host, port)
        self.address: tuple[str, int] = self._socket.getsockname()[:2]
        self._server = _server(app)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="web", daemon=True
        )

    def start(self) -> None:
        """Begin to answer: what connected since it was made is answered first."""
        self._thread.start()

    def stop(self) -> None:
        """Answer what is being asked, then end. Safe to call twice."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)
        self._socket.close()

    def __enter__(self) -> WebServer:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.stop()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        taken = socket.socket(family, kind, protocol)
        try:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(address)
            taken.listen(128)
        except OSError:
            taken.close()
            raise
    except OSError as trouble:
        raise UsageError(
            f"web.listen: {host}:{port} kan inte användas ({trouble.strerror}); "
            'är den upptagen, välj en annan eller stäng av med listen = ""'
        ) from None
    return taken


def _server(app: Any) -> Server:
    from uvicorn import Config, Server

    class CalmServer(Server):
        """Looks up twice a second whether it is to end, not ten times: most of the time it idles.

        `on_tick` renews the Date header when its counter is a multiple of ten.
        """

        async def main_loop(self) -> None:
            counter = 0
            while not await self.on_tick(counter % 10):
                await asyncio.sleep(0.5)
                counter += 5

    config = Config(
        app,
        access_log=False,
        log_config=None,
        log_level="warning",
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=2,
        ws="none",
    )
    return CalmServer(config)
