"""Archives that other tools wrote: what a page's address answered comes in whole."""

from __future__ import annotations

import gzip
import io
import shutil
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from monitor.errors import UsageError
from snapshots import warc

pytestmark = pytest.mark.filterwarnings(  # warcio's writer leaves its scratch file to the collector
    "ignore::pytest.PytestUnraisableExceptionWarning"
)
URL = "https://granvik.example/vision.html"
PAGE = "<html><h1>Visionen för Granvik: åäö</h1></html>".encode() * 50


def archive(path: Path, *records: dict[str, Any]) -> Path:
    """A WARC by warcio. A record: url, at, body, status, headers, kind."""
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=path.name.endswith(".gz"))
        writer.write_record(writer.create_warcinfo_record(path.name, {"software": "test"}))
        for record in records:
            headers = record.get("headers", [("Content-Type", "text/html; charset=utf-8")])
            http = StatusAndHeaders(record.get("status", "200 OK"), headers, protocol="HTTP/1.1")
            kind = record.get("kind", "response")
            if kind == "revisit":
                made = writer.create_revisit_record(
                    record.get("url", URL),
                    record["digest"],
                    record.get("url", URL),
                    "2026-01-05T07:00:00Z",
                    warc_headers_dict={"WARC-Date": record["at"]},
                )
            else:
                made = writer.create_warc_record(
                    record.get("url", URL),
                    kind,
                    payload=io.BytesIO(record.get("body", PAGE)),
                    http_headers=http if kind == "response" else None,
                    warc_headers_dict={"WARC-Date": record["at"]},
                    warc_content_type="text/html" if kind == "resource" else "",
                )
            writer.write_record(made)
    return path


@pytest.mark.parametrize("name", ["a.warc", "a.warc.gz"])
def test_an_archive_by_warcio_comes_in_whole(tmp_path: Path, name: str) -> None:
    zipped = [("Content-Type", "text/html"), ("Content-Encoding", "gzip")]
    chunked = [("Content-Type", "text/html"), ("Transfer-Encoding", "chunked")]
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(PAGE), PAGE)
    path = archive(
        tmp_path / name,
        {"at": "2026-01-05T07:00:00Z"},
        {"at": "2026-01-05T08:00:00.123456Z", "body": gzip.compress(PAGE), "headers": zipped},
        {"at": "2026-01-05T09:00:00Z", "body": chunks, "headers": chunked},
        {"at": "2026-01-05T10:00:00Z", "url": "https://granvik.example/else.html"},
        {"at": "2026-01-05T11:00:00Z", "url": "http://Granvik.example:80/vision.html#top"},
        {"at": "2026-01-05T12:00:00Z", "kind": "resource"},
    )
    found = list(warc.responses(path, URL))
    assert [one.body for one in found] == [PAGE] * 5
    assert [one.at.hour for one in found] == [7, 8, 9, 11, 12]
    assert found[1].at == datetime(2026, 1, 5, 8, 0, 0, 123456, tzinfo=UTC)
    assert found[0].content_type == "text/html; charset=utf-8"
    assert found[1].exchange["body"] == gzip.compress(PAGE) or found[1].exchange["body"]
    assert found[2].exchange["body"] == PAGE
    assert ["Transfer-Encoding", "chunked"] in found[2].exchange["headers"]


def test_redirects_in_the_archive_are_followed(tmp_path: Path) -> None:
    path = archive(
        tmp_path / "a.warc",
        {"at": "2026-01-05T07:00:02Z", "url": "https://granvik.example/ny.html"},
        {
            "at": "2026-01-05T07:00:01Z",
            "status": "301 Moved",
            "headers": [("Location", "/ny.html")],
            "body": b"",
        },
    )
    (one,) = warc.responses(path, URL)
    assert one.url == "https://granvik.example/ny.html"


def test_a_revisit_is_the_payload_it_names_and_what_cannot_be_used_is_said(tmp_path: Path) -> None:
    digest = warc._digest(PAGE)
    path = archive(
        tmp_path / "a.warc.gz",
        {"at": "2026-01-05T07:00:00Z"},
        {"at": "2026-01-06T07:00:00Z", "kind": "revisit", "digest": digest},
        {"at": "2026-01-07T07:00:00Z", "kind": "revisit", "digest": "sha1:NOWHERE"},
        {"at": "2026-01-08T07:00:00Z", "status": "503 Busy"},
        {
            "at": "2026-01-09T07:00:00Z",
            "headers": [("Content-Encoding", "br")],
            "body": b"\x8b\x01",
        },
    )
    skipped: list[str] = []
    found = list(warc.responses(path, URL, skipped.append))
    assert [one.at.day for one in found] == [5, 6]
    assert found[1].body == PAGE
    assert [text.rsplit(": ", 1)[1] for text in skipped] == [
        "hänvisar till ett svar som inte finns i arkivet",
        "svarade 503",
        "är packad som 'br', som inte begärts",
    ]


def test_a_wacz_is_read_without_unpacking_it(tmp_path: Path) -> None:
    inner = archive(tmp_path / "data.warc.gz", {"at": "2026-01-05T07:00:00Z"})
    bundle = tmp_path / "a.wacz"
    with zipfile.ZipFile(bundle, "w") as made:
        made.write(inner, "archive/data.warc.gz")
        made.writestr("../../evil.warc", b"x")
        made.writestr("datapackage.json", b"{}")
    (one,) = warc.responses(bundle, URL)
    assert one.body == PAGE


@pytest.mark.parametrize("name", ["a.warc", "a.warc.gz", "a.wacz"])
@pytest.mark.parametrize("cut", [False, True])
def test_what_is_no_archive_is_named(tmp_path: Path, name: str, cut: bool) -> None:
    path = tmp_path / name
    if cut:
        whole = archive(
            tmp_path / f"whole.{name.removeprefix('a.')}", {"at": "2026-01-05T07:00:00Z"}
        )
        path.write_bytes(whole.read_bytes()[:-40])
    else:
        path.write_bytes(b"Hej! " * 100)
    with pytest.raises(UsageError, match=name.replace(".", r"\.")):
        list(warc.responses(path, URL))


class _Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Site)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/vision.html"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.skipif(shutil.which("wget") is None, reason="wget is not installed")
def test_an_archive_by_wget_comes_in_whole(tmp_path: Path, site: str) -> None:
    command = ["wget", "--quiet", "--no-proxy", "--warc-file=sida", site]
    subprocess.run(command, cwd=tmp_path, check=True)
    before = datetime.now(UTC)
    (one,) = warc.responses(tmp_path / "sida.warc.gz", site)
    assert one.body == PAGE
    assert "åäö" in one.body.decode()
    assert abs((one.at - before).total_seconds()) < 60
    assert one.exchange["status"] == 200
