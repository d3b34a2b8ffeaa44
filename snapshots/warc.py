"""Web archives read: what a page's address answered, from `.warc`, `.warc.gz` and `.wacz`.

Written by anyone: warcio, wget, a browser's recorder. Chunked or not, packed or not, as a response,
a resource or a revisit of an equal payload. Redirects in the archive are followed.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import urljoin, urlsplit

from monitor.errors import UsageError
from monitor.inflate import UndecodableError, decode, encoding_of

_MOST_BYTES: Final = 50_000_000
"""Of one decoded body; more is no page."""
_MOST_REDIRECTS: Final = 10
_REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))


@dataclass(frozen=True, slots=True)
class Response:
    """A whole 200 that an archive holds. `exchange` is the hop as `facts` keeps it."""

    at: datetime
    url: str
    body: bytes
    content_type: str | None
    exchange: Mapping[str, Any]


def responses(
    path: Path, page_url: str, on_skip: Callable[[str], None] = lambda text: None
) -> Iterator[Response]:
    """What the page's address, or where it redirected to, answered: as the records lie.

    `on_skip` hears of records of the page that can't be used, and why. Raises UsageError for a
    file that is no archive or is cut.
    """
    wanted = _addresses(path, page_url)
    packed_bodies: dict[str, bytes] = {}
    for record in _records(path):
        if _key(record.url) not in wanted or record.kind not in ("response", "resource", "revisit"):
            continue
        name = f"{path.name}: {record.url} {record.at:%Y-%m-%dT%H:%M:%SZ}"
        if record.status in _REDIRECTS:
            continue
        if record.status != 200:
            on_skip(f"{name}: svarade {record.status}")
            continue
        try:
            body = _body(record, packed_bodies)
        except UndecodableError as error:
            on_skip(f"{name}: {error.text}")
            continue
        if body is None:
            on_skip(f"{name}: hänvisar till ett svar som inte finns i arkivet")
            continue
        packed_bodies.setdefault(_digest(body), zlib.compress(body, 1))
        if record.payload_digest:
            packed_bodies.setdefault(record.payload_digest, zlib.compress(body, 1))
        yield Response(
            record.at, record.url, body, record.header("content-type"), record.exchange()
        )


@dataclass(frozen=True, slots=True)
class _Record:
    """One record of an archive, its payload read."""

    kind: str
    url: str
    at: datetime
    status: int
    http_version: str
    headers: tuple[tuple[str, str], ...]
    payload: bytes
    payload_digest: str | None
    address: str | None

    def header(self, name: str) -> str | None:
        """The first header field of that name (in lower case)."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    def exchange(self) -> dict[str, Any]:
        """The record as a hop."""
        return {
            "url": self.url,
            "status": self.status,
            "http_version": self.http_version,
            "headers": [list(pair) for pair in self.headers],
            "body": self.payload,
            "address": self.address,
            "started_at": self.at.isoformat(),
        }


def _addresses(path: Path, page_url: str) -> frozenset[str]:
    """The page's address and those that it redirects to in this archive, as keys."""
    leads: dict[str, set[str]] = {}
    for record in _records(path, payloads=False):
        location = record.header("location")
        if record.status in _REDIRECTS and location:
            leads.setdefault(_key(record.url), set()).add(_key(urljoin(record.url, location)))
    found = {_key(page_url)}
    for _ in range(_MOST_REDIRECTS):
        found |= {target for address in found for target in leads.get(address, ())}
    return frozenset(found)


def _key(url: str) -> str:
    """What tells addresses apart: neither scheme, nor case of the host, nor fragment."""
    parts = urlsplit(url.strip("<> "))
    host = (parts.hostname or "").removesuffix(".")
    port = "" if parts.port in (None, 80, 443) else f":{parts.port}"
    query = f"?{parts.query}" if parts.query else ""
    return f"{host}{port}{parts.path or '/'}{query}"


def _body(record: _Record, packed_bodies: Mapping[str, bytes]) -> bytes | None:
    """The decoded body; a revisit's is that of the payload it names."""
    if record.kind == "revisit":
        packed = packed_bodies.get(record.payload_digest or "")
        return None if packed is None else zlib.decompress(packed)
    encodings = [value for key, value in record.headers if key.lower() == "content-encoding"]
    try:
        return decode(record.payload, encoding_of(encodings), _MOST_BYTES)
    except UndecodableError:
        if record.payload.lstrip()[:1] == b"<":  # kept unpacked, under the headers of the packed
            return record.payload
        raise


def _digest(body: bytes) -> str:
    from base64 import b32encode

    return "sha1:" + b32encode(hashlib.sha1(body, usedforsecurity=False).digest()).decode()


def _records(path: Path, *, payloads: bool = True) -> Iterator[_Record]:
    from warcio.archiveiterator import ArchiveIterator
    from warcio.exceptions import ArchiveLoadFailed

    for name, stream in _streams(path):
        found = False
        try:
            for record in ArchiveIterator(stream):
                if record.format != "warc":
                    break
                found = True
                read = _read(record, payloads)
                if read is not None:
                    yield read
            if not found:
                raise ValueError("inga poster")
        except (ArchiveLoadFailed, zlib.error, EOFError, ValueError, OSError) as error:
            raise UsageError(
                f"{name}: går inte att läsa som webbarkiv ({error}). Hämta filen på nytt."
            ) from error


def _read(record: Any, payloads: bool) -> _Record | None:
    headers = record.rec_headers
    url = headers.get_header("WARC-Target-URI")
    date = headers.get_header("WARC-Date")
    if record.rec_type not in ("response", "resource", "revisit") or not url or not date:
        return None
    http = record.http_headers
    fields: tuple[tuple[str, str], ...] = ()
    status, version = 200, ""
    if http is not None:
        fields = tuple((str(key), str(value)) for key, value in http.headers)
        version = str(http.protocol)
        status = int(http.get_statuscode() or 0)
    elif record.rec_type == "resource":
        fields = (("Content-Type", headers.get_header("Content-Type") or ""),)
    return _Record(
        kind=record.rec_type,
        url=url.strip("<>"),
        at=datetime.fromisoformat(date.replace("Z", "+00:00")).astimezone(UTC),
        status=status,
        http_version=version,
        headers=fields,
        payload=_payload(record, fields) if payloads else b"",
        payload_digest=headers.get_header("WARC-Payload-Digest"),
        address=headers.get_header("WARC-IP-Address"),
    )


def _payload(record: Any, fields: tuple[tuple[str, str], ...]) -> bytes:
    """The message body: transfer encoding removed, content encoding as it came."""
    from warcio.bufferedreaders import ChunkedDataReader

    raw = record.raw_stream.read()
    if getattr(record.raw_stream, "limit", 0):
        raise EOFError("avbruten mitt i en post")
    chunked = any(
        key.lower() == "transfer-encoding" and "chunked" in value.lower() for key, value in fields
    )
    if not chunked:
        return bytes(raw)
    reader = ChunkedDataReader(io.BytesIO(raw))
    parts = []
    while part := reader.read(65_536):
        parts.append(part)
    return b"".join(parts)


def _streams(path: Path) -> Iterator[tuple[str, BinaryIO]]:
    """The WARC files of an archive: itself, or those in a WACZ (a ZIP file, nothing unpacked)."""
    if path.name.lower().endswith(".wacz"):
        with _opened(path) as bundle:
            for entry in sorted(bundle.namelist()):
                if entry.startswith("archive/") and entry.lower().endswith((".warc", ".warc.gz")):
                    with bundle.open(entry) as stream:
                        yield f"{path}/{entry}", stream  # type: ignore[misc]
        return
    try:
        opened = path.open("rb")
    except OSError as error:
        raise UsageError(f"{path}: kan inte läsas ({error.strerror}). Ge läsrätt.") from error
    with opened:
        yield str(path), opened


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as bundle:
            yield bundle
    except (zipfile.BadZipFile, OSError) as error:
        raise UsageError(f"{path}: går inte att läsa som WACZ. Hämta filen på nytt.") from error
