"""Web archives through the real program: what another tool wrote down comes in whole.

On SQLite, and on a real PostgreSQL.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from tests.support.program import FIRST, FOURTH, SECOND, THIRD, Edition, Home, config, page
from tests.support.store import PostgreSQL
from tests.support.web import Asked, Served, Site

pytestmark = [
    pytest.mark.xdist_group("archives"),
    pytest.mark.filterwarnings(  # warcio's writer leaves its scratch file to the collector
        "ignore::pytest.PytestUnraisableExceptionWarning"
    ),
]
URL = "https://www.granvik.example/vision.4.7b1e55aa90c2.html"
Answer = tuple[str, Edition | bytes, str]
"""Of an archive: when, what, and with which status line."""


@pytest.fixture(params=["sqlite", "postgresql"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    """An empty store that watches one page."""
    environment = {}
    if request.param == "postgresql":
        server: PostgreSQL = request.getfixturevalue("postgresql")
        environment["VISIONSVAKT_DATABASE_URL"] = server.create()
    return Home(tmp_path / "hem", config(page("granvik", URL)), environment, inside=True)


def archive(path: Path, *answers: Answer, url: str = URL) -> Path:
    """A WARC by warcio."""
    fields = [("Content-Type", "text/html; charset=utf-8"), ("X-Kommun", "Granvik")]
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=path.name.endswith(".gz"))
        writer.write_record(writer.create_warcinfo_record(path.name, {"software": "test"}))
        for at, what, status in answers:
            body = what if isinstance(what, bytes) else what.html
            record = writer.create_warc_record(
                url,
                "response",
                payload=io.BytesIO(body),
                http_headers=StatusAndHeaders(status, fields, protocol="HTTP/1.1"),
                warc_headers_dict={"WARC-Date": at},
            )
            writer.write_record(record)
    return path


def past(folder: Path) -> list[Path]:
    """The four editions: two in one WARC, two in a WACZ, neither in order."""
    one = archive(
        folder / "höst åäö.warc.gz",
        ("2026-11-21T07:00:00Z", SECOND, "200 OK"),
        ("2026-11-20T06:00:00.25Z", FIRST, "200 OK"),
    )
    inner = archive(
        folder / "data.warc",
        ("2026-11-23T08:30:15Z", FOURTH, "200 OK"),
        ("2026-11-22T00:00:00Z", THIRD, "200 OK"),
    )
    bundle = folder / "vinter.wacz"
    with zipfile.ZipFile(bundle, "w") as made:
        made.write(inner, "archive/data.warc")
        made.writestr("datapackage.json", "{}")
    inner.unlink()
    return [one, bundle]


def titles(shown: dict[str, Any]) -> list[list[str]]:
    return [[one["title"] for one in part["initiatives"]] for part in shown["sections"]]


def said(edition: Edition) -> list[list[str]]:
    sections: Sequence[Sequence[tuple[str, str]]] = (
        edition.ongoing,
        edition.developing,
        edition.partnership,
    )
    return [[title for title, _ in items] for items in sections]


def test_archives_by_warcio_come_in_whole_and_say_where_they_are_from(
    home: Home, tmp_path: Path
) -> None:
    files = [str(file) for file in past(tmp_path)]
    done = home.json("import", "granvik", *files)
    assert done == {"imported": 4, "duplicates": 0, "quarantined": 0, "snapshots": 4}
    times = ("2026-11-20T06:00:00.250000Z", "2026-11-21T07:00:00Z", "2026-11-22T00:00:00Z")
    editions = (FIRST, SECOND, THIRD, FOURTH)
    for at, edition in zip((*times, "2026-11-23T08:30:15Z"), editions, strict=True):
        shown = home.json("show", "granvik", "--as-of", at)
        assert (shown["as_of"], shown["source"]) == (at, "warc")
        assert titles(shown) == said(edition)
    kinds = [one["kinds"] for one in home.json("changes")["changes"]]
    assert kinds == [
        ["moved", "renamed", "reworded"],
        ["added"],
        ["renamed"],
        ["removed"],
        ["restored"],
    ]
    assert "ur ett webbarkiv" in home.run("show", "granvik").out
    assert home.run("export", "--format", "json", "allt.json").code == 0
    exported = json.loads((home.folder / "allt.json").read_text(encoding="utf-8"))
    assert exported["pages"][0]["source"] == "warc"
    assert home.json("verify")["captures"] == 4
    again = home.json("import", "granvik", *files)
    assert again == {"imported": 0, "duplicates": 4, "quarantined": 0, "snapshots": 0}
    # What came from an archive is told to nobody as news.
    assert home.json("deliver") == {"sent": 0, "waiting": 0, "dead": 0}


def test_an_archive_gives_the_same_history_as_files_of_the_same(home: Home, tmp_path: Path) -> None:
    whole = {
        "20261121T070000Z.html": SECOND,
        "2026-11-22.html": THIRD,
        "20261123083015.html": FOURTH,
    }
    archive(tmp_path / "a.warc.gz", ("2026-11-20T06:00:00Z", FIRST, "200 OK"))
    for name, edition in whole.items():
        (tmp_path / name).write_bytes(edition.html)
    home.json("import", "granvik", *(str(tmp_path / name) for name in whole))
    late = home.json("import", "granvik", str(tmp_path / "a.warc.gz"))
    assert (late["imported"], late["snapshots"]) == (1, 1)
    assert [one["before"][:10] for one in home.json("changes")["changes"]] == [
        *["2026-11-21"] * 2,
        *["2026-11-22"] * 2,
        "2026-11-23",
    ]
    assert home.json("rebuild")["delta"] == {"new": {}, "gone": {}}


def test_what_of_an_archive_cannot_be_used_is_named(home: Home, tmp_path: Path) -> None:
    archive(
        tmp_path / "a.warc.gz",
        ("2026-11-20T06:00:00Z", FIRST, "200 OK"),
        ("2026-11-20T07:00:00Z", b"busy", "503 Service Unavailable"),
    )
    archive(
        tmp_path / "b.warc", ("2026-11-20T06:00:00Z", FIRST, "200 OK"), url="https://else.example/"
    )
    done = home.run("import", "granvik", str(tmp_path), "--json")
    assert (done.code, done.document["imported"]) == (0, 1)
    assert f"a.warc.gz: {URL} 2026-11-20T07:00:00Z: svarade 503" in done.err
    assert f"b.warc: arkivet har inget helt svar från {URL}" in done.err
    (tmp_path / "c.warc.gz").write_bytes((tmp_path / "a.warc.gz").read_bytes()[:-30])
    assert "c.warc.gz" in home.refused("import", "granvik", str(tmp_path / "c.warc.gz"))


@pytest.mark.skipif(shutil.which("wget") is None, reason="wget is not installed")
def test_an_archive_by_wget_comes_in_whole(home: Home, tmp_path: Path) -> None:
    def answer(asked: Asked) -> Served:
        return Served(FIRST.html)

    with Site(answer) as site:
        address = site.url("/vision.html")
        command = ["wget", "--quiet", "--no-proxy", "--warc-file=sida", address]
        subprocess.run(command, cwd=tmp_path, check=True)
    home.write(config(page("granvik", address)))
    before = datetime.now(UTC)
    done = home.json("import", "granvik", str(tmp_path / "sida.warc.gz"))
    assert done == {"imported": 1, "duplicates": 0, "quarantined": 0, "snapshots": 1}
    shown = home.json("show", "granvik")
    assert titles(shown) == said(FIRST)
    assert "bänkar i hamnen" in json.dumps(shown, ensure_ascii=False)
    assert abs((datetime.fromisoformat(shown["as_of"]) - before).total_seconds()) < 120


# ------------------------------------------------------------------------------ killed in between


def test_killed_in_the_middle_of_a_batch_the_import_goes_on_to_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "förr"
    folder.mkdir()
    editions = (FIRST, SECOND, THIRD, FOURTH)
    for number in range(210):
        body = editions[number // 53].html.replace(b"</main>", b"<!-- %d --></main>" % number)
        (folder / f"202501{number // 24 + 1:02}T{number % 24:02}0000Z.html").write_bytes(body)
    home = Home(tmp_path / "dödad", config(page("granvik", URL)))
    whole = Home(tmp_path / "hel", home.config, inside=True)
    assert whole.json("import", "granvik", str(folder))["imported"] == 210
    pipe = tmp_path / "20250109T110000Z.html"  # the program waits for it in its second batch
    os.mkfifo(pipe)
    with (
        home.started("import", "granvik", str(folder), str(pipe)) as running,
        pipe.open("wb"),  # opened there, too: the first batch is committed, half of the next read
    ):
        running.kill()
    home = Home(home.folder, inside=True)
    held = home.json("verify")
    assert (held["ok"], held["captures"], held["snapshots"]) == (True, 200, 0)
    done = home.json("import", "granvik", str(folder))
    assert (done["imported"], done["duplicates"], done["snapshots"]) == (10, 200, 4)
    for words in (["changes"], ["show", "granvik"], ["history", "Telefonvännen"]):
        assert home.json(*words) == whole.json(*words)
    assert home.json("verify")["captures"] == 210
