"""Whether a request is from the prober: it shows the integration's secret, or something that needs it to be made."""

from __future__ import annotations

import base64
import hmac
from hashlib import md5

from kunobs.config.noc.probers import VerifyConfig
from kunobs.noc.accept.prober.request import HINT, Fields, Request
from kunobs.noc.accept.refusal import Refusal


def verify(config: VerifyConfig, secret: str, request: Request) -> None:
    """All checks but md5, which needs the fields. Raises Refusal 401."""
    if config.by == "none":
        return
    if not secret:
        raise _refusal("this integration has no secret to check it by", "set token_file of the integration")
    if config.by == "token":
        _token(config, secret, request)
    elif config.by.startswith("hmac"):
        _hmac(config, secret, request)


def verify_digest(config: VerifyConfig, secret: str, fields: Fields) -> None:
    """The md5 of some fields and the secret, as Jiankongbao makes it. Raises Refusal 401."""
    if config.by != "md5":
        return
    joined = "".join(fields.need(name) for name in config.fields) + secret
    wanted = md5(joined.encode("utf-8"), usedforsecurity=False).hexdigest()
    if not _equal(fields.get(config.digest).lower(), wanted):
        raise _refusal(
            f"{config.digest} is not the md5 of {', '.join(config.fields)} and the secret",
            "is the integration's secret the one in the prober's console?",
        )


def _token(config: VerifyConfig, secret: str, request: Request) -> None:
    header = request.headers.get(config.header, "").strip()
    scheme, _, credentials = header.partition(" ")
    given = [request.path_token, credentials.strip() if scheme.lower() == "bearer" else header]
    given += request.parameters().get(config.parameter, [])
    # Every one is compared, so that the time does not tell which.
    if not any([_equal(one, secret) for one in given]):  # noqa: C419
        places = [f"header {config.header}"] if config.header else []
        places += [f"parameter {config.parameter}"] if config.parameter else []
        raise _refusal(f"the secret stands neither in the path nor in {' nor in '.join(places)}", HINT)


def _hmac(config: VerifyConfig, secret: str, request: Request) -> None:
    wanted = hmac.digest(secret.encode(), request.body, config.by.removeprefix("hmac-"))
    given = request.headers.get(config.header, "").strip()
    signature = _raw(given.removeprefix(config.prefix), config.encoding) if given.startswith(config.prefix) else b""
    if not hmac.compare_digest(signature, wanted):
        raise _refusal(
            f"header {config.header} is not the {config.by} of the body",
            f"{config.prefix}SIGNATURE in {config.encoding} is expected; is the secret the one in the prober's console?",
        )


def _raw(text: str, encoding: str) -> bytes:
    try:
        return bytes.fromhex(text) if encoding == "hex" else base64.b64decode(text, validate=True)
    except ValueError:
        return b""


def _equal(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode("utf-8"))


def _refusal(message: str, hint: str) -> Refusal:
    return Refusal(401, message, hint=hint)
