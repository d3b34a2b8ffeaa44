"""A wrong configuration is one line: file, key, mend. Nothing is touched before that."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.program import Home, by_hook, by_mail, config, mail, page, table

URL = "https://www.granvik.example/vision.html"
PAGE = page("granvik", URL)
SECRET = "whsec_" + "Z3JhbnZpa3MgaGVtbGlnYSBueWNrZWwgMQ=="

WRONG: dict[str, tuple[str, str, str]] = {
    # name: (configuration, the key as the line names it, a part of the mend)
    "unknown key": (config(page("granvik", URL, evry="1h")), "pages[1].evry", "every"),
    "unknown table": (config(PAGE, "[fetsh]\nmax_bytes = 1\n"), "fetsh", "fetch"),
    "unknown key in fetch": (config(PAGE, tiemout_seconds=3), "fetch.tiemout_seconds", "timeout"),
    "address without scheme": (
        config(page("granvik", "www.granvik.example")),
        "pages[1].url",
        "http",
    ),
    "address of a file": (config(page("granvik", "file:///etc/passwd")), "pages[1].url", "http"),
    "page without address": (config(table("[[pages]]", id="granvik")), "pages[1].url", ""),
    "page without id": (config(table("[[pages]]", url=URL)), "pages[1].id", ""),
    "page twice": (config(PAGE, PAGE), "pages[2].id", "granvik"),
    "unknown profile": (
        config(page("granvik", URL, profile="borås")),
        "pages[1].profile",
        "boras",
    ),
    "reserved profile": (config(page("granvik", URL, profile="new")), "pages[1].profile", ""),
    "bad interval": (config(page("granvik", URL, every="en timme")), "pages[1].every", "1h"),
    "bad cron": (
        config(table("[[pages]]", id="granvik", url=URL, cron="0 25 * * *")),
        "pages[1].cron",
        "",
    ),
    "two timetables": (config(page("granvik", URL, cron="0 6 * * *")), "pages[1].cron", "every"),
    "bad time zone": (
        config(PAGE, table("[worker]", timezone="Europe/Stokholm")),
        "worker.timezone",
        "Europe/Stockholm",
    ),
    "wrong kind": (config(PAGE, pause_seconds="en"), "fetch.pause_seconds", ""),
    "not TOML": (config(PAGE) + "[[pages]\n", "", "TOML"),
    "bad mail address": (config(PAGE, by_mail("kim"), mail(25)), "subscriptions[1].to", "kim"),
    "mail without server": (config(PAGE, by_mail()), "subscriptions[1].channel", "[email]"),
    "unknown page": (
        config(PAGE, by_mail(pages=["granvikk"]), mail(25)),
        "subscriptions[1].pages",
        "granvik",
    ),
    "unknown kind": (
        config(PAGE, by_mail(kinds=["flyttad"]), mail(25)),
        "subscriptions[1].kinds",
        "moved",
    ),
    "bad digest": (
        config(PAGE, by_mail(digest="ibland"), mail(25)),
        "subscriptions[1].digest",
        "daily",
    ),
    "unknown channel": (
        config(PAGE, table("[[subscriptions]]", id="x", channel="fax")),
        "subscriptions[1].channel",
        "email",
    ),
    "hook without address": (
        config(PAGE, table("[[subscriptions]]", id="x", channel="webhook")),
        "subscriptions[1].url",
        "",
    ),
    "bad listen": (config(PAGE, listen="8080"), "web.listen", "127.0.0.1:8080"),
    "bad network": (config(PAGE, allow_private=["10.2.0.0/99"]), "fetch.allow_private", ""),
    "password in the proxy's address": (
        config(PAGE, proxy="http://vakt:hemligt@proxy.example:3128"),
        "fetch.proxy",
        "proxy_env",
    ),
    "two proxies": (
        config(PAGE, proxy="http://proxy.example:3128", proxy_env="PROXY"),
        "fetch.proxy_env",
        "behåll en",
    ),
    "address where a variable's name belongs": (
        config(PAGE, table("[worker]", ping_url_env="https://ping.example/5f3a")),
        "worker.ping_url_env",
        "miljövariabel",
    ),
    "other database": (
        config(PAGE, table("[database]", url="mysql://x/y")),
        "database.url",
        "sqlite",
    ),
    "profile without sections": (
        config(PAGE, table("[profiles.granvik]", language="sv")),
        "profiles.granvik.sections",
        "",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_configuration_is_one_line_with_file_key_and_mend(
    tmp_path: Path, name: str
) -> None:
    text, key, mend = WRONG[name]
    home = Home(tmp_path, text, inside=True)
    line = home.refused("check", "--json")
    assert line.startswith("visionsvakt: visionsvakt.toml: ")
    assert key in line
    assert mend in line
    assert not home.store.exists()


def test_every_command_that_needs_it_refuses_a_wrong_one_alike(tmp_path: Path) -> None:
    home = Home(tmp_path, WRONG["unknown key"][0], inside=True)
    lines = {
        home.refused(*words.split())
        for words in (
            "check --json",
            "run",
            "changes --json",
            "show granvik",
            "history x",
            "import granvik visionsvakt.toml",
            "deliver",
            "deliveries list",
            "quarantine list",
            "rebuild",
        )
    }
    assert len(lines) == 1
    assert home.refused("check") in lines


def test_a_file_that_is_not_there_or_cannot_be_read_is_named(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert "visionsvakt init" in home.refused("check")
    assert "min.toml" in home.refused("--config", "min.toml", "check")
    assert "annan.toml" in home.refused("check", VISIONSVAKT_CONFIG="annan.toml")
    assert "är en mapp" in home.refused("--config", ".", "changes")
    home.file.write_bytes(b'[web]\nlisten = "\xff"\n')
    assert "UTF-8" in home.refused("changes")
    if os.geteuid():
        home.file.chmod(0)
        assert "rättigheter" in home.refused("changes")


def test_secrets_are_asked_for_only_by_what_uses_them(tmp_path: Path) -> None:
    hook = by_hook("https://intranat.example/hook")
    server = mail(25, username="visionsvakt", password_env="SMTP_LOSEN")
    home = Home(tmp_path, config(PAGE, by_mail(), hook, server), inside=True)
    assert home.json("changes") == {"changes": []}
    assert home.json("deliveries", "list") == {"deliveries": []}
    for words in (["run"], ["deliver", "--json"]):
        line = home.refused(*words, HOOK_SECRET=SECRET)
        assert "email.password_env" in line
        assert "SMTP_LOSEN" in line
        line = home.refused(*words, SMTP_LOSEN="hemligt")
        assert "subscriptions[2].secret_env" in line
        assert "HOOK_SECRET" in line
        line = home.refused(*words, SMTP_LOSEN="hemligt", HOOK_SECRET="whsec_kort!")
        assert "whsec_kort!" not in line
        assert "HOOK_SECRET" in line
    assert home.json("deliver", SMTP_LOSEN="hemligt", HOOK_SECRET=SECRET)["sent"] == 0


def test_a_password_in_the_files_database_address_is_refused_and_never_shown(
    tmp_path: Path,
) -> None:
    url = "postgresql+psycopg://visionsvakt:hemligt@db.example/visionsvakt"
    home = Home(tmp_path, config(PAGE, table("[database]", url=url)), inside=True)
    line = home.refused("changes")
    assert "hemligt" not in line
    assert "VISIONSVAKT_DATABASE_URL" in line


def test_what_needs_no_configuration_runs_without_one(tmp_path: Path) -> None:
    home = Home(tmp_path)
    (tmp_path / "tom.html").write_text("<html><body><p>Hej</p></body></html>")
    done = home.run("extract", "tom.html", "--json")
    assert done.code == 1
    assert done.document["verdict"] == "suspect"
    home.run("init", "min.toml")
    assert (tmp_path / "min.toml").exists()
    done = home.run("--config", "min.toml", "changes", "--json")
    assert (done.code, done.document) == (0, {"changes": []})
    assert home.store.exists(), "the store's relative address is from the configuration's folder"
