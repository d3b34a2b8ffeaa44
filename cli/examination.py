"""What `doctor` tries, part by part. Nothing is stored, and nothing is sent but what looks need.

Each part gives findings. A finding's `code` is stable: `ok`, or what is wrong; where a look, mail
or the store failed, it is their own code.
"""

from __future__ import annotations

import http.client
import shutil
import socket
import ssl
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeAlias
from urllib.parse import urlsplit

import sqlalchemy as sa

from monitor.errors import ConfigurationError, DerivationError, FetchError, StoreError
from monitor.extract import extract
from monitor.fetch import Captured, Fetcher, OpenGate
from monitor.guard import host_key
from monitor.model import Look, Reading, Reason, Source
from monitor.robots import RobotsText
from monitor.step import State, step
from notifications import outbox
from notifications.channels import ChannelDown, Letterhead
from notifications.email import EmailChannel
from notifications.incidents import MENDS, Incident, open_incidents
from pipeline import canary
from pipeline.upkeep import last_copy
from pipeline.watched import Watched
from presentation.errors import in_language
from presentation.language import Language
from settings import PageSettings, Settings, fetch_rules, proxy_of, secret, weak_keys
from snapshots import derived, facts, holders, watch
from snapshots.database import Database, open_database
from snapshots.schema import captures, technical
from wiring import VERSION, mail_server, now

Level: TypeAlias = Literal["ok", "warning", "trouble"]

CLOCK_SECONDS: Final = 60.0
JUMPS_REMEMBERED: Final = timedelta(days=30)
FULL_BYTES: Final = 100_000_000
LOW_BYTES: Final = 1_000_000_000
CA_WARNING: Final = timedelta(days=30)
REACH_SECONDS: Final = 10.0
HOSTS_AT_ONCE: Final = 8
INCIDENTS_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """What one part is like. `part` names it, `subject` which page or subscription it is."""

    part: str
    level: Level
    code: str
    text: str
    mend: str = ""
    subject: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def document(self) -> dict[str, Any]:
        """As `doctor --json` gives it."""
        return {
            "part": self.part,
            "subject": self.subject or None,
            "level": self.level,
            "code": self.code,
            "text": self.text,
            "mend": self.mend or None,
            **self.facts,
        }


@dataclass(frozen=True, slots=True)
class Visited:
    """One page as it was seen: how far the clock is from the site's, and the finding."""

    finding: Finding
    clock_off_seconds: float | None


@dataclass
class Examination:
    """One round over every part. Use it in a `with`."""

    settings: Settings
    words: Language
    fetcher: Fetcher = field(init=False)
    database: Database | None = None

    def __enter__(self) -> Self:
        self.fetcher = Fetcher(
            fetch_rules(self.settings.fetch, VERSION), gate=OpenGate(), clock=now
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.fetcher.close()
        if self.database is not None:
            self.database.close()

    def findings(self) -> Iterator[Finding]:
        """Every part, in the order in which people mend them."""
        yield self._configuration()
        yield from self._audience()
        yield from self._secrets()
        yield from self._database()
        yield from self._going_on()
        yield from self._disk()
        yield from self._backups()
        yield self._canary()
        visits = self._visits()
        yield from self._clock([one.clock_off_seconds for one in visits])
        yield from self._proxy_and_ca()
        yield from self._web()
        yield from self._mail()
        yield from self._addresses()
        yield from (one.finding for one in visits)

    # --- saying it ------------------------------------------------------------------------------

    def said(
        self, part: str, level: Level, code: str, *, subject: str = "", by: str = "", **values: Any
    ) -> Finding:
        """A finding in our own words; its mend stands under the same code. `by`: the value that is
        a number the words depend on."""
        if by:
            others = {name: value for name, value in values.items() if name != "number"}
            text = self.words.count(f"doctor.{code}", values[by], **others)
        else:
            text = self.words.say(f"doctor.{code}", **values)
        mends = self.words.texts["doctor"]["mends"]
        mend = str(mends[code]).format(**values) if level != "ok" and code in mends else ""
        shown = {name: value for name, value in values.items() if not isinstance(value, Path)}
        return Finding(part, level, "ok" if level == "ok" else code, text, mend, subject, shown)

    def failed(self, part: str, code: str, text: str, *, subject: str = "") -> Finding:
        """A finding in the words of what failed. Those are Swedish: another language has the same
        by its code, and where it has not, the code alone."""
        known = MENDS
        if self.words.code != "sv":
            known = self.words.record["mends"]
            said = self.words.reason(code, text)
            said = in_language(text, self.words.code) if said == text else said
            text = said if said != text else self.words.say("doctor.failed", code=code)
        mend = self.words.texts["doctor"]["mends"].get(code) or known.get(code)
        mend = mend or self.words.say("doctor.see_operations", code=code)
        return Finding(part, "trouble", code, text, mend, subject)

    # --- the parts ------------------------------------------------------------------------------

    def _configuration(self) -> Finding:
        settings = self.settings
        if not settings.pages:
            return self.said("configuration", "warning", "no_pages", path=settings.path)
        numbers = {"pages": len(settings.pages), "subscriptions": len(settings.subscriptions)}
        told = {name: self.words.count(f"doctor.{name}", many) for name, many in numbers.items()}
        finding = self.said("configuration", "ok", "configured", path=settings.path, **told)
        return replace(finding, facts=numbers)

    def _canary(self) -> Finding:
        """The whole chain, on an invented page: where that fails something is wrong with us."""
        trouble = canary.trouble(now)
        if trouble is not None:
            return self.failed("canary", "canary", trouble)
        return self.said("canary", "ok", "canary_well")

    def _audience(self) -> Iterator[Finding]:
        """Who is told, and whether by more than one road."""
        told = self.settings.subscriptions
        operators = [one for one in told if one.about == "operation"]
        if not told:
            yield self.said("subscriptions", "warning", "no_subscriptions")
        elif not operators:
            yield self.said("subscriptions", "warning", "no_operators")
        if told and all(one.channel == "email" for one in (operators or told)):
            host = self.settings.email.host if self.settings.email else ""
            yield self.said("subscriptions", "warning", "one_mail_server", host=host)

    def _secrets(self) -> Iterator[Finding]:
        settings = self.settings
        asked: list[tuple[Any, Any]] = [(settings.worker, "ping_url_env")]
        if settings.email:
            asked.append((settings.email, "password_env"))
        asked += [(o, name) for o in settings.subscriptions for name in ("url_env", "secret_env")]
        for owner, name in asked:
            if getattr(owner, name) is None:
                continue
            try:
                secret(settings, owner, name)
            except ConfigurationError as error:
                text = str(error).removeprefix(f"{settings.path}: ")
                said, _, mend = in_language(text, self.words.code).partition("; ")
                mend = f"{mend[:1].upper()}{mend[1:]}." if mend else ""
                yield Finding("configuration", "trouble", "secret", said, mend)
        for variable, size in weak_keys(settings):
            yield self.said("configuration", "warning", "weak_key", variable=variable, size=size)

    def _database(self) -> Iterator[Finding]:
        file = _sqlite_file(self.settings.database_url)
        if file is not None and not file.exists() and file.parent.is_dir():
            if _is_writable(file.parent):
                yield self.said("database", "warning", "new_database", file=file)
            else:
                yield self.said("database", "trouble", "folder_readonly", folder=file.parent)
            return
        try:
            self.database = open_database(self.settings.database_url, migrate=False)
            trouble = self.database.trouble() or _damage(self.database)
            with self.database.read() as conn:
                worker = watch.worker(conn, now())
        except (StoreError, ConfigurationError) as error:
            yield self.failed("database", "store", str(error))
            return
        if trouble is not None:
            yield self.failed("database", "store", trouble)
            return
        runs = worker is not None and holders.runs(worker)
        yield self.said(
            "database",
            "ok",
            "database_well" if self.database.path is not None else "server_well",
            place=self.database.place.removeprefix("Databasen "),
            worker=self.words.say("doctor.works" if runs else "doctor.rests"),
        )

    def _going_on(self) -> Iterator[Finding]:
        """What operators were told of and is not over. Pages are looked at below: of theirs only
        what waits for a person."""
        if self.database is None:
            return
        try:
            with self.database.read() as conn:
                found = [one for one in open_incidents(conn) if _is_no_look(one)]
                dead = outbox.given_up(conn)
        except StoreError:  # said already
            return
        for one in found[:INCIDENTS_SHOWN]:
            at = self.words.time(one.opened_at, self.settings.zone)
            what = self.words.reason(one.cause, one.text)
            told = self.said("incident", "warning", "going_on", at=at, what=what)
            yield replace(told, code=one.cause, mend=self.words.mend(one.cause, one.mend))
        more = len(found) - INCIDENTS_SHOWN
        if more > 0:
            yield self.said("incident", "warning", "more_going_on", by="more", more=more)
        if dead:
            yield self.said("deliveries", "warning", "dead_deliveries", by="dead", dead=dead)

    def _disk(self) -> Iterator[Finding]:
        file = _sqlite_file(self.settings.database_url)
        if file is None or not file.parent.is_dir():
            return
        free, size = (
            shutil.disk_usage(file.parent).free,
            file.stat().st_size if file.exists() else 0,
        )
        code, level = "disk_well", "ok"
        if free < FULL_BYTES:
            code, level = "disk_full", "trouble"
        elif free < max(LOW_BYTES, 2 * size):
            code, level = "disk_low", "warning"
        yield self.said("disk", level, code, free_mb=free // 1_000_000, size_mb=size // 1_000_000)  # type: ignore[arg-type]

    def _backups(self) -> Iterator[Finding]:
        backup = self.settings.backup
        if backup.folder is None:
            yield self.said("backup", "warning", "no_backup")
            return
        if not backup.folder.is_dir():
            yield self.said("backup", "trouble", "backup_missing", folder=backup.folder)
            return
        if not _is_writable(backup.folder):
            yield self.said("backup", "trouble", "backup_readonly", folder=backup.folder)
            return
        moment = now()
        last = last_copy(backup.folder, moment)
        if last is None:
            yield self.said("backup", "warning", "backup_none_yet", folder=backup.folder)
            return
        at = self.words.time(last, self.settings.zone)
        late = moment - last > timedelta(seconds=2 * backup.every_seconds)
        code, level = ("backup_late", "warning") if late else ("backup_well", "ok")
        yield self.said("backup", level, code, folder=backup.folder, at=at)  # type: ignore[arg-type]

    def _clock(self, offs: Sequence[float | None]) -> Iterator[Finding]:
        """One site whose clock is wrong is that site's trouble: the nearest of them counts."""
        known = [off for off in offs if off is not None]
        if not known:
            yield self.said("clock", "warning", "clock_unknown")
        else:
            off = min(known, key=abs)
            wrong = abs(off) > CLOCK_SECONDS
            code, level = ("clock_off", "trouble") if wrong else ("clock_well", "ok")
            yield self.said("clock", level, code, seconds=round(abs(off)))  # type: ignore[arg-type]
        if self.database is None:
            return
        moment = now()
        with self.database.read() as conn:
            last = conn.execute(sa.select(sa.func.max(captures.c.at))).scalar()
            jumps = sa.select(sa.func.count()).where(
                technical.c.code == "clock_behind", technical.c.at > moment - JUMPS_REMEMBERED
            )
            jumped = conn.execute(jumps.select_from(technical)).scalar() or 0
        if last is not None and last > moment + timedelta(seconds=CLOCK_SECONDS):
            at = self.words.time(last, self.settings.zone)
            yield self.said("clock", "trouble", "clock_behind", at=at)
        elif jumped:
            yield self.said("clock", "warning", "clock_jumped", by="times", times=jumped)

    def _proxy_and_ca(self) -> Iterator[Finding]:
        fetch = self.settings.fetch
        proxy = proxy_of(fetch)
        if proxy:
            address = urlsplit(proxy)
            name = f"{address.hostname}:{address.port or 3128}"
            try:
                place = (address.hostname or "", address.port or 3128)
                socket.create_connection(place, REACH_SECONDS).close()
            except OSError as error:
                why = error.strerror or str(error)
                yield self.said("proxy", "trouble", "proxy_silent", proxy=name, why=why)
            else:
                yield self.said("proxy", "ok", "proxy_well", proxy=name)
        if fetch.ca_file is not None:
            ends = _ends_of(fetch.ca_file)
            at = self.words.time(min(ends), self.settings.zone) if ends else "–"
            left = min(ends) - now() if ends else timedelta(0)
            code, level = ("ca_well", "ok")
            if left < timedelta(0):
                code, level = ("ca_expired", "trouble")
            elif left < CA_WARNING:
                code, level = ("ca_ends", "warning")
            yield self.said("ca", level, code, file=fetch.ca_file, at=at)  # type: ignore[arg-type]

    def _web(self) -> Iterator[Finding]:
        web = self.settings.web
        if web.listen is None:
            yield self.said("web", "ok", "web_off")
        elif web.listen[1]:
            address = "{}:{}".format(*web.listen)
            if _answers_for_us(*web.listen):
                yield self.said("web", "ok", "web_answers", address=address)
            elif _is_free(*web.listen):
                yield self.said("web", "ok", "web_free", address=address)
            else:
                yield self.said("web", "trouble", "web_taken", address=address)
        if not web.public_url:
            yield self.said("public_url", "ok", "public_none")
            return
        try:
            status = self.fetcher.ping(f"{web.public_url}/healthz", REACH_SECONDS).status
            why = "" if status == 200 else str(status)
        except FetchError as error:
            why = error.text if self.words.code == "sv" else error.code
        if why:
            yield self.said("public_url", "warning", "public_silent", url=web.public_url, why=why)
        else:
            yield self.said("public_url", "ok", "public_well", url=web.public_url)

    def _mail(self) -> Iterator[Finding]:
        email = self.settings.email
        if email is None:
            return
        try:
            server = mail_server(self.settings)
        except ConfigurationError:  # said already, among the secrets
            return
        where = f"{email.host}:{email.port}"
        try:
            EmailChannel(server, Letterhead()).check()
        except ChannelDown as down:
            yield self.failed("mail", down.code, str(down))
            return
        if email.security == "none" and email.username and not _is_loopback(email.host):
            yield self.said("mail", "warning", "mail_in_clear", where=where)
            return
        how = self.words.say("doctor.logged_in" if email.username else "doctor.no_log_in")
        yield self.said(
            "mail",
            "ok",
            "mail_well",
            where=where,
            security=self.words.say(f"doctor.security.{email.security}"),
            how=how,
        )

    def _addresses(self) -> Iterator[Finding]:
        """Webhooks and chats: allowed, and reached up to trusted TLS; nothing is posted."""
        for one in self.settings.subscriptions:
            if one.channel == "email":
                continue
            try:
                url = one.url or secret(self.settings, one, "url_env")
                self.fetcher.reach(url, REACH_SECONDS)
            except ConfigurationError:  # said already, among the secrets
                continue
            except FetchError as error:
                yield self.failed("subscription", error.code, error.text, subject=one.id)
                continue
            host = urlsplit(url).hostname
            yield self.said(
                "subscription", "ok", "address_well", subject=one.id, channel=one.channel, host=host
            )

    # --- pages ----------------------------------------------------------------------------------

    def _visits(self) -> list[Visited]:
        """Every page looked at and read, the hosts side by side, each with its pauses."""
        lanes: defaultdict[str, list[PageSettings]] = defaultdict(list)
        for page in self.settings.pages:
            lanes[host_key(page.url)].append(page)
        with ThreadPoolExecutor(HOSTS_AT_ONCE) as pool:
            found = {
                name: one
                for lane in pool.map(self._visit_host, lanes.values())
                for name, one in lane
            }
        return [found[page.id] for page in self.settings.pages]

    def _visit_host(self, pages: Sequence[PageSettings]) -> list[tuple[str, Visited]]:
        found = []
        robots: RobotsText | FetchError
        try:
            robots = self.fetcher.robots(pages[0].url)
        except FetchError as error:
            robots = error
        for page in pages:
            time.sleep(self.settings.fetch.pause_seconds)
            found.append((page.id, self._visit(page, robots)))
        return found

    def _visit(self, page: PageSettings, robots: RobotsText | FetchError) -> Visited:
        try:
            if isinstance(robots, FetchError):
                raise robots
            fetched = self.fetcher.fetch(page.url, robots=robots)
        except FetchError as error:
            finding = self.failed("page", error.code, error.text, subject=page.id)
            return Visited(finding, _clock_off(error.hops))
        if not isinstance(fetched, Captured):
            raise TypeError("an unconditional request is never «not modified»")
        reading, reasons = self._read(page, fetched)
        counts = {section.heading: len(section.initiatives) for section in reading.sections}
        said = ", ".join(f"{heading}: {count}" for heading, count in counts.items())
        shared: dict[str, Any] = {"subject": page.id, "sections": counts}
        total = sum(counts.values())
        if reasons:
            why = " ".join(reason.text for reason in reasons)
            finding = self.said("page", "trouble", "page_suspect", why=why, **shared)
        else:
            shown = {"by": "number", "number": total, "said": said, **shared}
            finding = self.said("page", "ok", "page_well", **shown)
        if fetched.moved_to:
            finding = self.said("page", "warning", "page_moved", to=fetched.moved_to, **shared)
        return Visited(finding, _clock_off(fetched.hops))

    def _read(self, page: PageSettings, fetched: Captured) -> tuple[Reading, tuple[Reason, ...]]:
        """What a look would make of it now, with what is known of the page's past."""
        watched = Watched(page.id, page.id, page.name, page.url, page.profile)
        state = State()
        decisions = None
        if self.database is not None:
            with self.database.read() as conn:
                keys = {row.id: row.key for row in watch.all_pages(conn)}
                if page.id in keys:
                    state, _ = derived.load(conn, keys[page.id])
                    decisions = facts.decisions(conn, keys[page.id])
        known = tuple(track.initiative for track in state.present)
        source = Source(fetched.body, fetched.content_type, fetched.final_url)
        reading = extract(source, page.profile, known)
        if decisions is None or state.reader != watched.reader.id:
            return reading, reading.reasons
        digest = sha256(fetched.body).hexdigest()
        look = Look(
            "doctor", now(), digest, content_type=fetched.content_type, url=fetched.final_url
        )
        try:
            stepped = step(state, look, fetched.body, watched.reader, decisions)
        except DerivationError as error:
            return reading, (Reason("bug", str(error)),)
        return reading, stepped.reasons if stepped.outcome == "quarantined" else ()


# --- small looks at the store and at this machine -------------------------------------------------


def _is_no_look(one: Incident) -> bool:
    return not one.subject.startswith("page:") or one.cause == "quarantined"


def _sqlite_file(url: str) -> Path | None:
    path = url.removeprefix("sqlite:///")
    return Path(path) if path != url else None


def _is_writable(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _damage(database: Database) -> str | None:
    """What SQLite's own quick check of the file says; None where all is well, or PostgreSQL's."""
    if database.dialect != "sqlite":
        return None
    with database.read() as conn:
        found = conn.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    return None if found == "ok" else f"{database.place} är skadad ({found}): återställ en kopia."


def _ends_of(ca_file: Path) -> list[datetime]:
    """When the certificates of a file cease to hold."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ca_file)
    ends = [ssl.cert_time_to_seconds(str(one["notAfter"])) for one in context.get_ca_certs()]
    return [datetime.fromtimestamp(end, UTC) for end in ends]


def _clock_off(hops: Sequence[Any]) -> float | None:
    """How many seconds this machine's clock is ahead of the last host's, by its Date header."""
    for hop in reversed(hops):
        sent = {name.lower(): value for name, value in hop.headers}
        try:
            said = parsedate_to_datetime(sent[b"date"].decode("ascii"))
            age = float(sent.get(b"age", b"0"))
        except (KeyError, ValueError):
            continue
        return float((hop.started_at - said).total_seconds() - age)
    return None


def _answers_for_us(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(_reachable(host), port, timeout=4)
    try:
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        return answer.status == 200 and answer.read(16) == b"ok\n"
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104


def _is_free(host: str, port: int) -> bool:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, port), family=family):
            return True
    except OSError:
        return False


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")
