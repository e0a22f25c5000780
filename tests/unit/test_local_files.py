"""Files, ports and memory of a stack: private where secret, whole or absent, remembered or refused."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from kunobs.clock import SYSTEM_CLOCK
from kunobs.config import load
from kunobs.errors import LocalStackError, UsageError
from kunobs.local import ports
from kunobs.local.config_file import copy_config, write_config
from kunobs.local.files import cache_root, password_in, state_root, write_private, write_whole
from kunobs.local.memory import PORTS, Memory, exclusive
from kunobs.testing.clock import FakeClock


def mode(file: Path) -> int:
    """The permission bits."""
    return file.stat().st_mode & 0o777


def test_folders_follow_xdg() -> None:
    """The XDG variables are used when absolute, else the defaults below HOME."""
    assert cache_root({"HOME": "/h"}) == Path("/h/.cache/kunobs")
    assert cache_root({"HOME": "/h", "XDG_CACHE_HOME": "/c"}) == Path("/c/kunobs")
    assert state_root({"HOME": "/h", "XDG_STATE_HOME": "relative"}) == Path("/h/.local/state/kunobs")
    assert state_root({}) == Path.home() / ".local/state/kunobs"


def test_a_private_file_is_private_from_its_first_byte(tmp_path: Path) -> None:
    """Also when it replaces one that everybody could read; nothing temporary stays."""
    file = tmp_path / "secret"
    file.write_text("old")
    file.chmod(0o644)
    write_private(file, "new")
    assert (file.read_text(), mode(file)) == ("new", 0o600)
    write_whole(tmp_path / "open", "x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["open", "secret"]


def test_a_password_is_made_once(tmp_path: Path) -> None:
    """Long enough, private, and the same at the next call."""
    first = password_in(tmp_path / "secrets" / "admin")
    assert password_in(tmp_path / "secrets" / "admin") == first
    assert len(first) >= 32
    assert mode(tmp_path / "secrets" / "admin") == 0o600
    assert mode(tmp_path / "secrets") == 0o700
    assert password_in(tmp_path / "other") != first


def test_ports_are_free_distinct_and_below_the_ephemeral_range(tmp_path: Path) -> None:
    """A port that a client's connection could take between two starts would not stay ours."""
    memory = Memory()
    memory.complete()
    assert sorted(memory.ports) == sorted(PORTS)
    assert len(set(memory.ports.values())) == len(PORTS)
    lowest_ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    if lowest_ephemeral > 20000:
        assert all(port < lowest_ephemeral for port in memory.ports.values())
    assert all(ports.is_free(port) for port in memory.ports.values())


def test_a_taken_port_is_an_error_that_says_what_to_do() -> None:
    """The hint shows how to find the other program, and how to move."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert not ports.is_free(port)
        with pytest.raises(LocalStackError, match=f"port {port} of tenant is taken") as caught:
            ports.require_free(port, "tenant", "demo")
        assert "kunobs local up --stack demo --new-ports" in caught.value.hint
    ports.require_free(port, "tenant", "demo")


def test_memory_survives_and_completes_itself(tmp_path: Path) -> None:
    """Ports and ids stay the same from one command to the next."""
    file = tmp_path / "stack.json"
    first = Memory.load(file)
    first.ports["public"] = 23456
    first.complete()
    first.save(file)
    second = Memory.load(file)
    second.complete()
    assert second == first
    assert second.ports["public"] == 23456
    assert len(second.cluster_ids["public"]) == 22  # Kafka refuses an id of another length


@pytest.mark.parametrize("content", ["", "[]", '{"surprise": 1}', "{"])
def test_damaged_memory_is_an_error_with_a_way_out(tmp_path: Path, content: str) -> None:
    """The hint names the folder to remove."""
    (tmp_path / "stack.json").write_text(content)
    with pytest.raises(LocalStackError, match=r"stack\.json is damaged") as caught:
        Memory.load(tmp_path / "stack.json")
    assert str(tmp_path) in caught.value.hint


def test_two_commands_take_turns(tmp_path: Path) -> None:
    """The second enters only when the first has left, even when the first removed the stack's folder."""
    folder, order = tmp_path / "stack", []
    entered, leave = threading.Event(), threading.Event()

    def first() -> None:
        with exclusive(folder, SYSTEM_CLOCK):
            entered.set()
            leave.wait(30)
            order.append("first left")

    def second() -> None:
        with exclusive(folder, SYSTEM_CLOCK):
            order.append("second entered")

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert entered.wait(30)
    threads[1].start()
    with pytest.raises(LocalStackError, match="another command"), exclusive(folder, FakeClock()):
        pass
    leave.set()
    for thread in threads:
        thread.join(30)
    assert order == ["first left", "second entered"]


def test_the_written_configuration_loads(tmp_path: Path) -> None:
    """kunobs.yaml is private, strict-clean, and reads the password from its file."""
    password = tmp_path / "password"
    write_private(password, "hunter2\n")
    file = tmp_path / "kunobs.yaml"
    write_config(
        file,
        public="127.0.0.1:1001",
        tenant="127.0.0.1:1002",
        password_file=password,
        elasticsearch="http://127.0.0.1:1003",
        topic="filebeat",
    )
    assert mode(file) == 0o600
    assert "hunter2" not in file.read_text()
    config = load(file, environ={})
    assert config.kafka.public.brokers == ("127.0.0.1:1001",)
    assert config.kafka.tenant.brokers == ("127.0.0.1:1002",)
    assert config.kafka.tenant.sasl.username == "admin"
    assert config.kafka.tenant.sasl.password.reveal() == "hunter2"
    assert config.elasticsearch.urls == ("http://127.0.0.1:1003",)
    assert config.indexer.index.replicas == 0


def test_a_copy_never_overwrites_what_somebody_wrote(tmp_path: Path) -> None:
    """--config writes a new file or its own old one, private; a file of the user's is left alone."""
    source, own, target = tmp_path / "source", tmp_path / "own.yaml", tmp_path / "kunobs.yaml"
    write_config(source, public="a:1", tenant="a:2", password_file=source, elasticsearch="http://a:3", topic="t")
    own.write_text("version: 1\n")
    with pytest.raises(UsageError, match="was not written by kunobs local"):
        copy_config(source, own)
    assert own.read_text() == "version: 1\n"
    copy_config(source, tmp_path)  # a folder
    copy_config(source, target)  # again
    assert (target.read_text(), mode(target)) == (source.read_text(), 0o600)
    with pytest.raises(UsageError, match="cannot write"):
        copy_config(source, tmp_path / "no" / "folder.yaml")
