"""TLS over real sockets: who gets in with which certificate, version and cipher, and what bad files say."""

from __future__ import annotations

import ipaddress
import ssl
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from kunobs.server import Server
from kunobs.server.tls import allowed_name
from kunobs.server.web_config import WebConfigError
from tests.support import wait_until
from tests.unit.server_support import Authority, Pem, connect, exchange, get, read_all, serving, tls_client

OK = b"HTTP/1.1 200 "
REFUSED = (ssl.SSLError, ConnectionResetError, BrokenPipeError)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Signs the server's certificate and those of clients who are let in."""
    return Authority(tmp_path)


@pytest.fixture
def server_pem(authority: Authority) -> Pem:
    """The server's certificate."""
    return authority.issue("server")


def web(directory: Path, pem: Pem, *lines: str) -> str:
    """A web configuration file with a certificate and more lines of its TLS section."""
    path = directory / "web.yml"
    tls = [f"cert_file: {pem.cert_file.name}", f"key_file: {pem.key_file}", *lines]
    path.write_text("tls_server_config:\n" + "".join(f"  {line}\n" for line in tls))
    return str(path)


def let_in(server: Server, authority: Authority, client: Pem | None = None) -> bool:
    """True when a client with that certificate gets an answer; in TLS 1.3 a refusal comes only on reading."""
    try:
        with tls_client(server, authority, client) as sock:
            return get(sock).startswith(OK)
    except REFUSED:
        return False


def test_https(tmp_path: Path, authority: Authority, server_pem: Pem) -> None:
    """The certificate, named relative to the file, is served, and the URL says https."""
    with serving(web_config_file=web(tmp_path, server_pem)) as server, tls_client(server, authority) as sock:
        assert server.url.startswith("https://")
        assert ssl.DER_cert_to_PEM_cert(sock.getpeercert(binary_form=True) or b"") == server_pem.cert
        assert get(sock).startswith(OK)


def test_inline_pem(tmp_path: Path, authority: Authority, server_pem: Pem) -> None:
    """Certificate, key and client CA may be text in the file."""
    path = tmp_path / "web.yml"
    texts = {"cert": server_pem.cert, "key": server_pem.key, "client_ca": authority.text}
    lines = ["tls_server_config:", "  client_auth_type: RequireAndVerifyClientCert"]
    for key, text in texts.items():
        lines += [f"  {key}: |", *(f"    {line}" for line in text.splitlines())]
    path.write_text("\n".join(lines))
    with serving(web_config_file=str(path)) as server:
        assert let_in(server, authority, authority.issue("client"))
        assert not let_in(server, authority)


def test_plain_client_on_a_tls_port_is_cut(tmp_path: Path, authority: Authority, server_pem: Pem) -> None:
    """HTTP to an HTTPS port gets no answer and leaves the server as it was."""
    with serving(web_config_file=web(tmp_path, server_pem)) as server:
        assert exchange(server, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n") == b""
        assert exchange(server, b"\x16\x03\x01\xff\xff" + b"\x00" * 5000) in (b"", b"\x15\x03\x01\x00\x02\x02\x16")
        assert let_in(server, authority)


def test_client_certificate_is_required(tmp_path: Path, authority: Authority, server_pem: Pem) -> None:
    """RequireAndVerifyClientCert lets in whom the CA signed, and nobody else, and counts them."""
    registry = CollectorRegistry()
    other = Authority(tmp_path, "other").issue("stranger")
    lines = ("client_auth_type: RequireAndVerifyClientCert", "client_ca_file: ca.pem")
    with serving(registry, web_config_file=web(tmp_path, server_pem, *lines)) as server:
        assert let_in(server, authority, authority.issue("client"))
        assert not let_in(server, authority)
        assert not let_in(server, authority, other)
        name, reason = "kunobs_server_connections_dropped_total", {"reason": "tls_handshake"}
        wait_until(lambda: registry.get_sample_value(name, reason) == 2, what="two refusals")


def test_client_certificate_is_checked_if_given(tmp_path: Path, authority: Authority, server_pem: Pem) -> None:
    """VerifyClientCertIfGiven lets in clients without one, but none with a wrong one."""
    other = Authority(tmp_path, "other").issue("stranger")
    lines = ("client_auth_type: VerifyClientCertIfGiven", "client_ca_file: ca.pem")
    with serving(web_config_file=web(tmp_path, server_pem, *lines)) as server:
        assert let_in(server, authority)
        assert let_in(server, authority, authority.issue("client"))
        assert not let_in(server, authority, other)


@pytest.mark.parametrize("san", ["prometheus.example", "10.1.2.3", "2001:db8::7", "mon@example.com", "spiffe://a/prom"])
def test_only_named_clients(tmp_path: Path, authority: Authority, server_pem: Pem, san: str) -> None:
    """With client_allowed_sans, a certificate of the right CA without the name is cut, and counted."""
    registry = CollectorRegistry()
    lines = (
        "client_auth_type: RequireAndVerifyClientCert",
        "client_ca_file: ca.pem",
        f'client_allowed_sans: ["nobody", "{san}"]',
    )
    with serving(registry, web_config_file=web(tmp_path, server_pem, *lines)) as server:
        assert let_in(server, authority, authority.issue("good", ("unrelated.example", san)))
        assert not let_in(server, authority, authority.issue("bad", ("prometheus.example.com", "10.1.2.30")))
        assert not let_in(server, authority, authority.issue("unnamed", ()))
        reason = {"reason": "client_san"}
        wait_until(
            lambda: registry.get_sample_value("kunobs_server_connections_dropped_total", reason) == 2, what="two drops"
        )


def test_versions(tmp_path: Path, authority: Authority, server_pem: Pem) -> None:
    """A client below min_version is refused, one above max_version gets max_version."""
    versions = ssl.TLSVersion
    with serving(web_config_file=web(tmp_path, server_pem, "min_version: TLS13")) as server:
        with pytest.raises(REFUSED):
            tls_client(server, authority, maximum_version=versions.TLSv1_2)
        with tls_client(server, authority) as sock:
            assert sock.version() == "TLSv1.3"
    with (
        serving(web_config_file=web(tmp_path, server_pem, "max_version: TLS12")) as server,
        tls_client(server, authority) as sock,
    ):
        assert sock.version() == "TLSv1.2"


def test_ciphers(tmp_path: Path, authority: Authority, server_pem: Pem) -> None:
    """For TLS 1.2 only the listed suites are used, in the server's order."""
    lines = (
        "max_version: TLS12",
        "cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]",
    )
    with serving(web_config_file=web(tmp_path, server_pem, *lines)) as server:
        with tls_client(server, authority) as sock:
            cipher = sock.cipher()
            assert cipher is not None
            assert cipher[0] == "ECDHE-ECDSA-AES256-GCM-SHA384"
        context = ssl.create_default_context(cafile=str(authority.file))
        context.set_ciphers("ECDHE-ECDSA-CHACHA20-POLY1305")
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with connect(server) as raw, pytest.raises(REFUSED):
            context.wrap_socket(raw, server_hostname="localhost")


def starting(path: str) -> str:
    """What starting a server with the file says, with its hint."""
    with pytest.raises(WebConfigError) as caught:
        Server(
            "test",
            "127.0.0.1:0",
            CollectorRegistry(),
            config={},
            ready=lambda: "",
            healthy=lambda: "",
            web_config_file=path,
        )
    return f"{caught.value}\n{caught.value.hint}"


def test_files_that_cannot_be_used(tmp_path: Path, authority: Authority, server_pem: Pem) -> None:
    """A process with a broken file does not start, and says which key and file and how to look."""
    other = authority.issue("other")
    text = starting(str(tmp_path / "none.yml"))
    assert "web_config_file" in text
    assert "none.yml cannot be read: No such file or directory" in text

    missing = Pem("", "", tmp_path / "missing.crt", server_pem.key_file)
    assert "missing.crt cannot be read: No such file or directory" in starting(web(tmp_path, missing))

    mixed = Pem("", "", server_pem.cert_file, other.key_file)
    text = starting(web(tmp_path, mixed))
    assert "KEY_VALUES_MISMATCH" in text
    assert f"openssl pkey -pubout -in {other.key_file}" in text

    locked = authority.issue("locked", password="hunter2")
    text = starting(web(tmp_path, locked))
    assert "the key is encrypted" in text
    assert "openssl pkey" in text

    (tmp_path / "junk.crt").write_bytes(b"\x00\xff junk")
    assert "junk.crt" in starting(web(tmp_path, Pem("", "", tmp_path / "junk.crt", server_pem.key_file)))

    lines = ("client_auth_type: RequireAndVerifyClientCert", "client_ca_file: junk.crt")
    text = starting(web(tmp_path, server_pem, *lines))
    assert "client_ca_file" in text
    assert "junk.crt cannot be used" in text


def test_key_never_shows_in_an_error(tmp_path: Path, server_pem: Pem) -> None:
    """An inline key that does not fit is not repeated."""
    path = tmp_path / "web.yml"
    body = server_pem.key.replace("\n", "\n    ")
    path.write_text(f"tls_server_config:\n  cert: junk\n  key: |\n    {body}\n")
    text = starting(str(path))
    assert server_pem.key.splitlines()[1] not in text


def test_allowed_name_without_certificate() -> None:
    """No certificate, or one without names, is never the named one."""
    assert not allowed_name(None, frozenset({"a"}))
    assert not allowed_name({}, frozenset({"a"}))
    assert not allowed_name({"subjectAltName": ()}, frozenset({"a", ""}))


@given(st.ip_addresses())
def test_addresses_match_however_they_are_written(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """OpenSSL writes 2001:DB8:0:0:0:0:0:7 where the file has 2001:db8::7."""
    written = str(address)
    if address.version == 6:
        written = ":".join(f"{int.from_bytes(address.packed[at : at + 2]):X}" for at in range(0, 16, 2))
    assert allowed_name({"subjectAltName": (("IP Address", written),)}, frozenset({str(address)}))
    assert not allowed_name({"subjectAltName": (("IP Address", written),)}, frozenset({"203.0.113.9x"}))


def test_answer_ends_with_a_proper_farewell(tmp_path: Path, authority: Authority, server_pem: Pem) -> None:
    """The server says goodbye in TLS, so that a cut connection cannot pass for the end of an answer."""
    with serving(web_config_file=web(tmp_path, server_pem)) as server, tls_client(server, authority) as sock:
        sock.suppress_ragged_eofs = False  # type: ignore[attr-defined]
        sock.sendall(b"GET /-/ready HTTP/1.0\r\n\r\n")
        assert read_all(sock).endswith(b"ready\n")
