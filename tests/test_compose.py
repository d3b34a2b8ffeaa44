"""The compose files are what Compose can read, and fit the image and the program they are about."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from scheduler import CLOSE_SECONDS, DRAIN_SECONDS, LEAVE_SECONDS

ROOT = Path(__file__).parents[1]
ALONE, WITH_POSTGRESQL = "compose.yaml", "compose.postgresql.yaml"
SERVICE_KEYS = """build cap_drop depends_on env_file environment healthcheck image ports read_only
restart security_opt stop_grace_period tmpfs volumes""".split()
"""Those of the Compose specification that we use: a misspelt one would be none of them."""


def read(name: str) -> dict[str, Any]:
    found = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def dockerfile(pattern: str) -> str:
    found = re.search(pattern, (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert found
    return found[1]


@pytest.mark.parametrize("name", [ALONE, WITH_POSTGRESQL])
def test_a_compose_file_has_known_keys_and_all_that_it_names(name: str) -> None:
    file = read(name)
    assert set(file) <= {"services", "volumes"}
    for service in file["services"].values():
        assert set(service) <= set(SERVICE_KEYS)
        assert set(service.get("depends_on", ())) <= set(file["services"])
        for volume in service.get("volumes", ()):
            source, _, target = volume.partition(":")
            assert source.startswith("./") or source in file["volumes"]
            assert target.startswith("/")


def test_the_container_is_run_as_the_image_wants_to_be() -> None:
    service = read(ALONE)["services"]["visionsvakt"]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["tmpfs"] == ["/tmp"]
    assert [one.partition(":")[2] for one in service["volumes"]] == [dockerfile(r"^VOLUME (\S+)")]
    (port,) = service["ports"]
    host, _, inside = port.rpartition(":")
    assert host.startswith("127.0.0.1:")
    assert (
        inside == dockerfile(r"VISIONSVAKT_LISTEN=0\.0\.0\.0:(\d+)") == dockerfile(r"^EXPOSE (\d+)")
    )
    grace = float(service["stop_grace_period"].removesuffix("s"))
    assert grace > DRAIN_SECONDS + CLOSE_SECONDS + 5
    assert grace > LEAVE_SECONDS + 5


def test_the_database_beside_it_is_the_one_it_asks_for() -> None:
    services = read(WITH_POSTGRESQL)["services"]
    (name,) = services["visionsvakt"]["depends_on"]
    settings = services[name]["environment"]
    asked = services["visionsvakt"]["environment"]["VISIONSVAKT_DATABASE_URL"]
    password = "${POSTGRES_PASSWORD:?set it}"
    url = sa.make_url(asked.replace(password, "hemligt"))
    assert settings["POSTGRES_PASSWORD"] == password
    assert (url.drivername, url.host) == ("postgresql+psycopg", name)
    assert (url.username, url.database) == (settings["POSTGRES_USER"], settings["POSTGRES_DB"])
