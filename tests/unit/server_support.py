"""What the server's tests share: a running server, raw sockets, certificates, a scrape read by the library's parser."""

from __future__ import annotations

import contextlib
import datetime
import http.client
import ipaddress
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from kunobs import log
from kunobs.server import Server


@contextlib.contextmanager
def serving(registry: CollectorRegistry | None = None, **options: Any) -> Iterator[Server]:
    """A server on a free port of 127.0.0.1 that is ready and healthy unless told otherwise."""
    log.setup("info")
    settings: dict[str, Any] = {"config": {}, "ready": lambda: "", "healthy": lambda: "", **options}
    listen = settings.pop("listen", "127.0.0.1:0")
    server = Server("test", listen, registry or CollectorRegistry(), **settings)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def port_of(server: Server) -> int:
    """The port it listens on."""
    return int(server.address.rpartition(":")[2])


def connect(server: Server, timeout: float = 10.0) -> socket.socket:
    """A TCP connection that has sent nothing."""
    return socket.create_connection(("127.0.0.1", port_of(server)), timeout=timeout)


def exchange(server: Server, request: bytes, timeout: float = 10.0) -> bytes:
    """Send bytes, return everything until the server closes; the request should ask for that."""
    with connect(server, timeout) as sock:
        sock.sendall(request)
        return read_all(sock)


def read_all(sock: socket.socket) -> bytes:
    """Everything until the other side closes or resets."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := sock.recv(65536):
            received += chunk
    return received


def closed_by_server(sock: socket.socket) -> bool:
    """True once the server has closed or reset; waits as long as the socket's timeout for it."""
    try:
        return sock.recv(1) == b""
    except (ConnectionResetError, BrokenPipeError):
        return True


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """A text 0.0.4 scrape as (name, labels) -> value, read by prometheus_client's parser."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@dataclass(frozen=True)
class Pem:
    """A certificate and its key, as text and as files."""

    cert: str
    key: str
    cert_file: Path
    key_file: Path


class Authority:
    """A certificate authority of a test's own, writing into `directory`."""

    def __init__(self, directory: Path, name: str = "ca") -> None:
        self._directory, self._name = directory, name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"kunobs test {name}")])
        self._certificate = self._sign(self._subject, self._key, [], ca=True)
        self.file = directory / f"{name}.pem"
        self.text = self._certificate.public_bytes(serialization.Encoding.PEM).decode()
        self.file.write_text(self.text)

    def issue(self, name: str, sans: tuple[str, ...] = ("localhost", "127.0.0.1"), password: str = "") -> Pem:
        """A certificate for DNS names, addresses, mails (with @) or URIs (with ://)."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._sign(subject, key, [_general_name(san) for san in sans], ca=False)
        protection: serialization.KeySerializationEncryption = (
            serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
        )
        pem = serialization.Encoding.PEM
        cert_text = certificate.public_bytes(pem).decode()
        key_text = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, protection).decode()
        cert_file, key_file = self._directory / f"{name}.crt", self._directory / f"{name}.key"
        cert_file.write_text(cert_text)
        key_file.write_text(key_text)
        return Pem(cert_text, key_text, cert_file, key_file)

    def _sign(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, sans: list[x509.GeneralName], *, ca: bool
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            # Python 3.13 verifies as RFC 5280 says, and that needs these three.
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .add_extension(_usage(signs_certificates=ca), critical=True)
        )
        if sans:
            builder = builder.add_extension(x509.SubjectAlternativeName(sans), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(text: str) -> x509.GeneralName:
    with contextlib.suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(text))
    if "@" in text:
        return x509.RFC822Name(text)
    return x509.UniformResourceIdentifier(text) if "://" in text else x509.DNSName(text)


def tls_client(
    server: Server, authority: Authority, client: Pem | None = None, *, timeout: float = 10.0, **options: Any
) -> ssl.SSLSocket:
    """A TLS connection that trusts `authority`; `options` are set on the context (maximum_version …)."""
    context = ssl.create_default_context(cafile=str(authority.file))
    for name, value in options.items():
        setattr(context, name, value)
    if client is not None:
        context.load_cert_chain(client.cert_file, client.key_file)
    return context.wrap_socket(connect(server, timeout), server_hostname="localhost")


def read_answer(sock: socket.socket) -> bytes:
    """The body of the one response that comes on a connection which stays open."""
    answer = http.client.HTTPResponse(sock)
    answer.begin()
    return answer.read()


def get(sock: socket.socket, path: str = "/-/healthy", headers: Mapping[str, str] | None = None) -> bytes:
    """One request on an open connection that is closed after it; the whole response."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}\r\n".encode())
    return read_all(sock)
