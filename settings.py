"""Every knob, its default and its unit: one TOML file, read once, strictly, into frozen values.

Whatever is wrong ends as a ConfigurationError of one line that names the file, the key (lists count
from one: `pages[2].url` is the second page's) and the mend. Secrets stay in the environment until
`secret` is asked for one. $VISIONSVAKT_DATABASE_URL and $VISIONSVAKT_LISTEN win over the file.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar, cast
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from monitor.errors import ConfigurationError
from monitor.model import KINDS, Profile, SectionRule
from monitor.text import heading_key
from monitor.timetable import Every, Timetable, parse_cron
from notifications.subscriptions import (
    CHANNELS,
    DIGEST_FORMS,
    SIGNALS,
    Channel,
    Digest,
    Subscription,
    parse_digest,
    parse_move,
)

if TYPE_CHECKING:
    from monitor.fetch import FetchRules

DATABASE_VARIABLE = "VISIONSVAKT_DATABASE_URL"
LISTEN_VARIABLE = "VISIONSVAKT_LISTEN"
LANGUAGES = ("sv", "en")
RESERVED_PROFILE = "new"

KEYS: Mapping[str, tuple[str, ...]] = {
    "": (
        "database",
        "worker",
        "fetch",
        "web",
        "backup",
        "pages",
        "subscriptions",
        "email",
        "profiles",
    ),
    "database": ("url",),
    "worker": ("timezone", "language", "ping_url_env"),
    "fetch": (
        "timeout_seconds",
        "max_bytes",
        "pause_seconds",
        "contact",
        "allow_private",
        "redirect_hosts",
        "proxy",
        "proxy_env",
        "no_proxy",
        "ca_file",
    ),
    "web": ("listen", "public_url"),
    "backup": ("folder", "every", "keep"),
    "pages": ("id", "name", "url", "profile", "every", "cron"),
    "subscriptions": (
        "id",
        "about",
        "channel",
        "to",
        "url",
        "url_env",
        "secret_env",
        "pages",
        "kinds",
        "statuses",
        "words",
        "moves",
        "signals",
        "digest",
        "settle",
        "when_quiet",
        "language",
    ),
    "email": ("host", "port", "security", "username", "password_env", "from", "reply_to"),
    "profiles": ("language", "sections", "stop"),
    "profiles.sections": ("heading", "status"),
}
"""Every key there is, by table: what is read, and what the documentation must name."""


# --- the values -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """`ping_url_env` names the variable that holds the address to ping while all is well."""

    timezone: str = "Europe/Stockholm"
    language: str = "sv"
    ping_url_env: str | None = None


@dataclass(frozen=True, slots=True)
class FetchSettings:
    """`timeout_seconds` bounds one look in all, `max_bytes` its decoded body. `proxy_env` names the
    variable that holds a proxy's address with its user name and password."""

    timeout_seconds: float = 30.0
    max_bytes: int = 10_000_000
    pause_seconds: float = 1.0
    contact: str = ""
    allow_private: tuple[str, ...] = ()
    redirect_hosts: tuple[str, ...] = ()
    proxy: str = ""
    proxy_env: str | None = None
    no_proxy: tuple[str, ...] = ()
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class WebSettings:
    """`listen` is (host, port), None where health addresses are switched off."""

    listen: tuple[str, int] | None = ("127.0.0.1", 8080)
    public_url: str = ""


@dataclass(frozen=True, slots=True)
class BackupSettings:
    """`folder` None switches the timetable off."""

    folder: Path | None = None
    every_seconds: int = 86_400
    keep: int = 14


@dataclass(frozen=True, slots=True)
class PageSettings:
    id: str
    name: str
    url: str
    profile: Profile
    timetable: Timetable


@dataclass(frozen=True, slots=True)
class EmailSettings:
    """`sender` is the configuration's `from`: an address, with or without a name."""

    host: str
    port: int
    sender: str
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password_env: str | None = None
    reply_to: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """A whole configuration. `profiles` are the built-in ones with the file's own put over them."""

    path: Path
    database_url: str
    worker: WorkerSettings = WorkerSettings()
    fetch: FetchSettings = FetchSettings()
    web: WebSettings = WebSettings()
    backup: BackupSettings = BackupSettings()
    pages: tuple[PageSettings, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    email: EmailSettings | None = None
    profiles: Mapping[str, Profile] = field(default_factory=dict)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.worker.timezone)


# --- reading it -------------------------------------------------------------------------------


def load(path: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of one file, checked whole; ConfigurationError for the first thing wrong."""
    top = _Table(str(path), "", _read(path))
    worker = _worker(top.table("worker"))
    profiles = _profiles(top)
    pages = tuple(_pages(top, profiles))
    email = _email(top)
    return Settings(
        path=path,
        database_url=_database_url(top.table("database"), path, environment),
        worker=worker,
        fetch=_fetch(top.table("fetch"), path),
        web=_web(top.table("web"), environment),
        backup=_backup(top.table("backup"), path),
        pages=pages,
        subscriptions=tuple(_subscriptions(top, pages, profiles, email, worker)),
        email=email,
        profiles=profiles,
    )


def secret(
    settings: Settings,
    owner: Subscription | EmailSettings | WorkerSettings,
    name: Literal["url_env", "secret_env", "password_env", "ping_url_env"],
    environment: Mapping[str, str] = os.environ,
) -> str:
    """The secret that `owner.name` points at, from the environment, never shown in a message.

    A webhook's secret may be several `whsec_…` with spaces between, the first of them signing.
    """
    match owner:
        case Subscription():
            key = f"subscriptions[{settings.subscriptions.index(owner) + 1}].{name}"
        case EmailSettings():
            key = f"email.{name}"
        case WorkerSettings():
            key = f"worker.{name}"
    variable: str = getattr(owner, name)
    value = environment.get(variable, "").strip()
    where = f"{settings.path}: {key}: miljövariabeln {variable}"
    if not value:
        raise ConfigurationError(f"{where} är inte satt; sätt den där visionsvakt startas")
    try:
        if name in ("url_env", "ping_url_env"):
            _web_address(value)
        elif name == "secret_env":
            _webhook_secret(value)
    except ValueError as wrong:
        raise ConfigurationError(f"{where} {wrong}") from None
    return value


def weak_keys(
    settings: Settings, environment: Mapping[str, str] = os.environ
) -> tuple[tuple[str, int], ...]:
    """Variables with a webhook key of another length than the 24 to 64 bytes of the Standard
    Webhooks specification, and that length. What is no key at all, `secret` refuses."""
    found: dict[str, int] = {}
    for one in settings.subscriptions:
        for key in environment.get(one.secret_env or "", "").split():
            size = _key_bytes(key)
            if one.secret_env and size and not 24 <= size <= 64:
                found[one.secret_env] = size
    return tuple(found.items())


def require_secrets(settings: Settings, environment: Mapping[str, str] = os.environ) -> None:
    """ConfigurationError for the first secret that is named and not there."""
    proxy_of(settings.fetch, environment)
    if settings.worker.ping_url_env:
        secret(settings, settings.worker, "ping_url_env", environment)
    if settings.email and settings.email.password_env:
        secret(settings, settings.email, "password_env", environment)
    for subscription in settings.subscriptions:
        if subscription.url_env:
            secret(settings, subscription, "url_env", environment)
        if subscription.secret_env:
            secret(settings, subscription, "secret_env", environment)


def proxy_of(fetch: FetchSettings, environment: Mapping[str, str] = os.environ) -> str:
    """The proxy's address, with its password where the environment has one; "" without a proxy."""
    if fetch.proxy_env is None:
        return fetch.proxy
    value = environment.get(fetch.proxy_env, "").strip()
    where = f"fetch.proxy_env: miljövariabeln {fetch.proxy_env}"
    if not value:
        raise ConfigurationError(f"{where} är inte satt; sätt den där visionsvakt startas")
    scheme, _, rest = value.partition("://")
    try:
        return f"{scheme}://{rest}" if _proxy(f"{scheme}://{rest.rpartition('@')[2]}") else ""
    except ValueError as wrong:
        raise ConfigurationError(f"{where} {wrong}") from None


def fetch_rules(fetch: FetchSettings, version: str = "") -> FetchRules:
    """The `[fetch]` table as the one door to the network takes it; the pause is its gate's.

    Raises ConfigurationError where the environment lacks the proxy's address.
    """
    from monitor.fetch import FetchRules  # late: it costs start-up, and most commands never fetch

    return FetchRules(
        timeout_seconds=fetch.timeout_seconds,
        max_bytes=fetch.max_bytes,
        contact=fetch.contact,
        version=version,
        allow_private=fetch.allow_private,
        redirect_hosts=fetch.redirect_hosts,
        proxy=proxy_of(fetch),
        no_proxy=fetch.no_proxy,
        ca_file=str(fetch.ca_file or ""),
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except FileNotFoundError:
        text = "filen finns inte; skapa den med «visionsvakt init», eller peka ut en med --config"
    except IsADirectoryError:
        text = "är en mapp; peka ut själva filen med --config"
    except PermissionError:
        text = "får inte läsas av den här användaren; ändra filens rättigheter"
    except OSError as trouble:
        text = f"går inte att läsa ({trouble.strerror}); peka ut en läsbar fil med --config"
    except UnicodeDecodeError as damage:
        text = f"är inte UTF-8 (byte {damage.start}); spara om filen som UTF-8"
    except tomllib.TOMLDecodeError as damage:
        text = f"är inte giltig TOML; rätta det som står här: {_show(str(damage), 120)}"
    raise ConfigurationError(f"{path}: {text}")


# --- the tables -------------------------------------------------------------------------------


def _worker(table: _Table) -> WorkerSettings:
    default = WorkerSettings()
    return WorkerSettings(
        timezone=table.read("timezone", _timezone, default.timezone),
        language=table.choice("language", LANGUAGES, default.language),
        ping_url_env=table.read("ping_url_env", _variable, "", show=False) or None,
    )


def _database_url(table: _Table, path: Path, environment: Mapping[str, str]) -> str:
    def resolved(url: str) -> str:
        return _database_address(url, path)

    from_environment = environment.get(DATABASE_VARIABLE)
    if from_environment:
        table.read("url", str, "")
        return _checked(f"${DATABASE_VARIABLE}", from_environment, resolved, show=False)
    url = table.read("url", resolved, resolved("sqlite:///visionsvakt.db"))
    if urlsplit(url).password:
        mend = f"lösenordet hör inte hemma i filen; sätt hela adressen i ${DATABASE_VARIABLE}"
        table.fail("url", mend)
    return url


def _fetch(table: _Table, path: Path) -> FetchSettings:
    default = FetchSettings()
    ca_file = table.text("ca_file", "")
    if ca_file:
        try:
            pem = (path.parent / ca_file).read_bytes()
        except OSError as trouble:
            table.fail("ca_file", f"{_show(ca_file)} går inte att läsa ({trouble.strerror})")
        if b"-----BEGIN" not in pem:
            table.fail("ca_file", f"{_show(ca_file)} har inga certifikat; den ska vara PEM")
    if table.text("proxy", "") and "proxy_env" in table:
        table.fail("proxy_env", "står bredvid proxy; behåll en av dem")
    return FetchSettings(
        timeout_seconds=table.number("timeout_seconds", default.timeout_seconds, 0.1, 3600),
        max_bytes=int(table.number("max_bytes", default.max_bytes, 1, 2**31 - 1, whole=True)),
        pause_seconds=table.number("pause_seconds", default.pause_seconds, 0, 86_400),
        contact=table.text("contact", ""),
        allow_private=table.each("allow_private", _host_or_network),
        redirect_hosts=table.each("redirect_hosts", _host),
        proxy=table.read("proxy", _proxy, ""),
        proxy_env=table.read("proxy_env", _variable, "", show=False) or None,
        no_proxy=table.each("no_proxy", _host_or_network),
        ca_file=(path.parent / ca_file).resolve() if ca_file else None,
    )


def _web(table: _Table, environment: Mapping[str, str]) -> WebSettings:
    listen = table.read("listen", _listen, "127.0.0.1:8080", blank=True)
    if LISTEN_VARIABLE in environment:
        given = environment[LISTEN_VARIABLE]
        listen = given and _checked(f"${LISTEN_VARIABLE}", given, _listen)
    address, _, port = listen.rpartition(":")
    return WebSettings(
        listen=(address.strip("[]"), int(port)) if listen else None,
        public_url=table.read("public_url", _web_address, "").rstrip("/"),
    )


def _backup(table: _Table, path: Path) -> BackupSettings:
    default = BackupSettings()
    folder = table.text("folder", "")
    return BackupSettings(
        folder=(path.parent / folder).resolve() if folder else None,
        every_seconds=table.seconds("every", default.every_seconds, low=60),
        keep=int(table.number("keep", default.keep, 1, 100_000, whole=True)),
    )


def _pages(top: _Table, profiles: Mapping[str, Profile]) -> Iterator[PageSettings]:
    for table in top.tables("pages", unique="id"):
        identity = table.read("id", identifier)
        if "every" in table and "cron" in table:
            table.fail("cron", "står bredvid every; behåll en av dem")
        timetable: Timetable = Every(table.seconds("every", 3600, low=1))
        if "cron" in table:
            timetable = table.read("cron", parse_cron)
        name = table.text("profile", "boras")
        if name not in profiles:
            known = table.suggest(name, profiles)
            if name == RESERVED_PROFILE:
                known = "är bara för «extract»; beskriv sidan i en egen tabell [profiles.NAMN]"
            table.fail("profile", f"profilen {_show(name)} {known}")
        yield PageSettings(
            id=identity,
            name=table.text("name", identity),
            url=table.read("url", _web_address),
            profile=profiles[name],
            timetable=timetable,
        )


def _subscriptions(
    top: _Table,
    pages: Sequence[PageSettings],
    profiles: Mapping[str, Profile],
    email: EmailSettings | None,
    worker: WorkerSettings,
) -> Iterator[Subscription]:
    page_ids = [page.id for page in pages]
    statuses = sorted({rule.status for known in profiles.values() for rule in known.sections})
    for table in top.tables("subscriptions", unique="id"):
        channel: Channel = table.choice("channel", CHANNELS)
        _only_where_it_belongs(table, channel)
        for name in ("pages", "kinds", "statuses", "words", "moves", "signals"):
            if table.values.get(name) == []:
                table.fail(name, "är tom; ta bort raden för att få alla")
        if channel == "email" and email is None:
            table.fail("channel", "är email, men filen har ingen tabell [email]; lägg till den")
        moves = table.each("moves", parse_move, form="developing>ongoing")
        for number, move in enumerate(moves, 1):
            for status in (move.old, move.new):
                if status not in statuses:
                    known = table.suggest(status, statuses)
                    table.fail(f"moves[{number}]", f"statusen {_show(status)} {known}")
        yield Subscription(
            id=table.read("id", identifier),
            channel=channel,
            about=table.choice("about", ("changes", "operation"), "changes"),
            to=table.each("to", _mail_address, required=channel == "email"),
            url=table.read("url", _web_address, "") or None,
            url_env=table.read("url_env", _variable, "", show=False) or None,
            secret_env=table.read("secret_env", _variable, "", show=False) or None,
            pages=table.choices("pages", page_ids),
            kinds=table.choices("kinds", KINDS),
            statuses=table.choices("statuses", statuses),
            words=table.texts("words"),
            moves=moves,
            signals=table.choices("signals", SIGNALS),
            digest=table.read("digest", parse_digest, Digest(), form=DIGEST_FORMS),
            settle_seconds=table.seconds("settle", 0, low=0),
            when_quiet=table.choice("when_quiet", ("never", "weekly", "monthly"), "never"),
            language=table.choice("language", LANGUAGES, worker.language),
        )


def _only_where_it_belongs(table: _Table, channel: str) -> None:
    """Each channel says in its own way where it goes; a key of another would be silently unused."""
    if channel == "email":
        foreign = ["url", "url_env", "secret_env"]
    elif channel == "webhook":
        foreign = ["to"]
        if ("url" in table) == ("url_env" in table):
            table.fail("url", "saknas; ange adressen (eller url_env), men inte båda")
        if "secret_env" not in table:
            table.fail("secret_env", "saknas; ange miljövariabeln som har webbkrokens whsec_…")
    else:
        foreign = ["to", "secret_env"]
        if "url" in table:
            table.fail("url", f"är en hemlighet för {channel}; sätt den i miljön och ange url_env")
        if "url_env" not in table:
            table.fail("url_env", f"saknas; ange miljövariabeln som har adressen till {channel}")
    for name in foreign:
        if name in table:
            table.fail(name, f"hör inte till kanalen {channel}; ta bort raden")


def _email(top: _Table) -> EmailSettings | None:
    if "email" not in top:
        return None
    table = top.table("email")
    security = table.choice("security", ("starttls", "tls", "none"), "starttls")
    port = {"starttls": 587, "tls": 465, "none": 25}[security]
    username = table.text("username", "")
    if username and "password_env" not in table:
        table.fail("password_env", "saknas; ange miljövariabeln som har lösenordet")
    if "password_env" in table and not username:
        table.fail("username", "saknas; ange den, eller ta bort password_env")
    return EmailSettings(
        host=table.read("host", _host),
        port=int(table.number("port", port, 1, 65_535, whole=True)),
        sender=table.read("from", _mailbox),
        security=security,
        username=username,
        password_env=table.read("password_env", _variable, "", show=False) or None,
        reply_to=table.read("reply_to", _mailbox, ""),
    )


def _profiles(top: _Table) -> dict[str, Profile]:
    from monitor.profile import BUILTIN

    profiles = dict(BUILTIN)
    for name, table in top.named_tables("profiles"):
        if name == RESERVED_PROFILE:
            top.fail(f"profiles.{name}", "namnet är upptaget; kalla profilen något annat")
        if not _IDENTIFIER.fullmatch(name):
            top.fail(f"profiles.{name}", "namnet får ha a-z, 0-9, - och _")
        rules: list[SectionRule] = []
        taken: set[str] = set()
        for section in table.tables("sections", known="profiles.sections"):
            headings = section.each("heading", str, required=True)
            for heading in headings:
                if heading_key(heading) in taken:
                    section.fail("heading", f"{_show(heading)} finns i två avsnitt; behåll ett")
                taken.add(heading_key(heading))
            rules.append(SectionRule(headings, section.read("status", _status)))
        if not rules:
            table.fail("sections", "saknas; ange minst ett avsnitt: { heading = […], status = … }")
        profiles[name] = Profile(
            name=name,
            language=table.read("language", _page_language, "sv"),
            sections=tuple(rules),
            stop=table.texts("stop"),
        )
    return profiles


# --- what a value must be: each gives the value, or ValueError with what is wrong and the mend ---

_IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9_-]*")
_HOST = re.compile(r"\.?(?:[\w-]{1,63}\.)*[\w-]{1,63}")
_MAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@(?:[\w-]+\.)*[\w-]+")
_DURATION = re.compile(r"(\d{1,9})([smhd])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LONGEST_SECONDS = 366 * 86_400


def identifier(text: str) -> str:
    """A page's or subscription's id, as it may be; ValueError says what is wrong."""
    if not _IDENTIFIER.fullmatch(text):
        raise ValueError("duger inte som id; använd a-z, 0-9, - och _")
    return text


def _status(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_-]*", text):
        raise ValueError("duger inte som status; använd a-z, 0-9, - och _, med en bokstav först")
    return text


def _page_language(text: str) -> str:
    if not re.fullmatch(r"[a-z]{2,3}", text):
        raise ValueError("är ingen språkkod; skriv till exempel sv eller en")
    return text


def _timezone(text: str) -> str:
    if text not in available_timezones():
        raise ValueError(f"är ingen tidszon{_nearest(text, available_timezones())}")
    return text


def _web_address(text: str) -> str:
    mend = "är ingen webbadress; skriv den som https://www.example.se/sida.html"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(mend) from None
    if re.search(r"[\s\\]", text) or not parts.hostname or not _is_host(parts.hostname):
        raise ValueError(mend)
    if parts.scheme not in ("http", "https"):
        raise ValueError("måste börja med https:// eller http://")
    if "@" in parts.netloc or port == 0:
        raise ValueError("får inte ha användarnamn, lösenord eller port 0; ta bort det")
    return text


def _proxy(text: str) -> str:
    if "@" in text:
        raise ValueError("får inte ha användarnamn och lösenord i filen; använd proxy_env")
    _web_address(text)
    if urlsplit(text).path.strip("/"):
        raise ValueError("ska bara vara adress och port, som http://proxy.example.se:3128")
    return text


def _is_host(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return bool(_HOST.fullmatch(text.removesuffix(".")))
    return True


def _host(text: str) -> str:
    if not _is_host(text):
        raise ValueError("är inget värdnamn; skriv bara namnet, som www.example.se")
    return text


def _host_or_network(text: str) -> str:
    if "/" not in text:
        return _host(text)
    try:
        ip_network(text)
    except ValueError:
        try:
            mend = f"menade du «{ip_network(text, strict=False)}»?"
        except ValueError:
            mend = "skriv det som 10.2.0.0/16"
        raise ValueError(f"är inget nät; {mend}") from None
    return text


def _listen(text: str) -> str:
    address, colon, port = text.rpartition(":")
    bare = address[1:-1] if address.startswith("[") and address.endswith("]") else address
    right = colon and _is_host(bare) and (":" not in bare or bare != address)
    if not (right and re.fullmatch(r"[0-9]{1,5}", port) and int(port) <= 65_535):
        raise ValueError("ska vara adress:port, som 127.0.0.1:8080, eller tomt för avstängt")
    return text


def _database_address(text: str, path: Path) -> str:
    """The address with a relative SQLite path resolved from the configuration's folder."""
    if text.startswith("sqlite:"):
        if not text.startswith("sqlite:///") or text in ("sqlite:///", "sqlite:///:memory:"):
            raise ValueError("måste peka ut en fil, som sqlite:///visionsvakt.db")
        file = path.parent.resolve() / text.removeprefix("sqlite:///")
        return f"sqlite:///{file}"
    scheme, rest = text.partition("://")[::2]
    if scheme in ("postgres", "postgresql"):
        raise ValueError("saknar drivrutin; börja adressen med postgresql+psycopg://")
    if scheme != "postgresql+psycopg" or not rest.partition("/")[2]:
        forms = "sqlite:///fil.db eller postgresql+psycopg://användare@värd/databas"
        raise ValueError(f"är ingen databasadress; skriv {forms}")
    return text


def _mail_address(text: str) -> str:
    if not _MAIL.fullmatch(text):
        raise ValueError("är ingen e-postadress; skriv den som namn@example.se")
    return text


def _mailbox(text: str) -> str:
    named = re.fullmatch(r"[^<>]*<([^<>]+)>", text)
    _mail_address(named[1].strip() if named else text)
    return text


def _variable(text: str) -> str:
    if text.startswith(("whsec_", "http:", "https:")) or not re.fullmatch(r"[A-Za-z_]\w*", text):
        raise ValueError("ska vara namnet på en miljövariabel, inte själva hemligheten")
    return text


def _webhook_secret(text: str) -> None:
    # The specification wants 24 to 64 bytes; the receiver chooses, and some choose otherwise:
    # that is told (`weak_keys`), not refused.
    if not all(map(_key_bytes, text.split())):
        raise ValueError("har ingen nyckel: den ska vara whsec_ och helst 24-64 byte i base64")


def _key_bytes(key: str) -> int:
    """How long a webhook's key is, decoded; 0 where it is none."""
    from base64 import b64decode

    try:
        size = len(b64decode(key.removeprefix("whsec_"), validate=True))
    except ValueError:
        return 0
    return size if key.startswith("whsec_") else 0


# --- reading strictly -------------------------------------------------------------------------

T = TypeVar("T")
_REQUIRED: Any = object()
_TYPES: Mapping[type, str] = {str: "text inom citattecken", list: "en lista", dict: "en tabell"}


class _Table:
    """One table of the file: gives checked values, and fails by the key that is wrong."""

    def __init__(self, file: str, key: str, values: dict[str, Any], known: str = "") -> None:
        self.file, self.key, self.values = file, key, values
        for name in values:
            if name not in KEYS[known]:
                self.fail(name, f"nyckeln {self.suggest(name, KEYS[known])}")

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def fail(self, name: str, text: str) -> NoReturn:
        raise ConfigurationError(f"{self.file}: {self._path(name)}: {text}")

    def suggest(self, name: str, known: Sequence[str] | Mapping[str, Any]) -> str:
        return f"finns inte{_nearest(name, list(known))}"

    def text(self, name: str, default: str = _REQUIRED) -> str:
        return self.read(name, str, default)

    def read(
        self,
        name: str,
        check: Callable[[str], T],
        default: Any = _REQUIRED,
        *,
        form: str = "",
        show: bool = True,
        blank: bool = False,
    ) -> T:
        """A text, as `check` gives it; "" stands as it is where that is the default, or `blank`."""
        value = self._typed(name, str, default)
        if value is default or (value == "" and (blank or default == "")):
            return cast("T", value)
        return self._value(name, value, check, form=form, show=show)

    def texts(self, name: str) -> tuple[str, ...]:
        return self.each(name, str)

    def each(
        self,
        name: str,
        check: Callable[[str], T],
        *,
        form: str = "",
        required: bool = False,
    ) -> tuple[T, ...]:
        """A list of texts, each as `check` gives it; empty where left out."""
        values = self._typed(name, list, _REQUIRED if required else [])
        if required and not values:
            self.fail(name, "är tom; fyll i minst en")
        return tuple(
            self._value(f"{name}[{number}]", value, check, form=form)
            for number, value in enumerate(values, 1)
        )

    def choice(self, name: str, known: Sequence[str], default: str = _REQUIRED) -> Any:
        return self.read(name, self._one_of(known), default)

    def choices(self, name: str, known: Sequence[str]) -> tuple[str, ...]:
        return self.each(name, self._one_of(known))

    def number(
        self, name: str, default: float, low: float, high: float, *, whole: bool = False
    ) -> float:
        value = self.values.get(name, default)
        kinds = (int,) if whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds):
            self.fail(name, f"{_show(value)} ska vara ett {'heltal' if whole else 'tal'}")
        if not low <= value <= high:
            self.fail(name, f"{_show(value)} ska ligga mellan {low} och {high}")
        return value

    def seconds(self, name: str, default_seconds: int, *, low: int) -> int:
        def duration(text: str) -> int:
            found = _DURATION.fullmatch(text)
            if found is None:
                raise ValueError("är ingen längd på tid; skriv den som 30s, 15m, 1h eller 2d")
            seconds = int(found[1]) * _UNITS[found[2]]
            if not low <= seconds <= _LONGEST_SECONDS:
                raise ValueError(f"ska ligga mellan {low}s och 366d")
            return seconds

        return self.read(name, duration, default_seconds)

    def table(self, name: str) -> _Table:
        return _Table(self.file, self._path(name), self._typed(name, dict, {}), name)

    def tables(self, name: str, *, known: str = "", unique: str = "") -> Iterator[_Table]:
        values = self._typed(name, list, [])
        seen: dict[Any, int] = {}
        for number, value in enumerate(values, 1):
            if not isinstance(value, dict):
                self.fail(f"{name}[{number}]", f"ska vara en tabell: [[{name}]]")
            table = _Table(self.file, self._path(f"{name}[{number}]"), value, known or name)
            if unique and isinstance(identity := value.get(unique), str):
                first = seen.setdefault(identity, number)
                if first != number:
                    table.fail(
                        unique, f"{_show(identity)} har redan {name}[{first}]; välj ett annat"
                    )
            yield table

    def named_tables(self, name: str) -> Iterator[tuple[str, _Table]]:
        for key, value in self._typed(name, dict, {}).items():
            path = self._path(f"{name}.{key}")
            if not isinstance(value, dict):
                self.fail(f"{name}.{key}", f"ska vara en tabell: [{name}.{key}]")
            yield key, _Table(self.file, path, value, name)

    def _one_of(self, known: Sequence[str]) -> Callable[[str], str]:
        def check(text: str) -> str:
            if text not in known:
                raise ValueError(self.suggest(text, known))
            return text

        return check

    def _value(
        self, name: str, value: Any, check: Callable[[str], T], *, form: str = "", show: bool = True
    ) -> T:
        if not isinstance(value, str):
            self.fail(name, f"{_show(value)} ska vara {_TYPES[str]}")
        if not value.strip():
            self.fail(name, "är tom; fyll i den")
        return _checked(f"{self.file}: {self._path(name)}", value, check, form=form, show=show)

    def _path(self, name: str) -> str:
        return f"{self.key}.{name}" if self.key else name

    def _typed(self, name: str, kind: type, default: Any) -> Any:
        if name not in self.values:
            if default is _REQUIRED:
                self.fail(name, "saknas; lägg till den")
            return default
        value = self.values[name]
        if not isinstance(value, kind):
            mend = f"; skriv [[{name}]]" if kind is list and isinstance(value, dict) else ""
            self.fail(name, f"{_show(value)} ska vara {_TYPES[kind]}{mend}")
        return value


def _checked(
    where: str, value: str, check: Callable[[str], T], *, form: str = "", show: bool = True
) -> T:
    """What `check` makes of the value, or one line: where, the value, what is wrong, the mend."""
    shown = f"{_show(value)} " if show else "värdet "
    try:
        if _CONTROL.search(value):
            raise ValueError("har radbrytningar eller styrtecken; ta bort dem")
        return check(value)
    except ValueError as wrong:
        text = f"går inte att läsa; skriv det som: {form}" if form else str(wrong)
        raise ConfigurationError(f"{where}: {shown}{text}") from None


def _show(value: object, longest: int = 60) -> str:
    """A value inside a message: on one line, shortened, nothing invisible."""
    text = str(value) if not isinstance(value, bool) else str(value).lower()
    text = "".join(glyph if glyph.isprintable() else "�" for glyph in text)
    return f"«{text if len(text) <= longest else text[: longest - 1] + '…'}»"


def _nearest(name: str, known: Sequence[str] | set[str]) -> str:
    """«; menade du …?», or what there is where nothing is near and the list is short."""
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=1, cutoff=0.6)
    if near:
        return f"; menade du «{near[0]}»?"
    return f"; här finns {', '.join(sorted(known))}" if 0 < len(known) <= 20 else ""


__all__ = [
    "BackupSettings",
    "EmailSettings",
    "FetchSettings",
    "PageSettings",
    "Settings",
    "WebSettings",
    "WorkerSettings",
    "fetch_rules",
    "load",
    "require_secrets",
    "secret",
]
