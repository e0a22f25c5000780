"""Changes of the web configuration take effect without a restart; broken ones do not, and never open the door."""

from __future__ import annotations

import json
import os
import ssl
from pathlib import Path

import bcrypt
import pytest
import requests
from prometheus_client import CollectorRegistry

from kunobs.catalogue.metrics import Metrics
from kunobs.server import Server
from kunobs.server.metrics import ServerMetrics
from kunobs.server.web_state import WebState
from kunobs.testing.clock import FakeClock
from tests.unit.server_support import Authority, Pem, serving, tls_client

GOOD = "kunobs_server_web_config_reload_successful"
LOADED = "kunobs_server_web_config_last_reload_success_timestamp_seconds"


def hashed(password: str) -> str:
    """A cheap bcrypt hash."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


def write(path: Path, text: str) -> None:
    """Replace a file in one step, as careful tools do."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    os.replace(fresh, path)


def tls_text(pem: Pem) -> str:
    """A configuration with a certificate."""
    return f"tls_server_config: {{cert_file: {pem.cert_file}, key_file: {pem.key_file}}}\n"


def status(server: Server, user: str = "", password: str = "") -> int:
    """The status of a request with basic auth, on a connection of its own."""
    auth = (user, password) if user else None
    return requests.get(f"{server.url}/-/ready", auth=auth, timeout=30).status_code


def served(server: Server, authority: Authority) -> str:
    """The certificate a new connection gets."""
    with tls_client(server, authority) as sock:
        return ssl.DER_cert_to_PEM_cert(sock.getpeercert(binary_form=True) or b"")


def test_users_change_at_once(tmp_path: Path) -> None:
    """The next request meets the new list: on a new connection and on a kept one."""
    path = tmp_path / "web.yml"
    write(path, f"basic_auth_users: {{alice: {hashed('a')}}}")
    with serving(web_config_file=str(path)) as server, requests.Session() as kept:
        kept.auth = ("alice", "a")
        assert kept.get(f"{server.url}/-/ready", timeout=30).status_code == 200
        write(path, f"basic_auth_users: {{bob: {hashed('b')}}}")
        assert kept.get(f"{server.url}/-/ready", timeout=30).status_code == 401
        assert status(server, "alice", "a") == 401
        assert status(server, "bob", "b") == 200
        write(path, f"basic_auth_users: {{bob: {hashed('c')}}}")
        assert status(server, "bob", "b") == 401
        assert status(server, "bob", "c") == 200


def test_certificate_rotates(tmp_path: Path) -> None:
    """New connections get the new certificate, though the configuration file itself is the same; old ones go on."""
    authority = Authority(tmp_path)
    old = authority.issue("server")
    path = tmp_path / "web.yml"
    write(path, tls_text(old))
    with serving(web_config_file=str(path)) as server:
        assert served(server, authority) == old.cert
        with tls_client(server, authority) as open_before:
            new = authority.issue("server")  # overwrites the files
            assert new.cert != old.cert
            assert served(server, authority) == new.cert
            open_before.sendall(b"GET /-/ready HTTP/1.1\r\nHost: x\r\n\r\n")
            assert open_before.recv(100).startswith(b"HTTP/1.1 200 ")


def test_certificate_and_key_rotate_one_after_the_other(tmp_path: Path) -> None:
    """Between the two writes they do not fit, and the old pair stays; then the new one comes."""
    authority, registry = Authority(tmp_path), CollectorRegistry()
    live = authority.issue("server")
    path = tmp_path / "web.yml"
    write(path, tls_text(live))
    with serving(registry, web_config_file=str(path)) as server:
        new = authority.issue("next")
        write(live.cert_file, new.cert)
        assert served(server, authority) == live.cert
        assert registry.get_sample_value(GOOD) == 0
        write(live.key_file, new.key)
        assert served(server, authority) == new.cert
        assert registry.get_sample_value(GOOD) == 1


def test_certificate_with_an_old_timestamp_rotates(tmp_path: Path) -> None:
    """The certificate's files are watched themselves, however old a copied file says it is."""
    authority = Authority(tmp_path)
    path = tmp_path / "web.yml"
    pem = authority.issue("server")
    for file in (pem.cert_file, pem.key_file):
        os.utime(file, (1000, 1000))
    stamped(path, tls_text(pem), 1000)
    watched = Watched(path)
    first = watched.state.current().context
    assert watched.state.current().context is first
    pem = authority.issue("server")
    for file in (pem.cert_file, pem.key_file):
        os.utime(file, (2000, 2000))
    assert watched.state.current().context is not first


def test_client_ca_can_be_withdrawn(tmp_path: Path) -> None:
    """After the CA is replaced, certificates of the old one are refused: nothing of the old context remains."""
    authority, others = Authority(tmp_path), Authority(tmp_path, "others")
    pem, client, other = authority.issue("server"), authority.issue("client"), others.issue("other")
    path = tmp_path / "web.yml"
    trusted = tmp_path / "trusted.pem"
    write(trusted, authority.text)
    extra = f", client_ca_file: {trusted}, client_auth_type: RequireAndVerifyClientCert}}"
    write(path, tls_text(pem).strip().removesuffix("}") + extra)

    def let_in(server: Server, certificate: Pem) -> bool:
        try:
            with tls_client(server, authority, certificate) as sock:
                sock.sendall(b"GET /-/ready HTTP/1.1\r\nHost: x\r\n\r\n")
                return sock.recv(100).startswith(b"HTTP/1.1 200 ")
        except (ssl.SSLError, ConnectionError):
            return False

    with serving(web_config_file=str(path)) as server:
        assert (let_in(server, client), let_in(server, other)) == (True, False)
        write(trusted, others.text)
        assert (let_in(server, client), let_in(server, other)) == (False, True)


BROKEN = [
    "basic_auth_users: {alice: plain text}",
    "tls_server_config: {cert_file: /no/such.crt, key_file: /no/such.key}",
    "basic_auth_users: {alice",
    "\x00\xff",
    "nonsense: true",
    "",
    "http_server_config: {http2: true}",
]


@pytest.mark.parametrize("broken", BROKEN)
def test_broken_file_keeps_the_last_good_one(tmp_path: Path, capsys: pytest.CaptureFixture[str], broken: str) -> None:
    """Users stay who they were, the metric says 0 and the log says why once; a file cut short opens nothing."""
    path, registry = tmp_path / "web.yml", CollectorRegistry()
    good = f"basic_auth_users: {{alice: {hashed('a')}}}"
    write(path, good)
    with serving(registry, web_config_file=str(path)) as server:
        write(path, broken)
        for _ in range(3):
            assert status(server) == 401
            assert status(server, "alice", "a") == 200
        assert registry.get_sample_value(GOOD) == 0
        complaints = [line for line in capsys.readouterr().err.splitlines() if "last good stays" in line]
        assert len(complaints) == 1
        assert json.loads(complaints[0])["level"] == "error"
        assert "web.yml" in complaints[0] or "/no/such" in complaints[0]
        write(path, good)
        assert status(server, "alice", "a") == 200
        assert registry.get_sample_value(GOOD) == 1


def test_vanished_file_keeps_the_last_good_one(tmp_path: Path) -> None:
    """A file that is deleted, or is a directory meanwhile, changes nothing until it is back."""
    path, registry = tmp_path / "web.yml", CollectorRegistry()
    write(path, f"basic_auth_users: {{alice: {hashed('a')}}}")
    with serving(registry, web_config_file=str(path)) as server:
        path.unlink()
        assert (status(server), status(server, "alice", "a")) == (401, 200)
        path.mkdir()
        assert (status(server), status(server, "alice", "a")) == (401, 200)
        assert registry.get_sample_value(GOOD) == 0
        path.rmdir()
        write(path, f"basic_auth_users: {{bob: {hashed('b')}}}")
        assert (status(server, "alice", "a"), status(server, "bob", "b")) == (401, 200)


def test_tls_is_not_taken_away_while_running(tmp_path: Path) -> None:
    """A file without its TLS section is refused until a restart; adding TLS takes effect at once."""
    authority, registry = Authority(tmp_path), CollectorRegistry()
    pem = authority.issue("server")
    path = tmp_path / "web.yml"
    write(path, "http_server_config: {headers: {X-Frame-Options: deny}}")
    with serving(registry, web_config_file=str(path)) as server:
        assert requests.get(f"{server.url}/-/ready", timeout=30).headers["x-frame-options"] == "deny"
        write(path, tls_text(pem))
        assert served(server, authority) == pem.cert
        write(path, "http_server_config: {headers: {X-Frame-Options: deny}}")
        assert served(server, authority) == pem.cert
        assert registry.get_sample_value(GOOD) == 0


def test_headers_come_from_the_file(tmp_path: Path) -> None:
    """Configured headers are on every answer, errors included, and replace our own of that name."""
    path = tmp_path / "web.yml"
    policy = "default-src 'self'"
    write(path, f'http_server_config: {{headers: {{Content-Security-Policy: "{policy}"}}}}')
    with serving(web_config_file=str(path)) as server:
        for page in ("/", "/metrics", "/nothing"):
            answer = requests.get(server.url + page, timeout=30)
            assert answer.headers["content-security-policy"] == policy


class Watched:
    """A WebState over a file and a clock of the test's own."""

    def __init__(self, path: Path) -> None:
        self.clock = FakeClock()
        self.registry = CollectorRegistry()
        self.state = WebState(str(path), ServerMetrics(Metrics(self.registry)), self.clock)

    def users(self) -> set[bytes]:
        """Who may come in now."""
        return set(self.state.current().config.users)


def stamped(path: Path, text: str, when: float) -> None:
    """Write in place, with a chosen time of modification."""
    path.write_text(text)
    os.utime(path, (when, when))


def test_change_within_one_timestamp_is_seen(tmp_path: Path) -> None:
    """Two writes of equal size in one tick of the file system's clock: the second is not missed."""
    path = tmp_path / "web.yml"
    now = FakeClock().now()
    one, two = (f"basic_auth_users: {{{name}: {hashed('x')}}}" for name in ("alice", "carol"))
    stamped(path, one, now)
    inode = path.stat().st_ino
    watched = Watched(path)
    assert watched.users() == {b"alice"}
    stamped(path, two, now)
    assert path.stat().st_ino == inode
    assert watched.users() == {b"carol"}


def test_settled_file_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once its timestamp is old, a connection costs a stat and no read; a young or future one is read as needed."""
    path = tmp_path / "web.yml"
    text = f"basic_auth_users: {{alice: {hashed('x')}}}"
    reads: list[str] = []
    monkeypatch.setattr("kunobs.server.web_state.parse", _counting(reads))
    now = FakeClock().now()
    for age, expected in ((100.0, 1), (1.0, 6), (-1000.0, 1)):
        reads.clear()
        stamped(path, text, now - age)
        watched = Watched(path)
        first = watched.state.current()
        loaded = watched.registry.get_sample_value(LOADED)
        for _ in range(4):
            watched.clock.advance(0.1)
            assert watched.state.current() is first
        assert len(reads) == expected, f"age {age}"
        assert watched.registry.get_sample_value(LOADED) == loaded


def _counting(reads: list[str]) -> object:
    from kunobs.server.web_config import parse

    def counted(text: str, path: Path) -> object:
        reads.append(text)
        return parse(text, path)

    return counted


def test_reload_time_is_shown(tmp_path: Path) -> None:
    """The metric is the time of the load that is in force, and stands still when nothing changes or a load fails."""
    path = tmp_path / "web.yml"
    stamped(path, f"basic_auth_users: {{alice: {hashed('x')}}}", 1000)
    watched = Watched(path)
    first = watched.clock.now()
    watched.clock.advance(10)
    watched.state.current()
    assert watched.registry.get_sample_value(LOADED) == first
    stamped(path, "broken: 1", 1001)
    watched.state.current()
    assert watched.registry.get_sample_value(LOADED) == first
    stamped(path, f"basic_auth_users: {{bob: {hashed('x')}}}", 1002)
    watched.state.current()
    assert watched.registry.get_sample_value(LOADED) == first + 10
