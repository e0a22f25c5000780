"""From `tls_server_config` to a TLS context, and the check of a client's names, which Python leaves to us."""

from __future__ import annotations

import contextlib
import os
import ssl
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kunobs.server.web_config import WebConfigError
from kunobs.server.web_config_tls import TLSConfig, plain_name


def build_context(tls: TLSConfig) -> ssl.SSLContext:
    """A context for new connections; WebConfigError names the key and file that cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with warnings.catch_warnings():
        # TLS 1.0 and 1.1 only when the file asks for them.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = tls.min_version, tls.max_version
    context.set_alpn_protocols(["http/1.1"])
    if tls.prefer_server_ciphers:
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    else:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    if tls.ciphers:
        _set_ciphers(context, tls.ciphers)
    if tls.curve:
        _set_curve(context, tls.curve)
    _load_certificate(context, tls)
    context.verify_mode = tls.client_auth
    _load_client_ca(context, tls)
    return context


def allowed_name(peer: Mapping[str, Any] | None, allowed: frozenset[str]) -> bool:
    """True when a verified certificate carries one of the DNS names, addresses, mails or URIs exactly."""
    names = (peer or {}).get("subjectAltName", ())
    return any((plain_name(value) if kind == "IP Address" else value) in allowed for kind, value in names)


def _set_ciphers(context: ssl.SSLContext, ciphers: tuple[str, ...]) -> None:
    try:
        context.set_ciphers(":".join(ciphers))
    except ssl.SSLError as error:
        raise WebConfigError(
            "tls_server_config.cipher_suites: this Python's OpenSSL has none of them",
            hint="openssl ciphers -v",
        ) from error


def _set_curve(context: ssl.SSLContext, curve: str) -> None:
    try:
        context.set_ecdh_curve(curve)
    except ValueError as error:
        raise WebConfigError(
            f"tls_server_config.curve_preferences: this Python's OpenSSL has no {curve}",
            hint="write CurveP256, or leave the key out",
        ) from error


def _load_certificate(context: ssl.SSLContext, tls: TLSConfig) -> None:
    shown = f"cert_file {tls.cert_file or '(inline)'} and key_file {tls.key_file or '(inline)'}"
    try:
        with _as_file(tls.cert, tls.cert_file) as cert, _as_file(tls.key, tls.key_file) as key:
            context.load_cert_chain(cert, key, password=_no_password)
    except OSError as error:
        reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        compare = f"openssl x509 -noout -pubkey -in {tls.cert_file}; openssl pkey -pubout -in {tls.key_file}"
        raise WebConfigError(
            f"tls_server_config: {shown} cannot be used: {reason or error}",
            hint=f"both must print the same: {compare}" if tls.cert_file and tls.key_file else "",
        ) from error
    except ValueError as error:
        raise WebConfigError(
            f"tls_server_config: {shown} cannot be used: the key is encrypted",
            hint="openssl pkey -in encrypted.key -out plain.key",
        ) from error


def _load_client_ca(context: ssl.SSLContext, tls: TLSConfig) -> None:
    try:
        if tls.client_ca_file:
            context.load_verify_locations(cafile=tls.client_ca_file)
        elif tls.client_ca:
            context.load_verify_locations(cadata=tls.client_ca)
        elif tls.client_auth != ssl.CERT_NONE:
            # As exporter-toolkit does: without a CA of its own, the machine's.
            context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
    except (OSError, ValueError) as error:
        raise WebConfigError(
            f"tls_server_config: client_ca_file {tls.client_ca_file or '(inline)'} cannot be used: "
            f"{getattr(error, 'reason', None) or getattr(error, 'strerror', None) or 'no certificate in it'}",
            hint="it holds PEM certificates: openssl x509 -noout -subject -in FILE",
        ) from error


def _no_password() -> str:
    # Without this OpenSSL asks the terminal, and the process hangs.
    raise ValueError("encrypted key")


@contextlib.contextmanager
def _as_file(text: str, path: Path | None) -> Iterator[str]:
    """A path that OpenSSL can read; inline text goes to a nameless file, in memory where that exists."""
    if path is not None:
        yield str(path)
        return
    in_memory = os.memfd_create("kunobs-pem") if hasattr(os, "memfd_create") else None
    with tempfile.TemporaryFile() if in_memory is None else os.fdopen(in_memory, "wb") as file:
        file.write(text.encode("ascii", errors="replace"))
        file.flush()
        yield f"/dev/fd/{file.fileno()}"
