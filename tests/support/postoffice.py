"""Debian's postfix and dovecot on loopback, in a folder of their own: STARTTLS, AUTH, IMAP.

Needs root (postfix insists); skips by name where anything is missing. Nothing of the machine's own
configuration is read or changed.
"""

from __future__ import annotations

import imaplib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.web import Authority

ACCOUNT = ("visionsvakt", "hemligt")
DOMAIN = "granvik.example"
_START_SECONDS = 30.0

_MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
tlsmgr unix - - n 1 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

_MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file_prefixes = {folder}
maillog_file = {folder}/postfix.log
myhostname = post.{domain}
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks =
alias_maps =
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = texthash:{folder}/boxes
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
smtpd_tls_chain_files = {certificate}
smtpd_tls_security_level = encrypt
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:{auth}
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
smtpd_reject_unlisted_recipient = yes
"""

_DOVECOT = """\
base_dir = {folder}/dovecot
state_dir = {folder}/dovecot-state
log_path = {folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
first_valid_uid = 1
mail_location = maildir:{folder}/mail/%d/%n
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%d/%n
}}
service auth {{
  inet_listener {{
    address = 127.0.0.1
    port = {auth}
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class RealPost:
    """Running servers. Every `people` name has a mailbox; the password is the account's."""

    folder: Path
    port: int
    imap: int
    ca_file: str

    def read(self, name: str, number: int, seconds: float = 30.0) -> list[bytes]:
        """The mails in a mailbox over IMAP, once there are at least so many."""
        deadline = time.monotonic() + seconds
        while True:
            with imaplib.IMAP4("127.0.0.1", self.imap, timeout=10) as box:
                box.login(f"{name}@{DOMAIN}", ACCOUNT[1])
                box.select("INBOX", readonly=True)
                _, found = box.search(None, "ALL")
                ids = found[0].split()
                if len(ids) >= number:
                    return [_fetched(box, one) for one in ids]
            assert time.monotonic() < deadline, (self.folder / "postfix.log").read_text()[-2000:]
            time.sleep(0.1)


def _fetched(box: imaplib.IMAP4, number: bytes) -> bytes:
    _, data = box.fetch(number.decode(), "(RFC822)")
    assert isinstance(data[0], tuple)
    return bytes(data[0][1])


@contextmanager
def real_post(authority: Authority, *people: str) -> Iterator[RealPost]:
    """Postfix and dovecot with a mailbox for each of these names."""
    for program in ("postfix", "dovecot"):
        if not shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin"):
            pytest.skip(f"{program} is not installed")
    if os.geteuid() != 0:
        pytest.skip("postfix runs as root only")
    nobody = pwd.getpwnam("nobody")
    authority.context("127.0.0.1")
    certificate = max(Path(authority.pem_file).parent.glob("server-*.pem"))
    folder = Path(tempfile.mkdtemp(prefix="vv-post-", dir="/tmp"))
    ports = _free_ports(3)
    values = {
        "folder": folder,
        "domain": DOMAIN,
        "uid": nobody.pw_uid,
        "gid": nobody.pw_gid,
        "certificate": folder / "server.pem",
        **dict(zip(("port", "auth", "imap"), ports, strict=True)),
    }
    folder.chmod(0o755)
    for name in ("queue", "data", "mail", "dovecot", "dovecot-state"):
        (folder / name).mkdir()
    shutil.copy(certificate, folder / "server.pem")
    (folder / "server.pem").chmod(0o600)
    os.chown(folder / "mail", nobody.pw_uid, nobody.pw_gid)
    postfix = pwd.getpwnam("postfix")
    os.chown(folder / "data", postfix.pw_uid, postfix.pw_gid)
    (folder / "main.cf").write_text(_MAIN.format(**values))
    (folder / "master.cf").write_text(_MASTER.format(**values))
    (folder / "dovecot.conf").write_text(_DOVECOT.format(**values))
    boxes = [f"{name}@{DOMAIN} {DOMAIN}/{name}/" for name in people]
    (folder / "boxes").write_text("\n".join(boxes) + "\n")
    users = [f"{name}@{DOMAIN}:{ACCOUNT[1]}" for name in people] + [":".join(ACCOUNT)]
    (folder / "users").write_text("\n".join(users) + "\n")
    postfix_command = ["/usr/sbin/postfix", "-c", str(folder)]
    dovecot = subprocess.Popen(
        ["/usr/sbin/dovecot", "-F", "-c", str(folder / "dovecot.conf")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        started = subprocess.run([*postfix_command, "start"], capture_output=True, text=True)
        if started.returncode:
            log = folder / "postfix.log"
            said = log.read_text() if log.exists() else started.stderr
            pytest.skip(f"postfix can't run here: {said[-300:]}")
        for port in ports:
            _await(port, folder)
        yield RealPost(folder, ports[0], ports[2], authority.pem_file)
    finally:
        subprocess.run([*postfix_command, "stop"], capture_output=True)
        dovecot.terminate()
        dovecot.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def _free_ports(number: int) -> list[int]:
    found = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [one.getsockname()[1] for one in found]
    for one in found:
        one.close()
    return ports


def _await(port: int, folder: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=2).close()
        except OSError:
            logs = "".join(log.read_text()[-600:] for log in folder.glob("*.log"))
            assert time.monotonic() < deadline, logs
            time.sleep(0.05)
        else:
            return
