"""The relay over PostgreSQL as a process: kill -9 with messages in flight, a database that is away, and what is told is told once."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from kunobs.config import load_text
from kunobs.errors import ConfigError
from tests.noc_postgres import HOST, PASSWORD, Place, postgres
from tests.noc_world import Poster, RelayProcess, World, post_alert, status_of, world
from tests.support import wait_until


def configured(around: World, place: Place) -> Path:
    """With short leases: over a database that others may share, what a dead process was sending waits for its lease."""
    return around.write_config(
        data=f"postgresql://relay@{HOST}:{place.cluster.port}/{place.database}",
        data_password=PASSWORD,
        admin_socket=str(around.folder / "admin.sock"),
        lease="20s",
    )


def unsent(place: Place) -> int:
    """How many messages are not sent yet."""
    return int(place.rows("SELECT count(*) FROM outbox WHERE state IN ('due', 'sending')")[0][0])


def test_killed_and_left_alone_by_its_database(tmp_path: Path) -> None:
    """Three kills and a database that crashes: everything accepted is told, once where the provider recognises it."""
    with world(tmp_path) as around, postgres() as cluster:
        place = cluster.place(database=True)
        config = configured(around, place)
        poster = Poster()
        posted = 0
        for _ in range(3):
            relay = RelayProcess(config).ready()
            poster.to(relay.url)
            calls = around.requests()
            for number in range(posted, posted + 12):
                poster.post(str(number), f"app{number % 12}" if number % 2 else "hook")
            posted += 12
            wait_until(lambda: around.more_than(calls), 30, "a request to a provider")  # noqa: B023
            relay.kill()
            poster.to("")
        relay = RelayProcess(config).ready()
        poster.to(relay.url)
        wait_until(lambda: not poster.left and len(poster.accepted) == posted, 60, "all posts")
        cluster.stop()
        assert post_alert(relay.url, "900", "hook") == "503"
        wait_until(lambda: status_of(relay.url + "/-/ready") == 503, 30, "readiness to say so")
        cluster.start()
        wait_until(lambda: post_alert(relay.url, "901", "hook") == "200", 60, "an accepted post")
        wait_until(lambda: unsent(place) == 0, 90, "all messages")
        relay.kill(signal.SIGTERM)
        poster.end()
        pages = around.pages()
        assert {name for _, name in pages} - {"900"} == {*map(str, range(posted)), "901"}
        assert set(pages.values()) == {1}
        assert "corr" not in relay.log()


def test_a_password_in_the_url_is_refused() -> None:
    """The page at / shows the configuration."""
    with pytest.raises(ConfigError, match="use data_password_file"):
        load_text("version: 1\nnoc: {data: 'postgresql://u:secret@h/d', admin_socket: /x}\n", sections=["noc"])
