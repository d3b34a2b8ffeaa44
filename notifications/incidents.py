"""Trouble, one incident per cause: opened after so many failures, ended when it works again.

Whoever meets trouble calls `note`, whoever sees it work calls `over`; both in a transaction of
theirs. Who is told what, and when, is `due_news`: told when it opens, when its cause changes, after
a day and then every week while it lasts, and when it ends. What never became an incident is
forgotten when it is over.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TypeAlias

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from monitor.model import short_id
from presentation.documents import instant
from snapshots.schema import incidents

OPENS_AFTER: Final = 3
"""So many failures in a row are an incident, where whoever notes them says no other number."""
FIRST_REMINDER: Final = timedelta(days=1)
NEXT_REMINDERS: Final = timedelta(days=7)
MAIL: Final = "channel:e-post"
"""The mail server, whoever is written to."""
TOLD_ONCE: Final = frozenset({"still", "reads_less"})
"""Causes that are no failure, and may be nothing: nobody is reminded of them."""
ABOUT_PAGES: Final = frozenset({"page", "stillness", "shrinking"})
"""Kinds of subjects that are named by a page's key."""
ABOUT_SUBSCRIPTIONS: Final = frozenset({"channel", "address", "digest"})
"""Kinds of subjects that are there as long as a subscription is."""
_STILL_NEWS: Final = timedelta(days=14)
"""An end is told at most so long after: who starts anew after a year hears of no old ones."""

What: TypeAlias = Literal["opened", "changed", "reminded", "ended"]


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong. `cause` is a stable code; `text` names the thing, `mend` says what to do."""

    cause: str
    text: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident as it stands. `subject` is page:KEY, channel:NAME, subscription:ID, store, …"""

    id: str
    subject: str
    cause: str
    text: str
    mend: str
    count: int
    first_at: datetime
    last_at: datetime
    opened_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class News:
    """Something of an incident that is to be told. `key` makes it told once."""

    what: What
    incident: Incident
    key: tuple[object, ...]


def note(
    conn: Connection, subject: str, trouble: Trouble, now: datetime, *, after: int = OPENS_AFTER
) -> None:
    """The trouble was seen (once more); seen `after` times in a row, it opens as an incident."""
    row = conn.execute(_GOING_ON_LOCKED, {"subject": subject}).first()
    values = {"cause": trouble.cause, "text": trouble.text, "mend": trouble.mend, "last_at": now}
    if row is None:
        new = {
            "id": short_id("x", [subject, now.isoformat()]),
            "subject": subject,
            "count": 1,
            "first_at": now,
            "opened_at": now if after <= 1 else None,
        }
        conn.execute(_NEW, new | values)
        return
    count = row._mapping["count"] + 1  # `row.count` is the tuple's
    opened = row.opened_at or (now if count >= after else None)
    conn.execute(_THIS, {"this": row.id, "count": count, "opened_at": opened} | values)


def over(conn: Connection, subject: str, now: datetime) -> bool:
    """It works again. Returns whether it had not."""
    row = conn.execute(_GOING_ON, {"subject": subject}).first()
    if row is None:
        return False
    if row.opened_at is None:
        conn.execute(incidents.delete().where(incidents.c.id == row.id))
    else:
        conn.execute(_THIS, {"this": row.id, "ended_at": now})
    return True


def about_channel(channel: str, subscription: str) -> str:
    """The subject of trouble with a way to a receiver."""
    return MAIL if channel == "email" else f"channel:{subscription}"


def about_address(address: str, subscription: str) -> str:
    """The subject of trouble with one receiver."""
    return f"address:{address} ({subscription})"


def about_digest(subscription: str) -> str:
    """The subject of trouble with what is to be sent."""
    return f"digest:{subscription}"


def troubled(conn: Connection, kinds: Collection[str]) -> list[str]:
    """The subjects of these kinds that anything is wrong with, be it an incident yet or not."""
    subjects = conn.execute(_SUBJECTS).scalars()
    return [subject for subject in subjects if subject.partition(":")[0] in kinds]


def open_incidents(conn: Connection) -> tuple[Incident, ...]:
    """Those that are going on, oldest first."""
    return tuple(map(_incident, conn.execute(_OPEN)))


def recent(conn: Connection, now: datetime) -> tuple[Incident, ...]:
    """Those that are going on or ended not long ago, oldest first."""
    return tuple(map(_incident, conn.execute(_RECENT, {"since": now - _STILL_NEWS})))


def due_news(
    incident: Incident, since: datetime, now: datetime, told_causes: Collection[str]
) -> News | None:
    """What one who listens since then is to hear of an incident now. Pure.

    `told_causes` are those it has been told with; empty: not told of it yet.
    """
    known = bool(told_causes)
    if incident.ended_at is not None:
        return News("ended", incident, (incident.id, "ended")) if known else None
    if not known:
        return News("opened", incident, (incident.id, incident.cause))
    if incident.cause not in told_causes:
        return News("changed", incident, (incident.id, incident.cause))
    lasted = now - max(incident.opened_at, since)
    if lasted < FIRST_REMINDER or incident.cause in TOLD_ONCE:
        return None
    number = 1 + (lasted - FIRST_REMINDER) // NEXT_REMINDERS
    return News("reminded", incident, (incident.id, "reminded", number))


def payload_of(several: Sequence[News], pages: Mapping[str, str]) -> dict[str, Any]:
    """What a message about them freezes: of one incident, or of several that are alike (the pages
    of a site that is down), as their first with the `texts` and ids of all; `pages` are names by
    key. `told`: which news this tells."""
    first = several[0].incident
    ended = [one.incident.ended_at for one in several if one.incident.ended_at]
    payload: dict[str, Any] = {
        "what": several[0].what,
        "incident": first.id,
        "subject": subject_name(first.subject, pages),
        "cause": first.cause,
        "text": first.text,
        "mend": first.mend,
        "count": max(one.incident.count for one in several),
        "first_at": instant(min(one.incident.first_at for one in several)),
        "ended_at": instant(max(ended, default=None)),
        "told": [list(one.key) for one in several],
    }
    if len(several) > 1:
        payload["texts"] = [one.incident.text for one in several]
        payload["incidents"] = [one.incident.id for one in several]
    return payload


def subject_name(subject: str, pages: Mapping[str, str]) -> str:
    """A subject as people call it; `pages` are names by key."""
    kind, _, name = subject.partition(":")
    return pages.get(name, name) if kind in ABOUT_PAGES else name or kind


_GOING_ON: Final = sa.select(incidents).where(
    incidents.c.subject == sa.bindparam("subject"), incidents.c.ended_at.is_(None)
)
_SUBJECTS: Final = sa.select(incidents.c.subject).where(incidents.c.ended_at.is_(None))
_NEW: Final = incidents.insert()
_THIS: Final = incidents.update().where(incidents.c.id == sa.bindparam("this"))
_GOING_ON_LOCKED: Final = _GOING_ON.with_for_update()
_OPENED: Final = (
    sa.select(incidents).where(incidents.c.opened_at.is_not(None)).order_by(incidents.c.opened_at)
)
_OPEN: Final = _OPENED.where(incidents.c.ended_at.is_(None))
_RECENT: Final = _OPENED.where(
    sa.or_(incidents.c.ended_at.is_(None), incidents.c.ended_at > sa.bindparam("since"))
)


def _incident(row: Any) -> Incident:
    return Incident(
        row.id,
        row.subject,
        row.cause,
        row.text,
        row.mend,
        row._mapping["count"],
        row.first_at,
        row.last_at,
        row.opened_at,
        row.ended_at,
    )


MENDS: Final[Mapping[str, str]] = {
    # a look that failed (monitor.fetch)
    "dns": "Kontrollera adressen i konfigurationen och namnuppslagningen på maskinen.",
    "network": "Kontrollera att maskinen når webbplatsen; kör «visionsvakt doctor».",
    "proxy": "Kontrollera fetch.proxy, och att proxyn släpper fram webbplatsen.",
    "timeout": "Öppna sidan i en webbläsare; är den långsam, höj fetch.timeout_seconds.",
    "protocol": "Webbplatsens svar går inte att tolka: säg till den som sköter den.",
    "cut_body": "Svaret bryts mitt i; går det inte över, säg till den som sköter webbplatsen.",
    "http_status": "Öppna sidan i en webbläsare, och säg till den som sköter webbplatsen.",
    "gone": "Sidan finns inte kvar: leta upp dess nya adress och ändra url i konfigurationen.",
    "robots": "robots.txt säger nej: be den som sköter webbplatsen att släppa in Visionsvakt.",
    "robots_unreachable": (
        "Se efter att maskinen når webbplatsen; svarar robots.txt med fel, säg till där."
    ),
    "refused_address": "Hör adressen till det egna nätet: lägg den i fetch.allow_private.",
    "too_large": "Är sidan verkligen så stor: höj fetch.max_bytes.",
    "empty_body": "Sidan är tom: säg till den som sköter webbplatsen.",
    "wrong_content_type": "Adressen leder inte till en webbsida: rätta url i konfigurationen.",
    "redirect_refused": (
        "Hör målet till sidan: skriv värden i fetch.redirect_hosts, eller ändra url till den."
    ),
    "redirect_loop": "Öppna sidan i en webbläsare, och ändra url till dit den till slut leder.",
    "too_many_redirects": "Ändra url i konfigurationen till sidans slutliga adress.",
    "unexpected_304": "Svaret hör till en annan fråga: säg till den som sköter webbplatsen.",
    "bad_encoding": "Svaret är packat fel: säg till den som sköter webbplatsen.",
    "unknown_encoding": "Svaret är packat på okänt vis: säg till den som sköter webbplatsen.",
    "stacked_encodings": "Svaret är packat flera gånger: säg till den som sköter webbplatsen.",
    "decoded_too_large": "Är sidan verkligen så stor när den packas upp: höj fetch.max_bytes.",
    "host_busy": "Värden vill inte frågas så ofta: glesa ut sidornas tider, eller vänta.",
    # the worker itself
    "configuration": "Rätta filen och låt arbetaren läsa om den (SIGHUP), eller starta om.",
    "backup_failed": "Se efter att backup.folder finns, går att skriva i och har plats.",
    # a reading that can't be trusted
    "quarantined": "Kör «visionsvakt quarantine list», sedan accept eller reject.",
    # what we notice ourselves
    "canary": (
        "Visionsvakt klarar inte sin egen påhittade sida: starta om det. Går det inte över, skicka"
        " texten till den som utvecklar det, och gå tills vidare tillbaka till förra versionen."
    ),
    "still": (
        "Läs sidan i en webbläsare: är det rätt adress, och står det som «visionsvakt show» säger?"
        " Stämmer allt behöver du inte göra något."
    ),
    "reads_less": (
        "Jämför sidan i en webbläsare med «visionsvakt show»: saknas insatser, rätta profilen."
        " Stämmer allt behöver du inte göra något."
    ),
    # mail and webhooks
    "connect": "Kontrollera email.host och email.port, och att e-postservern är igång.",
    "starttls": "Servern tar inte emot krypterat: ändra email.security till tls eller none.",
    "tls": "Certifikatet godtas inte: är det stadens eget, ange fetch.ca_file.",
    "login": "Kontrollera email.username och lösenordet i miljövariabeln.",
    "sender": "Servern godtar inte avsändaren: ändra email.from.",
    "silent": "E-postservern svarar inte i tid: säg till den som sköter den.",
    "broken": "Förbindelsen bryts: säg till den som sköter e-postservern.",
    "closing": "E-postservern hinner inte just nu; går det inte över, säg till den som sköter den.",
    "ended_by_receiver": (
        "Mottagaren svarade 410. Ta bort prenumerationen, eller kör «visionsvakt deliveries retry»."
    ),
    "bug": "Det här är ett fel i Visionsvakt: skicka texten till den som utvecklar det.",
    "never_arrived": (
        "Utskicket gick inte fram på fem dygn. Kontrollera adressen, och kör sedan"
        " «visionsvakt deliveries retry»."
    ),
    "refused_for_good": (
        "Rätta adressen i konfigurationen, och kör sedan «visionsvakt deliveries retry»."
    ),
}
"""What to do about each cause. Unknown ones have no mend but «visionsvakt doctor»."""


def mend_of(cause: str) -> str:
    """The mend of a cause."""
    if cause in MENDS:
        return MENDS[cause]
    if cause.startswith("http_"):
        return "Mottagaren svarar med fel: säg till den som sköter den."
    return "Kör «visionsvakt doctor» och följ det som står där."
