"""`python -m web.probe` asks this machine's own /healthz: a health check without curl."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException


def healthy(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the process that listens where $VISIONSVAKT_LISTEN says answers that it lives."""
    listen = environment.get("VISIONSVAKT_LISTEN", "127.0.0.1:8080")
    host, _, port = listen.rpartition(":")
    if host in ("", "0.0.0.0", "[::]"):  # noqa: S104
        host = "127.0.0.1"
    connection = HTTPConnection(host.strip("[]"), int(port or 0), timeout=4)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(0 if healthy() else 1)
