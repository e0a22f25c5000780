"""exporter-toolkit's file: what it may hold, and that every mistake is named with its line, key and fix."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kunobs.server.web_config import WebConfig, WebConfigError, parse

PATH = Path("/etc/kunobs/web.yml")
HASH = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"
TLS = "cert_file: a.crt, key_file: /keys/a.key"


def read(text: str) -> WebConfig:
    """The configuration in the text."""
    return parse(text, PATH)


def mistakes(text: str) -> list[str]:
    """The lines of the error, without the first, which names the file."""
    with pytest.raises(WebConfigError) as caught:
        read(text)
    first, *lines = str(caught.value).splitlines()
    assert first == "/etc/kunobs/web.yml cannot be used:"
    assert caught.value.exit_code == 2
    return [line.strip() for line in lines]


@pytest.mark.parametrize("text", ["", "# a comment\n", "---\n", "{}", "tls_server_config:\nbasic_auth_users: {}\n"])
def test_empty_file_is_plain_http(text: str) -> None:
    """As with exporter-toolkit, nothing in the file means nothing is asked for."""
    assert read(text) == WebConfig()


def test_whole_file() -> None:
    """Every key of the format is understood."""
    config = read(f"""
tls_server_config:
  cert_file: a.crt
  key_file: /keys/a.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.crt
  client_allowed_sans: [prometheus.example, 10.0.0.1, "2001:DB8:0::7"]
  min_version: TLS13
  max_version: TLS13
  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]
  prefer_server_cipher_suites: false
  curve_preferences: [CurveP384]
http_server_config:
  http2: false
  headers:
    X-Frame-Options: deny
    X-XSS-Protection: 1
    Strict-Transport-Security: max-age=31536000; includeSubDomains
basic_auth_users:
  alice: {HASH}
  42: {HASH}
rate_limit: {{interval: 1m30s, burst: 5}}
""")
    tls = config.tls
    assert tls is not None
    assert (tls.cert_file, tls.key_file) == (Path("/etc/kunobs/a.crt"), Path("/keys/a.key"))
    assert tls.files == (tls.cert_file, tls.key_file, Path("/etc/kunobs/ca.crt"))
    assert tls.client_auth is ssl.CERT_REQUIRED
    assert tls.client_allowed_sans == {"prometheus.example", "10.0.0.1", "2001:db8::7"}
    assert tls.min_version is tls.max_version is ssl.TLSVersion.TLSv1_3
    assert tls.ciphers == ("ECDHE-RSA-AES128-GCM-SHA256",)
    assert tls.prefer_server_ciphers is False
    assert tls.curve == "secp384r1"
    assert dict(config.headers) == {
        b"x-frame-options": b"deny",
        b"x-xss-protection": b"1",
        b"strict-transport-security": b"max-age=31536000; includeSubDomains",
    }
    assert config.users == {b"alice": HASH.encode(), b"42": HASH.encode()}
    assert (config.rate_interval, config.rate_burst) == (90.0, 5)


def test_defaults_are_those_of_the_format() -> None:
    """TLS 1.2 to 1.3, server's preference, no client certificate."""
    tls = read(f"tls_server_config: {{{TLS}}}").tls
    assert tls is not None
    assert (tls.min_version, tls.max_version) == (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    assert tls.client_auth is ssl.CERT_NONE
    assert tls.prefer_server_ciphers is True


@pytest.mark.parametrize("text", ["yes", "on", "True", "true"])
def test_flags_of_yaml_1_1(text: str) -> None:
    """Go's reader takes yes and on, so files have them."""
    tls = read(f"tls_server_config: {{{TLS}, prefer_server_cipher_suites: {text}}}").tls
    assert tls is not None
    assert tls.prefer_server_ciphers is True


def test_all_curves_are_no_choice() -> None:
    """The list of all four is what OpenSSL offers anyway."""
    tls = read(f"tls_server_config: {{{TLS}, curve_preferences: [X25519, CurveP256, CurveP384, CurveP521]}}").tls
    assert tls is not None
    assert tls.curve == ""


def test_http2_is_noted_when_asked_for() -> None:
    """A file written for Go's exporters loads, with a word on what it does not get; the default is no word."""
    assert "http2 is ignored" in read("http_server_config: {http2: true}").notes[0]
    assert read("http_server_config: {http2: false}").notes == ()
    assert read("http_server_config: {}").notes == ()


def test_asking_for_a_certificate_without_using_it_is_not_asking() -> None:
    """RequestClientCert neither needs nor checks one."""
    tls = read(f"tls_server_config: {{{TLS}, client_auth_type: RequestClientCert}}").tls
    assert tls is not None
    assert tls.client_auth is ssl.CERT_NONE


@pytest.mark.parametrize(
    ("text", "seconds"), [("1s", 1.0), ("250ms", 0.25), ("1h", 3600.0), ("100us", 0.0001), ("0", 0.0)]
)
def test_rate_interval(text: str, seconds: float) -> None:
    """Go's durations are understood."""
    assert read(f"rate_limit: {{interval: {text}, burst: 1}}").rate_interval == pytest.approx(seconds)


def tls_with(rest: str) -> str:
    """A TLS section that is fine but for `rest`."""
    return f"tls_server_config:\n  cert_file: a\n  key_file: b\n  {rest}\n"


BAD = {
    "hello": ["not a mapping; it begins with tls_server_config:, basic_auth_users: or so"],
    "[1, 2]": ["not a mapping; it begins with tls_server_config:, basic_auth_users: or so"],
    "a: [1": ["line 1: not YAML: expected ',' or ']', but got '<stream end>'"],
    "a: 1\na: 2": ["line 2: a key is there twice"],
    "\tx: 1": ["line 1: not YAML: found character '\\t' that cannot start any token"],
    "basic_auth_user: {}": ["line 1: basic_auth_user is unknown; did you mean basic_auth_users?"],
    "zzz: 1": ["line 1: zzz is unknown"],
    "tls_server_config: yes": ["line 1: tls_server_config must be a mapping"],
    "\n\ntls_server_config: {cert_file: a}": [
        "line 3: tls_server_config.key_file is missing; name the PEM file, or give it inline as key"
    ],
    "tls_server_config: {min_version: TLS12}": [
        "line 1: tls_server_config.cert_file is missing; name the PEM file, or give it inline as cert",
        "line 1: tls_server_config.key_file is missing; name the PEM file, or give it inline as key",
    ],
    tls_with("cert: x"): ["line 4: tls_server_config.cert and cert_file are both given; keep one"],
    tls_with("cert_fil: x"): ["line 4: tls_server_config.cert_fil is unknown; did you mean cert_file?"],
    tls_with("min_version: TLS09"): [
        'line 4: tls_server_config.min_version is "TLS09"; write TLS10, TLS11, TLS12 or TLS13'
    ],
    tls_with("min_version: 1.2"): ["line 4: tls_server_config.min_version must be text; put it in quotes"],
    tls_with("max_version: TLS11"): [
        "line 2: tls_server_config.min_version is above max_version, so that no client could connect"
    ],
    tls_with("client_auth_type: Maybe"): [
        (
            'line 4: tls_server_config.client_auth_type is "Maybe"; write NoClientCert, RequestClientCert, '
            "VerifyClientCertIfGiven or RequireAndVerifyClientCert"
        )
    ],
    tls_with("client_auth_type: RequireAnyClientCert"): [
        (
            "line 4: tls_server_config.client_auth_type takes certificates without checking them, "
            "which Python cannot; write RequireAndVerifyClientCert and client_ca_file"
        )
    ],
    tls_with("client_ca_file: c"): [
        (
            "line 2: tls_server_config.client_auth_type asks for no certificate although a client CA is given; "
            "write RequireAndVerifyClientCert"
        )
    ],
    tls_with("client_allowed_sans: [a]"): [
        "line 4: tls_server_config.client_allowed_sans needs client_auth_type: RequireAndVerifyClientCert"
    ],
    tls_with("client_allowed_sans: a"): [
        "line 4: tls_server_config.client_allowed_sans must be a list of texts, as in [one, two]"
    ],
    tls_with("cipher_suites: [TLS_AES_128_GCM_SHA256]"): [
        "line 4: tls_server_config.cipher_suites has none for TLS 1.2; add one, or write min_version: TLS13"
    ],
    tls_with("curve_preferences: [CurveP256, CurveP384]"): [
        "line 4: tls_server_config.curve_preferences has several, but Python can set one only; keep one, or all four"
    ],
    tls_with("prefer_server_cipher_suites: maybe"): [
        "line 4: tls_server_config.prefer_server_cipher_suites must be true or false"
    ],
    "http_server_config: {headers: {X-Frame-Options: foo}}": [
        'line 1: http_server_config.headers.X-Frame-Options is "foo"; write deny or sameorigin'
    ],
    "http_server_config: {headers: {Content-Type: foo}}": [
        "line 1: http_server_config.headers.Content-Type is unknown; did you mean X-Content-Type-Options?"
    ],
    'http_server_config: {headers: {X-XSS-Protection: "1\\r\\nSet-Cookie: a"}}': [
        "line 1: http_server_config.headers.X-XSS-Protection has characters that a header cannot carry"
    ],
    "basic_auth_users:\n  john: doe": [
        "line 2: basic_auth_users.john is not a bcrypt hash; make one with htpasswd -nBC 10 \"\" | tr -d ':\\n'"
    ],
    f"basic_auth_users: {{john: {HASH[:4]}31{HASH[6:]}}}": [
        "line 1: basic_auth_users.john has bcrypt cost 31; write 4 to 18, as in 10"
    ],
    f'basic_auth_users: {{"a:b": {HASH}}}': [
        "line 1: basic_auth_users.a:b has a colon, which basic auth cannot send in a user's name"
    ],
    "basic_auth_users: [john]": ["line 1: basic_auth_users must be a mapping"],
    "rate_limit: {interval: 1s}": ["line 1: rate_limit.burst must be at least 1, or every request is refused"],
    "rate_limit: {interval: soon, burst: 1}": [
        'line 1: rate_limit.interval is "soon"; write a duration such as 1s, 250ms or 1m30s'
    ],
    "rate_limit: {interval: 1s, burst: -1}": [
        "line 1: rate_limit.burst must be a whole number",
        "line 1: rate_limit.burst must be at least 1, or every request is refused",
    ],
    "zzz: 1\nrate_limit: {burst: x}\nhttp_server_config: 3": [
        "line 3: http_server_config must be a mapping",
        "line 2: rate_limit.burst must be a whole number",
        "line 1: zzz is unknown",
    ],
}


@pytest.mark.parametrize("text", BAD)
def test_mistake_is_named(text: str) -> None:
    """Each mistake has its line, its key and what to write instead; all of a file come at once."""
    assert mistakes(text) == BAD[text]


SECRET = "hunter2-hunter2"


@pytest.mark.parametrize(
    "text",
    [
        f"basic_auth_users: {{john: {SECRET}}}",
        f"tls_server_config: {{key: {SECRET}}}",
        f"tls_server_config: {{key: [{SECRET}]}}",
        f"tls_server_config: {{key: {SECRET}, key: {SECRET}x}}",
        f"basic_auth_users:\n  john: {SECRET}\n  john: {SECRET}x",
        f"tls_server_config: {{key: '{SECRET}",
        f"basic_auth_users: {{john: !!python/object:{SECRET} x}}",
        f"basic_auth_users:\n  john: '{SECRET}\n  x: ]",
    ],
)
def test_error_holds_no_secret(text: str) -> None:
    """A key or hash that is in the wrong place or shape is not repeated."""
    with pytest.raises(WebConfigError) as caught:
        read(text)
    assert SECRET not in str(caught.value) + caught.value.hint


def test_settings_print_no_secret() -> None:
    """The settings in an error or a log line hide keys and hashes."""
    shown = repr(read(f"tls_server_config: {{cert: c, key: {SECRET}}}\nbasic_auth_users: {{a: {HASH}}}"))
    assert SECRET not in shown
    assert HASH not in shown


FRAGMENTS = st.sampled_from(
    [
        *"{}[]:,-&*!|>%@`'\"#\n \t",
        *("tls_server_config", "basic_auth_users", "rate_limit", "http_server_config", "headers", "cert_file", "burst"),
        *("interval", HASH, "a", "1", "null", "true", "1e999", "&a [*a]", "<<: *a", "? ", "2020-01-01"),
    ]
)


@given(st.one_of(st.text(max_size=200), st.lists(FRAGMENTS, max_size=30).map("".join)))
def test_any_text_is_settings_or_a_web_config_error(text: str) -> None:
    """No file makes the parser fail in another way."""
    try:
        config = read(text)
    except WebConfigError:
        return
    assert isinstance(config, WebConfig)


def test_deep_and_wide_yaml_is_refused() -> None:
    """Nesting and aliases that are made to hurt end in the same error."""
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{new}: &{new} [{','.join(['*' + old] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert "is unknown" in mistakes(bomb)[0]
    assert mistakes("- " * 5000) == ["not YAML (RecursionError)"]
