"""The image, really built and really run: another user, a root that is only read, one volume.

Needs root, buildah and debootstrap (`make system`); the container's root is entered by chroot, so
that it works without a daemon.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.town import ADDRESS, editions
from tests.support.mail import MailHost
from tests.support.web import Served, Site
from wiring import VERSION

ROOT = Path(__file__).parents[1]
TAG = "visionsvakt-prov"
USER = 10001
STORE = {**os.environ, "STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}
MISSING = [tool for tool in ("buildah", "debootstrap", "unshare") if not shutil.which(tool)]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("image"),
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)} (make system)"),
    pytest.mark.skipif(os.geteuid() != 0, reason="an image is built without a daemon by root only"),
]


def buildah(*words: str) -> str:
    done = subprocess.run(
        ["buildah", *words], env=STORE, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    done = subprocess.run(
        [ROOT / "ops" / "image.sh", TAG], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    yield f"localhost/{TAG}"
    buildah("rmi", "--force", f"localhost/{TAG}")


@pytest.fixture(scope="module")
def root(image: str) -> Iterator[Path]:
    """The image's own root, mounted."""
    container = buildah("from", "--pull-never", image)
    yield Path(buildah("mount", container))
    buildah("umount", container)
    buildah("rm", container)


@contextmanager
def container(
    root: Path, volume: Path, *words: str, **environment: str
) -> Iterator[subprocess.Popen[str]]:
    """The image's command in a root that is only read, as the image's user; killed at the end."""
    script = (
        'mount --bind "$0" "$0" && mount --bind "$1" "$0/data" && mount -t tmpfs tmpfs "$0/tmp" && '
        'mount -t proc proc "$0/proc" && mount -o remount,ro,bind "$0" && root=$0 && shift && '
        f'cd / && exec chroot --userspec={USER}:{USER} "$root" /usr/bin/env -i "$@"'
    )
    configured = json.loads(buildah("inspect", "--type", "image", f"localhost/{TAG}"))
    settings = [*configured["Docker"]["config"]["Env"]]
    settings += [f"{name}={value}" for name, value in environment.items()]
    process = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", script, root, volume, "-C", "/data", *settings, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def run(root: Path, volume: Path, *words: str, **environment: str) -> tuple[int, str]:
    with container(root, volume, *words, **environment) as process:
        output, _ = process.communicate(timeout=60)
        return process.returncode, output


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    os.chown(folder, USER, USER)
    # The container's user must be able to walk there.
    for parent in [tmp_path, *tmp_path.parents]:
        if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o055)
    return folder


def test_the_dockerfile_is_clean() -> None:
    judge = Path(sys.executable).parent / "hadolint"
    if not judge.exists():
        pytest.skip("hadolint is not installed")
    done = subprocess.run([judge, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_scripts_of_ops_are_clean() -> None:
    if not shutil.which("shellcheck"):
        pytest.skip("shellcheck is not installed (make system)")
    scripts = [*ROOT.glob("ops/*.sh"), ROOT / ".ci" / "run"]
    done = subprocess.run(["shellcheck", *scripts], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_says_how_it_wants_to_be_run(image: str) -> None:
    configured = json.loads(buildah("inspect", "--type", "image", image))["Docker"]["config"]
    assert configured["User"] == f"{USER}:{USER}"
    assert configured["Volumes"] == {"/data": {}}
    assert configured["WorkingDir"] == "/data"
    assert configured["Entrypoint"] == ["visionsvakt"]
    assert configured["Healthcheck"]["Test"] == ["CMD", "python", "-m", "web.probe"]
    assert configured["Labels"]["org.opencontainers.image.title"] == "Visionsvakt"
    assert configured["Labels"]["org.opencontainers.image.version"] == VERSION


def test_the_image_is_below_180_mb_with_no_compiler_and_no_package_manager(
    image: str, root: Path
) -> None:
    (found,) = json.loads(buildah("images", "--json", image))
    amount, unit = found["size"].split()
    assert unit == "MB"
    assert float(amount) < 180
    names = ("gcc", "cc", "ld", "make", "apt-get", "pip", "perl")
    places = ("usr/bin", "usr/local/bin", "opt/visionsvakt/bin")
    assert not [name for name in names for place in places if (root / place / name).exists()]


def test_what_the_image_is_made_of_is_listed_in_it(root: Path) -> None:
    bill = json.loads((root / "opt/visionsvakt/sbom.cdx.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    names = {one["name"] for one in bill["components"]}
    assert {"visionsvakt", "httpx", "SQLAlchemy", "python3-minimal", "libc6"} <= names
    assert not {"pip", "setuptools", "rich", "pydantic"} & names  # left out, so not in the bill
    site = next((root / "opt/visionsvakt/lib").glob("python3*")) / "site-packages"
    assert len(list(site.glob("*.dist-info"))) == sum(
        "pypi" in one["purl"] for one in bill["components"]
    )


def test_init_writes_into_the_volume_and_nothing_else_can_be_written(
    root: Path, volume: Path
) -> None:
    status, output = run(root, volume, "visionsvakt", "init")
    assert status == 0, output
    assert (volume / "visionsvakt.toml").stat().st_uid == USER
    status, output = run(root, volume, "visionsvakt", "init", "/opt/visionsvakt.toml")
    assert status == 2, output


def test_it_looks_delivers_answers_and_stops_in_time(root: Path, volume: Path) -> None:
    edition = [0]
    with (
        Site(lambda asked: page(asked.path, edition[0])) as site,
        MailHost() as post,
        socket.create_server(("127.0.0.1", 0)) as taken,
    ):
        port = taken.getsockname()[1]
        taken.close()
        (volume / "visionsvakt.toml").write_text(
            f"""
            fetch = {{ allow_private = ["127.0.0.1"], pause_seconds = 0 }}
            [[pages]]
            id = "granvik"
            url = "{site.url(ADDRESS)}"
            every = "1s"
            [[subscriptions]]
            id = "lasare"
            channel = "email"
            to = ["lasare@granvik.example"]
            digest = "immediate"
            [email]
            host = "127.0.0.1"
            port = {post.port}
            security = "none"
            from = "vakt@granvik.example"
            """,
            encoding="utf-8",
        )
        listen = {"VISIONSVAKT_LISTEN": f"127.0.0.1:{port}"}
        with container(root, volume, "visionsvakt", "run", **listen) as worker:
            output: list[str] = []
            reader = threading.Thread(target=lambda: output.extend(worker.stdout or ()))
            reader.start()
            until(lambda: len(site.log) >= 2, output)
            until(lambda: run(root, volume, "python", "-m", "web.probe", **listen)[0] == 0, output)
            before = len(post.mails)
            edition[0] = 1
            until(lambda: any(ADDRESS in mail.text for mail in post.mails[before:]), output)
            began = time.monotonic()
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(timeout=15) == 0, output
            assert time.monotonic() - began < 10
            reader.join(10)
        assert run(root, volume, "python", "-m", "web.probe", **listen)[0] == 1


def page(path: str, edition: int) -> Served:
    if path == ADDRESS:
        return Served(editions()[edition].encode())
    return Served(status=404)


def until(condition: object, output: list[str], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    turn = threading.Event()
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "".join(output)
        turn.wait(0.1)
