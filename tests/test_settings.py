"""A configuration is right, or one line says where it is wrong and what mends it."""

from __future__ import annotations

import base64
from datetime import time
from pathlib import Path

import pytest

import settings
from monitor.errors import ConfigurationError
from monitor.timetable import Cron, Every
from notifications.subscriptions import Digest, Move

PAGE = '[[pages]]\nid = "granvik"\nurl = "https://www.granvik.example/vision.html"\n'
MAIL = '[email]\nhost = "smtp.granvik.example"\nfrom = "Vakt <vakt@granvik.example>"\n'
READERS = '[[subscriptions]]\nid = "lasare"\nchannel = "email"\nto = ["a@granvik.example"]\n'
HOOK = (
    '[[subscriptions]]\nid = "hook"\nchannel = "webhook"\n'
    'url = "https://granvik.example/hook"\nsecret_env = "HOOK"\n'
)
TOWN = '[profiles.granvik]\nsections = [{ heading = ["Nu"], status = "now" }]\n'


def load(folder: Path, text: str, **environment: str) -> settings.Settings:
    file = folder / "visionsvakt.toml"
    file.write_text(text, encoding="utf-8")
    return settings.load(file, environment)


def complaint(folder: Path, text: str, **environment: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(folder, text, **environment)
    return str(caught.value)


def test_an_empty_file_gives_every_default(tmp_path: Path) -> None:
    found = load(tmp_path, "")
    assert found.database_url == f"sqlite:///{tmp_path}/visionsvakt.db"
    assert found.zone.key == "Europe/Stockholm"
    assert (found.fetch.timeout_seconds, found.fetch.max_bytes) == (30, 10_000_000)
    assert found.web.listen == ("127.0.0.1", 8080)
    assert found.backup.folder is None
    assert found.pages == ()
    assert found.subscriptions == ()
    assert "boras" in found.profiles


def test_a_whole_configuration_becomes_frozen_values(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    found = load(
        tmp_path,
        f"""
        database.url = "postgresql+psycopg://vakt@db.granvik.example/vakt"
        worker.language = "en"
        fetch = {{ ca_file = "ca.pem", allow_private = ["127.0.0.1", "10.2.0.0/16"], proxy = "" }}
        web = {{ listen = "[::1]:0", public_url = "https://vakt.granvik.example/" }}
        backup = {{ folder = "kopior", every = "12h", keep = 3 }}
        [[pages]]
        id = "vision"
        name = "Vårt Granvik"
        url = "http://127.0.0.1:8000/vision.html"
        profile = "granvik"
        cron = "0 6-18 * * mon-fri"
        {PAGE}
        every = "15m"
        {READERS}
        pages = ["granvik"]
        kinds = ["added", "moved"]
        moves = ["later>now"]
        signals = ["amount"]
        digest = "weekly mon 08:00"
        settle = "30m"
        when_quiet = "monthly"
        language = "sv"
        {HOOK}
        {MAIL}
        username = "vakt"
        password_env = "PW"
        [profiles.granvik]
        language = "sv"
        sections = [{{ heading = ["Nu", "Pågår"], status = "now" }},
                    {{ heading = ["Sedan"], status = "later" }}]
        stop = ["Nyheter"]
        """,
    )
    vision, granvik = found.pages
    assert isinstance(vision.timetable, Cron)
    assert vision.profile.sections[0].heading == ("Nu", "Pågår")
    assert granvik.timetable == Every(900)
    assert granvik.name == "granvik"
    assert granvik.profile.name == "boras"
    readers, hook = found.subscriptions
    assert readers.digest == Digest("weekly", time(8, 0), 0)
    assert readers.moves == (Move("later", "now"),)
    assert (readers.settle_seconds, readers.language) == (1800, "sv")
    assert (hook.language, hook.digest) == ("en", Digest("immediate"))
    assert found.email is not None
    assert (found.email.port, found.email.security) == (587, "starttls")
    assert found.web.listen == ("::1", 0)
    assert found.web.public_url == "https://vakt.granvik.example"
    assert found.fetch.ca_file == (tmp_path / "ca.pem").resolve()
    assert found.backup.folder == (tmp_path / "kopior").resolve()


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    text = 'database.url = "sqlite:///a.db"\nweb.listen = "127.0.0.1:1"\n'
    found = load(
        tmp_path, text, VISIONSVAKT_DATABASE_URL="sqlite:////srv/b.db", VISIONSVAKT_LISTEN=""
    )
    assert found.database_url == "sqlite:////srv/b.db"
    assert found.web.listen is None
    found = load(tmp_path, text, VISIONSVAKT_LISTEN="0.0.0.0:8080")
    assert found.web.listen == ("0.0.0.0", 8080)
    line = complaint(tmp_path, text, VISIONSVAKT_DATABASE_URL="mysql://x:hemligt@y/z")
    assert "$VISIONSVAKT_DATABASE_URL" in line
    assert "hemligt" not in line


@pytest.mark.parametrize(
    ("text", "key", "mend"),
    [
        ('databse.url = "x"', "databse", "menade du «database»?"),
        ('worker.timzone = "x"', "worker.timzone", "menade du «timezone»?"),
        ('worker.timezone = "Europe/Stokholm"', "worker.timezone", "«Europe/Stockholm»?"),
        ('worker.language = "fi"', "worker.language", "en, sv"),
        ('worker = "x"', "worker", "tabell"),
        ('database.url = "mysql://x"', "database.url", "sqlite:///"),
        ('database.url = "sqlite://"', "database.url", "sqlite:///visionsvakt.db"),
        ('database.url = "postgresql://a/b"', "database.url", "postgresql+psycopg://"),
        ('database.url = "postgresql+psycopg://u:p@a/b"', "database.url", "lösenord"),
        ("fetch.timeout_seconds = true", "fetch.timeout_seconds", "tal"),
        ('fetch.timeout_seconds = "30"', "fetch.timeout_seconds", "tal"),
        ("fetch.timeout_seconds = nan", "fetch.timeout_seconds", "mellan"),
        ("fetch.max_bytes = 0", "fetch.max_bytes", "mellan"),
        ("fetch.max_bytes = 1.5", "fetch.max_bytes", "heltal"),
        ('fetch.allow_private = "127.0.0.1"', "fetch.allow_private", "lista"),
        ('fetch.allow_private = ["10.2.3.4/16"]', "fetch.allow_private[1]", "«10.2.0.0/16»"),
        ('fetch.redirect_hosts = ["https://x.se"]', "fetch.redirect_hosts[1]", "bara namnet"),
        ('fetch.proxy = "proxy:3128"', "fetch.proxy", "http"),
        ('fetch.ca_file = "saknas.pem"', "fetch.ca_file", "saknas.pem"),
        ('web.listen = "8080"', "web.listen", "127.0.0.1:8080"),
        ('web.listen = "localhost:99999"', "web.listen", "adress:port"),
        ('web.public_url = "vakt.se"', "web.public_url", "webbadress"),
        ('backup.every = "en dag"', "backup.every", "15m"),
        ("backup.keep = 0", "backup.keep", "mellan"),
        ('pages = {id = "a"}', "pages", "[[pages]]"),
        ("[[pages]]\n", "pages[1].id", "saknas"),
        (PAGE + 'nam = "x"', "pages[1].nam", "menade du «name»?"),
        (PAGE.replace("https:", "htps:"), "pages[1].url", "https://"),
        (PAGE.replace("https://www", "file:///www"), "pages[1].url", "webbadress"),
        (PAGE.replace("www.", "anna:hej@www."), "pages[1].url", "lösenord"),
        (PAGE.replace(".html", " .html"), "pages[1].url", "webbadress"),
        (PAGE.replace("granvik.example", "granvik.example:x"), "pages[1].url", "webbadress"),
        (PAGE.replace('"granvik"', '"Granvik ett"'), "pages[1].id", "a-z"),
        (PAGE + PAGE, "pages[2].id", "pages[1]"),
        (PAGE + 'profile = "borås"', "pages[1].profile", "menade du «boras»?"),
        (PAGE + 'profile = "new"', "pages[1].profile", "extract"),
        (PAGE + 'profile = ""', "pages[1].profile", "tom"),
        (PAGE + 'every = "hourly"', "pages[1].every", "15m"),
        (PAGE + 'every = "0s"', "pages[1].every", "1s"),
        (PAGE + 'every = "1h"\ncron = "0 * * * *"', "pages[1].cron", "every"),
        (PAGE + 'cron = "0 25 * * *"', "pages[1].cron", "timme"),
        (READERS, "subscriptions[1].channel", "[email]"),
        (MAIL + READERS.replace('"email"', '"mail"'), "subscriptions[1].channel", "«email»?"),
        (MAIL + READERS.replace("a@", "a"), "subscriptions[1].to[1]", "namn@example.se"),
        (MAIL + READERS.replace('["a@granvik.example"]', "[]"), "subscriptions[1].to", "minst en"),
        (MAIL + READERS + 'pages = ["granvk"]\n' + PAGE, "subscriptions[1].pages[1]", "«granvik»?"),
        (MAIL + READERS + "kinds = []", "subscriptions[1].kinds", "ta bort raden"),
        (
            MAIL + READERS + 'kinds = ["rename"]',
            "subscriptions[1].kinds[1]",
            "menade du «renamed»?",
        ),
        (MAIL + READERS + 'statuses = ["ongoin"]', "subscriptions[1].statuses[1]", "«ongoing»?"),
        (MAIL + READERS + 'moves = ["ongoing"]', "subscriptions[1].moves[1]", "developing>ongoing"),
        (MAIL + READERS + 'moves = ["ongoing>klar"]', "subscriptions[1].moves[1]", "partnership"),
        (MAIL + READERS + 'signals = ["amounts"]', "subscriptions[1].signals[1]", "«amount»?"),
        (MAIL + READERS + 'digest = "daily"', "subscriptions[1].digest", "daily 07:30"),
        (MAIL + READERS + 'digest = "daily 25:00"', "subscriptions[1].digest", "workdays"),
        (MAIL + READERS + 'digest = "weekly xyz 08:00"', "subscriptions[1].digest", "weekly mon"),
        (MAIL + READERS + 'settle = "kort"', "subscriptions[1].settle", "15m"),
        (MAIL + READERS + 'when_quiet = "daily"', "subscriptions[1].when_quiet", "weekly"),
        (MAIL + READERS + 'about = "drift"', "subscriptions[1].about", "operation"),
        (MAIL + READERS + 'url = "https://x.se"', "subscriptions[1].url", "ta bort raden"),
        (HOOK.replace("secret_env", "#"), "subscriptions[1].secret_env", "whsec_"),
        (HOOK.replace("url =", "#"), "subscriptions[1].url", "saknas"),
        (HOOK.replace('"HOOK"', '"whsec_abc"'), "subscriptions[1].secret_env", "miljövariabel"),
        (HOOK.replace("webhook", "teams"), "subscriptions[1].url", "url_env"),
        (MAIL.replace("host", "#"), "email.host", "saknas"),
        (MAIL.replace("Vakt <", "Vakt "), "email.from", "e-postadress"),
        (MAIL + 'security = "ssl"', "email.security", "tls"),
        (MAIL + 'username = "vakt"', "email.password_env", "saknas"),
        (MAIL + "port = 0", "email.port", "mellan"),
        (MAIL + 'password = "hej"', "email.password", "password_env"),
        (TOWN.replace(".granvik", ".new"), "profiles.new", "upptaget"),
        (TOWN.replace('"now"', '"Nu pågår"'), "profiles.granvik.sections[1].status", "bokstav"),
        (TOWN.replace('"Nu"', '"Nu", "NU"'), "profiles.granvik.sections[1].heading", "två"),
        ("[profiles.granvik]\n", "profiles.granvik.sections", "minst ett"),
        ('[profiles.granvik]\nlanguage = "svenska"', "profiles.granvik", "saknas"),
    ],
)
def test_what_is_wrong_is_one_line_with_file_key_and_mend(
    tmp_path: Path, text: str, key: str, mend: str
) -> None:
    line = complaint(tmp_path, text)
    assert line.startswith(f"{tmp_path}/visionsvakt.toml: {key}")
    assert mend in line
    assert len(line.splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "mend"),
    [
        (None, "visionsvakt init"),
        (b"[pages\n", "giltig TOML"),
        (b"a = 1\na = 2\n", "giltig TOML"),
        ("name = 'Borås'".encode("latin-1"), "UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(
    tmp_path: Path, content: bytes | None, mend: str
) -> None:
    file = tmp_path / "min.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        settings.load(file, {})
    line = str(caught.value)
    assert line.startswith(str(file))
    assert mend in line
    assert len(line.splitlines()) == 1
    with pytest.raises(ConfigurationError, match="är en mapp"):
        settings.load(tmp_path, {})


def test_a_secret_is_asked_for_only_when_used_and_never_shown(tmp_path: Path) -> None:
    found = load(tmp_path, HOOK)
    hook = found.subscriptions[0]
    with pytest.raises(
        ConfigurationError, match=r"subscriptions\[1\]\.secret_env.*HOOK.*inte satt"
    ):
        settings.secret(found, hook, "secret_env", {"HOOK": " "})
    with pytest.raises(ConfigurationError) as caught:
        settings.secret(found, hook, "secret_env", {"HOOK": "abrakadabra"})
    assert "abrakadabra" not in str(caught.value)
    keys = [base64.b64encode(bytes([n]) * 24).decode() for n in range(2)]
    both = f"whsec_{keys[0]} whsec_{keys[1]}"
    assert settings.secret(found, hook, "secret_env", {"HOOK": f"{both}\n"}) == both
    with pytest.raises(ConfigurationError, match="HOOK"):
        settings.require_secrets(found, {})
    settings.require_secrets(found, {"HOOK": both})


@pytest.mark.parametrize(
    ("size", "odd"), [(1, True), (23, True), (24, False), (64, False), (65, True)]
)
def test_a_webhook_key_of_another_length_than_the_specification_s_is_told_not_refused(
    tmp_path: Path, size: int, odd: bool
) -> None:
    found = load(tmp_path, HOOK)
    key = f"whsec_{base64.b64encode(bytes(size)).decode()}"
    good = f"whsec_{base64.b64encode(bytes(32)).decode()}"
    environment = {"HOOK": f"{good} {key}"}
    settings.require_secrets(found, environment)
    assert settings.weak_keys(found, environment) == ((("HOOK", size),) if odd else ())
