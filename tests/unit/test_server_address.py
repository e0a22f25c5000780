"""Listen addresses: what is accepted, what the errors say, and that both families are really reached."""

from __future__ import annotations

import socket

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from kunobs.errors import ConfigError
from kunobs.server.address import Address, ListenError, bind, parse
from tests.unit.server_support import port_of, serving

needs_ipv6 = pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:9501", "127.0.0.1", 9501),
        ("[::1]:9501", "::1", 9501),
        ("[fe80::1%eth0]:9501", "fe80::1%eth0", 9501),
        (":9501", "", 9501),
        ("[::]:0", "::", 0),
        ("0.0.0.0:65535", "0.0.0.0", 65535),
        ("node-1.example:80", "node-1.example", 80),
    ],
)
def test_good_address(text: str, host: str, port: int) -> None:
    """Each way to write an address is understood and written back the same."""
    assert parse(text) == Address(host, port)
    assert str(parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "9501", "127.0.0.1", "::1:9501", "[::1]", "[::1]9501", "1.2.3.4:65536", "1.2.3.4:-1", "a b:1"),
        *("1.2.3.4:９５０１", "[::1]:", ":", "127.0.0.1:9501\n", "[]:1", "[x]:1", "unix:/run/x.sock:", "http://x:1"),
    ],
)
def test_bad_address_says_how_to_write_it(text: str) -> None:
    """Anything else is a configuration error with an example."""
    with pytest.raises(ConfigError, match="is not an address to listen on") as caught:
        parse(text)
    assert '"127.0.0.1:9501"' in caught.value.hint
    assert caught.value.exit_code == 2


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_a_config_error(text: str) -> None:
    """No text makes the parser fail in another way."""
    try:
        address = parse(text)
    except ConfigError:
        return
    assert 0 <= address.port <= 65535


def test_port_in_use_names_address_and_command() -> None:
    """The error says which address and how to see who holds it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ListenError, match=rf"cannot listen on 127\.0\.0\.1:{port}: the port is in use") as caught:
            bind(Address("127.0.0.1", port))
    assert f"ss -ltnp 'sport = :{port}'" in caught.value.hint
    assert caught.value.exit_code == 1


def test_foreign_address_names_command() -> None:
    """An address of another machine (TEST-NET-1) is refused with how to list our own."""
    with pytest.raises(ListenError, match="no such address here") as caught:
        bind(Address("192.0.2.1", 0))
    assert "ip -brief address" in caught.value.hint


def test_unknown_host_is_explained() -> None:
    """A name that does not resolve says so."""
    with pytest.raises(ListenError, match="is no address of this machine") as caught:
        bind(Address("no-such-host.invalid", 0))
    assert "getent ahosts no-such-host.invalid" in caught.value.hint


def test_failed_second_bind_closes_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """When one of a name's addresses cannot be had, the others are released."""
    bound: list[socket.socket] = []
    real = socket.socket

    def remember(*arguments: int) -> socket.socket:
        bound.append(real(*arguments))
        return bound[-1]

    loopback = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))
    foreign = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [loopback, foreign])
    monkeypatch.setattr(socket, "socket", remember)
    with pytest.raises(ListenError):
        bind(Address("two.example", 0))
    assert [sock.fileno() for sock in bound] == [-1, -1]


@needs_ipv6
@pytest.mark.parametrize("listen", [":0", "[::]:0"])
def test_wildcard_serves_both_families(listen: str) -> None:
    """A listen address without a host is reached over IPv4 and over IPv6."""
    with serving(listen=listen) as server:
        for host in ("127.0.0.1", "[::1]"):
            assert requests.get(f"http://{host}:{port_of(server)}/-/healthy", timeout=10).status_code == 200
        assert requests.get(f"{server.url}/-/healthy", timeout=10).status_code == 200


@needs_ipv6
def test_ipv6_address_serves_only_itself() -> None:
    """[::1] is not reached over IPv4."""
    with serving(listen="[::1]:0") as server:
        assert server.address == f"[::1]:{port_of(server)}"
        assert requests.get(f"{server.url}/-/healthy", timeout=10).status_code == 200
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://127.0.0.1:{port_of(server)}/-/healthy", timeout=10)


def test_answers_are_not_held_back() -> None:
    """asyncio switches Nagle's algorithm off, which costs 40 ms an answer, only for a socket that says it is TCP."""
    for address in (Address("127.0.0.1", 0), Address("", 0)):
        (bound,) = bind(address)
        with bound:
            assert bound.proto == socket.IPPROTO_TCP


@needs_ipv6
def test_every_address_of_a_name_has_the_same_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name may be two addresses; with port 0 they share the one that was found."""
    v4 = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))
    v6 = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 0, 0, 0))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [v4, v6, v4])
    sockets = bind(Address("two.example", 0))
    names = [sock.getsockname() for sock in sockets]
    for sock in sockets:
        sock.close()
    assert [name[0] for name in names] == ["127.0.0.1", "::1"]
    assert names[0][1] == names[1][1] != 0
