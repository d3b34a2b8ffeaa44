"""Mail through Debian's postfix with STARTTLS and AUTH, read back over IMAP from dovecot."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from notifications.channels import ChannelDown, Letterhead
from notifications.email import EmailChannel, MailServer
from snapshots.database import Database
from tests.support.postoffice import ACCOUNT, RealPost, real_post
from tests.support.telling import SENDER, START, Town, by_mail, change, initiative
from tests.support.web import Authority

pytestmark = pytest.mark.slow
LONG = "Åkerbär, äpplen och öl från Granvik – “till alla”. " * 60


@pytest.fixture(scope="module")
def post() -> Iterator[RealPost]:
    with Authority() as authority, real_post(authority, "kim", "eva") as running:
        yield running


def server(post: RealPost, **more: object) -> MailServer:
    settings: dict[str, object] = {
        "security": "starttls",
        "username": ACCOUNT[0],
        "password": ACCOUNT[1],
        "ca_file": post.ca_file,
    } | more
    return MailServer("127.0.0.1", post.port, SENDER, **settings)  # type: ignore[arg-type]


def parsed(raw: bytes) -> EmailMessage:
    found = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def test_a_digest_arrives_whole_with_every_letter(sqlite_store: Database, post: RealPost) -> None:
    to = by_mail("kim@granvik.example", "eva@granvik.example")
    town = Town(sqlite_store, [to], mail=server(post))
    garden = initiative("Åkerbärsodling på torgets tak", description=LONG)
    town.tell(change(None, garden))
    assert town.deliver().sent == 2
    for name in ("kim", "eva"):
        (raw,) = post.read(name, 1)
        mail = parsed(raw)
        assert mail["Subject"] == "1 ny: Åkerbärsodling på torgets tak – Omsorg i Granvik"
        text = mail.get_body(("plain",))
        html = mail.get_body(("html",))
        assert text is not None
        assert html is not None
        assert " ".join(LONG.split())[:400] in " ".join(text.get_content().split())
        assert "Åkerbär, äpplen och öl" in html.get_content()
        assert mail["Message-ID"] in {f"<{row['id']}@granvik.example>" for row in town.deliveries}
        assert mail["Date"].datetime == START
        assert "ESMTPSA" in " ".join(mail.get_all("Received", [])), "encrypted, and logged in"


def test_a_mailbox_that_is_not_there_is_refused_and_the_other_gets_its_mail(
    sqlite_store: Database, post: RealPost
) -> None:
    had = len(post.read("eva", 0))
    to = by_mail("saknas@granvik.example", "eva@granvik.example")
    town = Town(sqlite_store, [to], mail=server(post))
    town.tell(change(None, initiative()))
    result = town.deliver()
    states = {row["address"]: row["state"] for row in town.deliveries}
    assert states["saknas@granvik.example"] == "dead"
    assert states["eva@granvik.example"] == "sent"
    assert result.sent == 1
    assert len(post.read("eva", had + 1)) == had + 1


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"password": "fel"}, "login"),
        ({"ca_file": ""}, "tls"),
        ({"security": "none", "username": ""}, "sender"),
    ],
)
def test_what_is_wrong_with_the_channel_is_named(
    post: RealPost, more: dict[str, object], code: str, sqlite_store: Database
) -> None:
    town = Town(sqlite_store, [by_mail()], mail=server(post, **more))
    town.tell(change(None, initiative()))
    assert town.deliver().waiting == 1
    if code != "sender":
        with pytest.raises(ChannelDown) as down:
            EmailChannel(server(post, **more), Letterhead()).check()
        assert down.value.code == code
