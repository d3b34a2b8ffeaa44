"""One change travels all the way: from a page to the people who asked, once, whatever is killed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from tests.support.hooks import SECRET, Hook
from tests.support.mail import Fault, Mail, MailHost, Silence
from tests.support.program import (
    ERROR_PAGE,
    FIRST,
    SECOND,
    Home,
    by_hook,
    by_mail,
    config,
    mail,
    page,
    until,
)
from tests.support.web import HTML, Asked, Served, Site

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
NEWS = "Tre bänkar i hamnen"
"""A title that stands in a letter only where the change is told."""


@dataclass
class Granvik:
    """A site, a mail server and a webhook receiver, and a home that knows them all."""

    home: Home
    site: Site
    post: MailHost
    hook: Hook
    html: bytes = FIRST.html
    faults: dict[str, Fault] = field(default_factory=dict)

    def fault(self, step: str, address: str) -> Fault:
        return self.faults.get(step)

    def serve(self, asked: Asked) -> Served:
        if asked.path == "/robots.txt":
            return Served(b"", 404)
        tag = f'"{sha256(self.html).hexdigest()[:12]}"'
        if asked.headers.get("if-none-match") == tag:
            return Served(b"", 304, [("ETag", tag)])
        return Served(self.html, headers=[HTML, ("ETag", tag)])

    def look(self) -> str:
        outcome: str = self.home.json("check")["checks"][0]["outcome"]
        return outcome

    def changed(self) -> None:
        """The page was seen, its readers welcomed; then it changes and is seen again."""
        assert self.look() == "first"
        self.home.json("deliver")
        self.html = SECOND.html
        assert self.look() == "changed"

    @property
    def letters(self) -> list[Mail]:
        """The letters that tell the change."""
        return [one for one in list(self.post.mails) if NEWS in one.text]

    @property
    def posts(self) -> list[Asked]:
        """The webhooks that tell the change."""
        return [one for one in list(self.hook.log) if NEWS in str(json.loads(one.body))]


@pytest.fixture
def granvik(tmp_path: Path) -> Iterator[Granvik]:
    with Site(lambda asked: town.serve(asked)) as site, Hook(204) as hook:
        host = MailHost(fault=lambda step, address: town.fault(step, address))
        with host:
            home = Home(tmp_path / "hem", environment={"HOOK_SECRET": SECRET}, inside=True)
            town = Granvik(home, site, host, hook)
            home.write(
                config(
                    page("granvik", site.url("/vision.html"), every="1s"),
                    by_mail("kim@granvik.example", "lo@granvik.example"),
                    by_hook(hook.url("/hook")),
                    mail(host.port),
                )
            )
            yield town


# -------------------------------------------------------------------------------- it does its work


def test_a_change_is_told_once_by_mail_and_by_signed_webhook(granvik: Granvik) -> None:
    home = granvik.home
    home.inside = False
    granvik.changed()
    done = home.json("deliver")
    home.inside = True
    assert set(done) == {"sent", "waiting", "dead"}
    assert (done["sent"], done["waiting"], done["dead"]) == (3, 0, 0)
    assert {one.to for one in granvik.letters} == {
        ("kim@granvik.example",),
        ("lo@granvik.example",),
    }
    assert len(granvik.letters) == 2
    letter = granvik.letters[0]
    assert "Lånehunden" in letter.text
    assert NEWS in letter.html
    (posted,) = granvik.posts
    Webhook(SECRET).verify(posted.body, dict(posted.headers))
    document = json.loads(posted.body)
    assert set(document) == {"type", "timestamp", "data"}
    assert document["type"] == "visionsvakt.digest"
    assert document["data"]["subscription"] == "intranat"
    told, stored = document["data"]["changes"], home.json("changes")["changes"]
    assert [one["id"] for one in told] == [one["id"] for one in stored]
    assert [one["kinds"] for one in told] == [one["kinds"] for one in stored]
    assert home.json("deliver") == {"sent": 0, "waiting": 0, "dead": 0}
    assert granvik.look() == "unchanged"
    home.json("rebuild")
    assert home.json("deliver") == {"sent": 0, "waiting": 0, "dead": 0}
    rows = home.json("deliveries", "list")["deliveries"]
    keys = {"id", "subscription", "address", "state", "attempts", "next_attempt", "error"}
    assert all(set(row) >= keys for row in rows)
    assert {row["state"] for row in rows} == {"sent"}
    assert all("whsec" not in json.dumps(row) for row in rows)
    life = home.json("history", "Lånehunden")
    assert {one["change"] for one in life["told"]} == {life["changes"][0]["id"]}
    assert {(one["address"], one["state"]) for one in life["told"]} == {
        ("kim@granvik.example", "sent"),
        ("lo@granvik.example", "sent"),
        (granvik.hook.url("/hook"), "sent"),
    }
    assert {one["delivery"] for one in life["told"]} < {row["id"] for row in rows}
    assert "sagt till kim@granvik.example (kommunikation)" in home.run("history", "Lånehunden").out


def test_a_daily_digest_waits_for_its_time(granvik: Granvik) -> None:
    home = granvik.home
    home.write(
        config(
            page("granvik", granvik.site.url("/vision.html")),
            by_mail(digest="daily 07:30"),
            mail(granvik.post.port),
        )
    )
    granvik.changed()
    home.json("deliver")
    assert granvik.letters == []
    home.json("deliver", "--now", "2099-01-01T07:30")
    assert len(granvik.letters) == 1
    home.json("deliver", "--now", "2099-01-02T07:30")
    assert len(granvik.letters) == 1


def test_nobody_is_told_of_what_cannot_be_trusted_or_was_imported(granvik: Granvik) -> None:
    home = granvik.home
    assert granvik.look() == "first"
    home.json("deliver")
    granvik.html = ERROR_PAGE
    assert home.json("check", code=1)["checks"][0]["outcome"] == "quarantined"
    (home.folder / "20200101T000000Z.html").write_bytes(SECOND.html)
    assert home.json("import", "granvik", "20200101T000000Z.html")["snapshots"] == 1
    assert home.json("deliver")["sent"] == 0
    granvik.html = FIRST.html
    assert granvik.look() == "unchanged"
    assert home.json("deliver")["sent"] == 0
    assert granvik.letters == []


def test_a_channel_that_fails_is_tried_again_with_the_same_id_and_holds_no_other_up(
    granvik: Granvik,
) -> None:
    home = granvik.home
    granvik.changed()
    granvik.hook._answers[:] = [500, 204]
    done = home.json("deliver", code=1)
    assert (done["sent"], done["waiting"], done["dead"]) == (2, 1, 0)
    assert len(granvik.letters) == 2
    assert home.run("deliver").code == 1, "it still waits"
    assert len(granvik.posts) == 1
    (waiting,) = (
        row for row in home.json("deliveries", "list")["deliveries"] if row["state"] == "waiting"
    )
    assert waiting["attempts"] == 1
    assert waiting["next_attempt"].endswith("Z")
    assert "500" in waiting["error"]
    home.json("deliveries", "retry", waiting["id"])
    assert len(granvik.posts) == 1, "retry itself sends nothing"
    assert home.json("deliver") == {"sent": 1, "waiting": 0, "dead": 0}
    first, second = granvik.posts
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert len(granvik.letters) == 2


# ------------------------------------------------------------------------------- killed in between

KILLER = """
import os, signal, sys
if os.environ.get("KILLED_AT"):
    module, name = os.environ["KILLED_AT"].split(":")
    found = __import__(module, fromlist=[name])
    setattr(found, name, lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL))
"""


def kill_at(granvik: Granvik, point: str, *words: str) -> None:
    """Run a command that is killed (SIGKILL) where it would call this function."""
    folder = granvik.home.folder / "killer"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(KILLER)
    paths = f"{folder}:{ROOT}"
    with granvik.home.started(*words, KILLED_AT=point, PYTHONPATH=paths) as killed:
        assert killed.wait() == -9


@pytest.mark.parametrize("first", [False, True], ids=["a later look", "the first look"])
def test_killed_after_the_capture_the_change_is_found_though_the_next_answer_is_304(
    granvik: Granvik, first: bool
) -> None:
    if not first:
        assert granvik.look() == "first"
        granvik.home.json("deliver")
        granvik.html = SECOND.html
    kill_at(granvik, "pipeline.check:derive", "check")
    asked = len(granvik.site.log)
    assert granvik.look() == ("first" if first else "changed")
    assert any("if-none-match" in one.headers for one in granvik.site.log[asked:])
    granvik.home.json("deliver")
    assert len(granvik.letters) == (0 if first else 2)
    assert granvik.look() == "unchanged"
    granvik.home.json("deliver")
    assert len(granvik.letters) == (0 if first else 2)


@pytest.mark.parametrize(
    "point",
    ["pipeline.visit:_keep", "pipeline.check:tell_changes", "pipeline.check:_release_siblings"],
)
def test_killed_before_a_commit_nothing_is_half_done(granvik: Granvik, point: str) -> None:
    assert granvik.look() == "first"
    granvik.home.json("deliver")
    granvik.html = SECOND.html
    kill_at(granvik, point, "check")
    assert granvik.home.json("changes") == {"changes": []}
    assert granvik.look() == "changed"
    granvik.home.json("deliver")
    assert len(granvik.letters) == 2
    assert len(granvik.posts) == 1


def test_killed_between_commit_and_send_it_is_told_once(granvik: Granvik) -> None:
    granvik.changed()
    granvik.faults["CONNECT"] = Silence
    connections = granvik.post.log.count("CONNECT")
    with granvik.home.started("deliver") as killed:
        until(lambda: granvik.post.log.count("CONNECT") > connections)
        until(lambda: len(granvik.posts) == 1)
        killed.kill()
    granvik.faults.clear()
    assert granvik.letters == []
    granvik.home.json("deliver")
    assert len(granvik.letters) == 2
    assert len({one.headers["webhook-id"] for one in granvik.posts}) == 1


@pytest.mark.parametrize(("step", "letters"), [("END", 2), ("SENT", 3)])
def test_killed_in_the_middle_of_a_send_it_is_told_with_the_same_id(
    granvik: Granvik, step: str, letters: int
) -> None:
    granvik.changed()
    granvik.faults[step] = Silence
    began = len(granvik.post.log)
    with granvik.home.started("deliver") as killed:
        until(lambda: any(line.startswith(step) for line in granvik.post.log[began:]))
        killed.kill()
    granvik.faults.clear()
    done = granvik.home.json("deliver")
    assert done["waiting"] == 0
    # What the server had whole before the kill comes again: SMTP can't know. Its id is the same.
    assert len(granvik.letters) == letters
    assert len({(one.id, one.to) for one in granvik.letters}) == 2
    assert len({one.headers["webhook-id"] for one in granvik.posts}) == 1


def test_a_killed_worker_leaves_nothing_untold(granvik: Granvik) -> None:
    home = granvik.home
    assert granvik.look() == "first"
    home.json("deliver")
    granvik.faults["END"] = Silence
    began = len(granvik.post.log)
    with home.started("run") as worker:
        granvik.html = SECOND.html
        worker.line("granvik: ändrad")
        until(lambda: any(line.startswith("END") for line in granvik.post.log[began:]))
        worker.kill()
    granvik.faults.clear()
    with home.started("run") as worker:
        until(lambda: len(granvik.letters) == 2)
        until(lambda: len(granvik.posts) >= 1)
        worker.stop()
    assert home.json("deliver")["sent"] == 0
    assert len(granvik.letters) == 2
    assert len({one.headers["webhook-id"] for one in granvik.posts}) == 1


# ------------------------------------------------------------------------------------ the real page


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared pages are not here")
@pytest.mark.parametrize(
    "name", ["omsorg.html", "omsorg.details.html", "omsorg.bullets.html", "omsorg.txt"]
)
def test_the_real_page_is_read_whole(tmp_path: Path, name: str) -> None:
    expected = json.loads((SHARED / "pages" / "omsorg.expected.json").read_text("utf-8"))
    read = Home(tmp_path, inside=True).json("extract", str(SHARED / "pages" / name))

    def gist(document: dict[str, Any]) -> list[Any]:
        return [
            (
                section["status"],
                one["title"],
                one["description"],
                [(link["text"], link["external"]) for link in one["links"]],
            )
            for section in document["sections"]
            for one in section["initiatives"]
        ]

    assert len(gist(read)) == 122
    assert gist(read) == gist(expected)
    assert read["unclaimed"] == []
    assert read["verdict"] == "good"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared histories are not here")
@pytest.mark.parametrize("name", ["ordinary-101", "redesigned-104"])
def test_a_real_history_is_told_right(tmp_path: Path, name: str) -> None:
    home = Home(
        tmp_path, config(page("granvik", "https://www.granvik.example/vision.html")), inside=True
    )
    folder = SHARED / "histories" / name
    home.json("import", "granvik", str(folder))
    truth = json.loads((folder / "truth.json").read_text("utf-8"))
    expected = [
        (edition["time"], *sorted(one["kinds"]), one["old"], one["new"], one["from"], one["to"])
        for edition in truth["editions"]
        for one in edition["changes"]
    ]
    found = [
        (
            *(one["before"], *sorted(one["kinds"])),
            *(one[part][side] for part in ("title", "status") for side in ("old", "new")),
        )
        for one in home.json("changes")["changes"]
        if one["subject"] == "initiative"
    ]
    assert sorted(found, key=str) == sorted(expected, key=str)
