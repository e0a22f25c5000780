"""`tls_server_config` of the web configuration: what Go's names mean to Python's TLS, which can do less."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from kunobs.server.web_config_reader import Reader

TLS_VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
# Go's names (crypto/tls CipherSuites) -> OpenSSL's; TLS 1.3 has its own suites and no choice of them.
CIPHERS = {
    f"TLS_ECDHE_{kind}_WITH_{go}": f"ECDHE-{kind}-{openssl}"
    for kind in ("ECDSA", "RSA")
    for go, openssl in {
        "AES_128_CBC_SHA": "AES128-SHA",
        "AES_256_CBC_SHA": "AES256-SHA",
        "AES_128_GCM_SHA256": "AES128-GCM-SHA256",
        "AES_256_GCM_SHA384": "AES256-GCM-SHA384",
        "CHACHA20_POLY1305_SHA256": "CHACHA20-POLY1305",
    }.items()
}
TLS13_CIPHERS = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}
CLIENT_AUTH = {
    "": ssl.CERT_NONE,
    "NoClientCert": ssl.CERT_NONE,
    # Asks for a certificate, uses none: to a client without one it is the same as not asking.
    "RequestClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
UNVERIFIED_CLIENT_AUTH = ("RequireAnyClientCert", "RequireClientCert")


@dataclass(frozen=True)
class TLSConfig:
    """`tls_server_config`; each of certificate, key and client CA is a file or the PEM text itself."""

    cert: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    client_ca: str = field(default="", repr=False)
    cert_file: Path | None = None
    key_file: Path | None = None
    client_ca_file: Path | None = None
    client_auth: ssl.VerifyMode = ssl.CERT_NONE
    client_allowed_sans: frozenset[str] = frozenset()
    min_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    max_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ciphers: tuple[str, ...] = ()
    prefer_server_ciphers: bool = True
    curve: str = ""

    @property
    def files(self) -> tuple[Path, ...]:
        """The files whose change is a change of the configuration."""
        return tuple(path for path in (self.cert_file, self.key_file, self.client_ca_file) if path)


def plain_name(name: str) -> str:
    """An address as Python writes it, so that 2001:DB8:0::7 is 2001:db8::7; any other name as it is."""
    try:
        return str(ipaddress.ip_address(name.strip()))
    except ValueError:
        return name


def read_tls(section: Reader, directory: Path) -> TLSConfig | None:
    """The section as settings, None when it is empty; mistakes go to the reader."""

    def file(key: str) -> Path | None:
        name = section.text(key)
        return directory / name if name else None

    tls = TLSConfig(
        cert=section.text("cert"),
        key=section.text("key"),
        client_ca=section.text("client_ca"),
        cert_file=file("cert_file"),
        key_file=file("key_file"),
        client_ca_file=file("client_ca_file"),
        client_auth=_read_client_auth(section),
        client_allowed_sans=frozenset(plain_name(san) for san in section.texts("client_allowed_sans")),
        min_version=TLS_VERSIONS[section.choice("min_version", TLS_VERSIONS, default="TLS12")],
        max_version=TLS_VERSIONS[section.choice("max_version", TLS_VERSIONS, default="TLS13")],
        ciphers=_read_ciphers(section),
        prefer_server_ciphers=section.flag("prefer_server_cipher_suites", default=True),
        curve=_read_curve(section),
    )
    section.refuse_unknown()
    if not section.keys:
        return None
    _check_tls(section, tls)
    return tls


def _check_tls(section: Reader, tls: TLSConfig) -> None:
    for key, text, path in (("cert", tls.cert, tls.cert_file), ("key", tls.key, tls.key_file)):
        if not text and not path:
            section.wrong(f"{key}_file", f"is missing; name the PEM file, or give it inline as {key}")
    pairs = (("cert", tls.cert_file), ("key", tls.key_file), ("client_ca", tls.client_ca_file))
    for key, path in pairs:
        if getattr(tls, key) and path:
            section.wrong(key, f"and {key}_file are both given; keep one")
    if (tls.client_ca or tls.client_ca_file) and tls.client_auth == ssl.CERT_NONE:
        section.wrong("client_auth_type", "asks for no certificate although a client CA is given; "
                      "write RequireAndVerifyClientCert")  # fmt: skip
    if tls.client_allowed_sans and tls.client_auth != ssl.CERT_REQUIRED:
        section.wrong("client_allowed_sans", "needs client_auth_type: RequireAndVerifyClientCert")
    if tls.min_version > tls.max_version:
        section.wrong("min_version", "is above max_version, so that no client could connect")


def _read_client_auth(section: Reader) -> ssl.VerifyMode:
    if section.value("client_auth_type") in UNVERIFIED_CLIENT_AUTH:
        section.text("client_auth_type")
        section.wrong("client_auth_type", "takes certificates without checking them, which Python cannot; "
                      "write RequireAndVerifyClientCert and client_ca_file")  # fmt: skip
        return ssl.CERT_REQUIRED
    return CLIENT_AUTH[section.choice("client_auth_type", CLIENT_AUTH, default="")]


def _read_ciphers(section: Reader) -> tuple[str, ...]:
    names = section.texts("cipher_suites")
    for name in names:
        if name not in CIPHERS and name not in TLS13_CIPHERS:
            section.wrong("cipher_suites", f'has "{name}", which is none of {", ".join(CIPHERS)}')
    chosen = tuple(CIPHERS[name] for name in names if name in CIPHERS)
    if names and not chosen and section.value("min_version") != "TLS13":
        section.wrong("cipher_suites", "has none for TLS 1.2; add one, or write min_version: TLS13")
    return chosen


def _read_curve(section: Reader) -> str:
    names = section.texts("curve_preferences")
    for name in names:
        if name not in CURVES:
            section.wrong("curve_preferences", f'has "{name}", which is none of {", ".join(CURVES)}')
    # All four are what OpenSSL offers without being told.
    if len(names) > 1 and set(names) != set(CURVES):
        section.wrong("curve_preferences", "has several, but Python can set one only; keep one, or all four")
    return CURVES.get(names[0], "") if len(names) == 1 else ""
