"""The registry exporter's requests: links, digests, credentials, hostile answers; and the configuration."""

from __future__ import annotations

import json
import ssl
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.registry import client, texts
from exporters.registry.client import GONE, UNKNOWN
from exporters.registry.errors import RegistryError
from exporters.registry.texts import digest_of
from kunobs.config import load
from kunobs.errors import ConfigError
from tests.registry_world import FakeRegistry, Handler, basic, client_of, drip, fake_registry, guarded, manifest, sha256
from tests.unit.server_support import Authority


def test_links_are_followed_whatever_n_says() -> None:
    """Pages of three, by relative links, in the catalog and in the tags."""
    with fake_registry(10, 10) as fake:
        fake.page = 3
        assert client_of(fake).catalog(10, 1000) == sorted(fake.images)
        assert client_of(fake).tags("team/r3", 10, 1000) == sorted(fake.images["team/r3"])
        assert client_of(fake).tags("team/none", 10, 1000) is None
        assert len(client_of(fake).catalog(10, 4)) == 6


def test_an_absolute_link_of_the_same_server_is_followed() -> None:
    """As registries write it without http.relativeurls."""
    with fake_registry(1) as fake:

        def first(handler: Handler) -> None:
            del fake.odd["/_catalog"]
            handler.reply(200, b'{"repositories": ["a"]}', Link=f'<{fake.url}/v2/_catalog?last=a>; rel="next"')

        fake.odd["/_catalog"] = first
        assert client_of(fake).catalog(10, 1000) == ["a", "team/r0"]


@pytest.mark.parametrize(
    "link",
    [
        "http://127.0.0.1:{other}/v2/_catalog",
        "//127.0.0.1:{other}/x",
        "http://u@127.0.0.1:{port}/v2/",
        "http://[",
        "gopher:x",
    ],
)
def test_a_link_to_another_server_gets_nothing(link: str) -> None:
    """It is refused with a reason, and the other server sees no request, least of all our password."""
    with fake_registry() as fake, fake_registry() as other:
        target = link.format(other=other.url.rpartition(":")[2], port=fake.url.rpartition(":")[2])
        fake.odd["/_catalog"] = lambda handler: handler.reply(
            200, b'{"repositories": []}', Link=f'<{target}>; rel="next"'
        )
        with pytest.raises(RegistryError, match="points to another server"):
            client_of(fake, "reader", "hunter2").catalog(10, 1000)
        assert other.asked == []


def test_links_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that links to itself, or to ever new ones, ends with an error."""
    monkeypatch.setattr(client, "MAX_PAGES", 50)
    with fake_registry() as fake:
        pages = iter(range(10**9))
        for target in (lambda: "/v2/_catalog?n=1", lambda: f"/v2/_catalog?n={next(pages)}"):
            fake.odd["/_catalog"] = lambda handler, target=target: handler.reply(  # type: ignore[misc]
                200, b'{"repositories": []}', Link=f'<{target()}>; rel="next"'
            )
            with pytest.raises(RegistryError, match="goes on for ever"):
                client_of(fake).catalog(60, 1000)


def test_digests() -> None:
    """The header, 404, and what is no digest; sha512 too."""
    with fake_registry() as fake:
        one = client_of(fake)
        assert one.digest("team/r0", "v0", 10) == bytes.fromhex(sha256(manifest("0 0"))[7:])
        assert one.digest("team/r0", "none", 10) == GONE
        for text in ("", "sha256:00", "md5:" + "0" * 64, "sha256:" + "g" * 64, "x" * 10_000):
            fake.odd["/manifests/"] = lambda handler, text=text: handler.reply(200, b"", Docker_Content_Digest=text)  # type: ignore[misc]
            assert one.digest("team/r0", "v0", 10) == UNKNOWN
        fake.odd["/manifests/"] = lambda handler: handler.reply(200, b"")
        assert one.digest("team/r0", "v0", 10) == UNKNOWN
        fake.odd["/manifests/"] = lambda handler: handler.reply(200, b"", Docker_Content_Digest="sha512:" + "ab" * 64)
        assert one.digest("team/r0", "v0", 10) == b"\xab" * 64


def test_hostile_names_never_reach_a_url() -> None:
    """Of a list only what can be a repository or a tag is taken."""
    bad = [
        "../../etc",
        "a/../b",
        "a//b",
        "/a",
        "a/",
        "A",
        "a b",
        "a?x",
        "a#x",
        "",
        None,
        7,
        ["a"],
        "a" * 256,
        "a\r\nX: y",
        "é",
    ]
    body = json.dumps({"repositories": [*bad, "good/one", "good/one"]}).encode()
    with fake_registry() as fake:
        fake.odd["/_catalog"] = lambda handler: handler.reply(200, body)
        assert client_of(fake).catalog(10, 1000) == ["good/one"]
        fake.odd["/tags/list"] = lambda handler: handler.reply(
            200, json.dumps({"tags": ["v1", "-x", "a/b", "x" * 129]}).encode()
        )
        assert client_of(fake).tags("team/r0", 10, 1000) == ["v1"]
        fake.odd["/tags/list"] = lambda handler: handler.reply(200, b'{"name": "x", "tags": null}')
        assert client_of(fake).tags("team/r0", 10, 1000) == []
        for wrong in (b'{"tags": "v1"}', b"{}", b"[]", b"null", b"\xff", b'{"tags": {"a": 1}}'):
            fake.odd["/tags/list"] = lambda handler, wrong=wrong: handler.reply(200, wrong)  # type: ignore[misc]
            with pytest.raises(RegistryError, match=r"no JSON object|has no list") as raised:
                client_of(fake).tags("team/r0", 10, 1000)
            assert raised.value.hint


def test_the_timeout_is_for_the_whole_answer() -> None:
    """A head and a body that drip are cut at the time, not at the first silence."""
    body = iter(lambda: b"Content-Length: 9999\r\n\r\n" + b" " * 10, None)
    with fake_registry() as fake:
        for answer in (drip(0.02), drip(0.02, body)):
            fake.odd["/_catalog"] = answer
            with pytest.raises(RegistryError, match=r"no answer in time|broken") as raised:
                client_of(fake).catalog(0.5, 1000)
            assert raised.value.site_wide


def test_tls(tmp_path: Path) -> None:
    """Only with the authority that we are told to trust; the whole answer's time holds here too."""
    authority = Authority(tmp_path)
    pem = authority.issue("registry")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem.cert_file, pem.key_file)
    with fake_registry(tls=context) as fake:
        one = client_of(fake, ca_file=str(authority.file))
        assert one.catalog(10, 1000) == sorted(fake.images)
        with pytest.raises(RegistryError, match="the certificate or the handshake is wrong"):
            client_of(fake).catalog(10, 1000)
        fake.odd["/_catalog"] = drip(0.02)
        with pytest.raises(RegistryError, match="no answer in time"):
            one.catalog(0.5, 1000)


def test_an_answer_without_an_end_is_cut() -> None:
    """16 MiB and no more is read, compressed or not."""
    with fake_registry() as fake:
        fake.odd["/_catalog"] = lambda handler: handler.reply(200, b" " * (17 << 20))
        with pytest.raises(RegistryError, match="above 16 MiB"):
            client_of(fake).catalog(60, 1000)


def test_basic_auth() -> None:
    """The password goes out once it is asked for, and from then on at once."""
    with fake_registry() as fake:
        fake.odd[""] = guarded(fake, 'Basic realm="x"', lambda shown: shown == basic("reader", "hunter2"))
        one = client_of(fake, "reader", "hunter2")
        assert one.ping(10) is True
        assert len(one.catalog(10, 1000)) == 3
        assert one.tags("team/r0", 10, 1000)
        assert [("Authorization" in headers) for _, _, headers in fake.asked] == [False, False, True, True]
        with pytest.raises(RegistryError, match="401"):
            client_of(fake, "reader", "wrong").catalog(10, 1000)
        with pytest.raises(RegistryError, match="wants a user"):
            client_of(fake).catalog(10, 1000)


def test_token_auth() -> None:
    """The realm gets user and password, service and scope; the registry gets the token and never the password."""
    with fake_registry() as registry, fake_registry() as realm:
        token_auth(registry, realm)


def token_auth(registry: FakeRegistry, realm: FakeRegistry) -> None:
    """The test above."""
    asked: list[tuple[str, str]] = []

    def token(handler: Handler) -> None:
        asked.append((handler.path, handler.headers["Authorization"]))
        scope = handler.path.partition("scope=")[2].replace("%3A", ":").replace("%2F", "/").replace("%2A", "*")
        handler.reply(200, json.dumps({"token": f"t-{scope}", "expires_in": 300}).encode())

    def answer(handler: Handler) -> None:
        path = handler.path.partition("?")[0]
        scope = "registry:catalog:*" if "_catalog" in path else "repository:team/r0:pull"
        if handler.headers.get("Authorization") == f"Bearer t-{scope}":
            registry.answer(handler)
        else:
            challenge = f'Bearer realm="{realm.url}/token",service="a, \\"b\\"",scope="{scope}"'
            handler.reply(401, b"", WWW_Authenticate=challenge)

    realm.odd["/token"] = token
    registry.odd[""] = answer
    one = client_of(registry, "reader", "hunter2")
    assert len(one.catalog(10, 1000)) == 3
    for tag in ("v0", "v1", "v2"):
        assert one.digest("team/r0", tag, 10) not in (GONE, UNKNOWN)
    assert [shown for _, shown in asked] == [basic("reader", "hunter2")] * 2
    assert "service=a%2C+%22b%22" in asked[0][0]
    assert all("hunter2" not in str(one) and "Basic" not in str(one) for one in registry.asked)
    realm.odd["/token"] = lambda handler: handler.reply(403)
    with pytest.raises(RegistryError, match="token server answers 403"):
        client_of(registry, "reader", "hunter2").catalog(10, 1000)
    for body in (b"{}", b'{"token": 7}', b'{"token": "a\\r\\nX: y"}', b"<html>"):
        realm.odd["/token"] = lambda handler, body=body: handler.reply(200, body)  # type: ignore[misc]
        with pytest.raises(RegistryError):
            client_of(registry, "reader", "hunter2").catalog(10, 1000)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        'Bearer realm="ftp://x"',
        'Bearer realm="http://u:p@x/"',
        "Digest x=y",
        "Bearer realm=" + "x" * 7000,
        '="',
        'Bearer realm="http://[',
    ],
)
def test_odd_challenges(header: str) -> None:
    """An error with what it asks for, and no password anywhere."""
    with fake_registry() as fake:
        fake.odd[""] = lambda handler: handler.reply(401, b"", WWW_Authenticate=header)
        with pytest.raises(RegistryError, match="401") as raised:
            client_of(fake, "reader", "hunter2").catalog(10, 1000)
        assert raised.value.hint
        assert "hunter2" not in str(raised.value) + str(fake.asked)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('regions: {east: {url: "http://x"}}', "has no primary"),
        ('regions: {e: {url: "http://x", role: primary}, w: {url: "http://y", role: primary}}', "has 2 primaries"),
        ('regions: {e: {url: "http://x/v2/", role: primary}}', "holds more than a host"),
        ('regions: {e: {url: "http://u:hunter2@x", role: primary}}', "holds a user or a password"),
        ("regions: {e: {role: primary}}", "is missing"),
        ('regions: {e: {url: "http://x", role: primary, username: u}}', "is half an identity"),
        ('regions: {e: {url: "http://x", role: primary, password: hunter2}}', "is half an identity"),
        ('regions: {e: {url: "http://x", role: mirror}}', "role"),
        ("sample: team/web", "is not an image"),
        ("upload_repository: Team/web", "is not the name of a repository"),
        ("canary: {repository: a, timeout: 2m}", "is longer than canary.interval"),
        ('canary: {tag: "a b"}', "is not a tag"),
        ("grace: 20m", "is more than half of digest_interval"),
        ("max_heads_per_second: 0", "max_heads_per_second"),
    ],
)
def test_a_configuration_that_cannot_work(tmp_path: Path, text: str, problem: str) -> None:
    """Named with its key, and no password in it."""
    (tmp_path / "kunobs.yaml").write_text(f"version: 1\nexporters:\n  registry:\n    {text}\n")
    with pytest.raises(ConfigError, match=problem) as raised:
        load(tmp_path / "kunobs.yaml", environ={})
    assert "hunter2" not in str(raised.value)


@given(st.text(max_size=300), st.binary(max_size=300))
def test_what_reads_answers_raises_nothing_else(text: str, body: bytes) -> None:
    """Any header and any body: a value, or RegistryError."""
    texts.challenge(text)
    texts.seconds(text, 1.0)
    digest_of(text)
    assert not texts.is_name(text) or ".." not in text
    for work in (
        lambda: texts.next_page("http://x", "http://x/v2/", text),
        lambda: texts.same_origin("http://x", "http://x/v2/", text),
        lambda: texts.names(texts.document(body, "x"), "tags"),
    ):
        try:
            work()
        except RegistryError as error:
            assert error.hint
