"""The redis exporter before real sentinels and a real cluster, while masters are killed, stopped and cut off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kunobs.catalogue import redis as catalogue
from kunobs.local.ports import HOST
from tests.platform import redis_servers
from tests.platform.redis_servers import Networks, RedisProcess, Servers
from tests.redis_contract import check_cluster, check_not_clustered, check_sentinel, check_server
from tests.redis_world import Samples, Topology, observing
from tests.support import wait_until
from tests.unit.server_support import Authority
from tests.unit.test_exporter_redis import HEALTHY_CLUSTER, HEALTHY_TRIO

ANSWERED = ("nodes", "server", "config", "answered")


def of(servers: Servers) -> dict[str, Any]:
    """A trio's configuration; its nodes are named, so that one that all have forgotten is missed."""
    return {
        "sentinels": [one.address for one in servers.sentinels],
        "nodes": [one.address for one in servers.nodes],
    }


def by_name(servers: Servers) -> dict[str, Any]:
    """The same, by host name."""
    return {kind: [address.replace(HOST, "localhost") for address in given] for kind, given in of(servers).items()}


def without_lag(found: Samples) -> Samples:
    """Rows but those of the lag, which a heartbeat of the master may change, and the count of failovers."""
    return {key: value for key, value in found.items() if key[0] not in ("replica_lag_bytes", "failover_epochs_total")}


def named(servers: Servers, master: RedisProcess) -> Samples:
    """A whole trio with this master."""
    found = HEALTHY_TRIO | {("nodes", "server", "config", "answered"): 3.0, ("master_info", master.address): 1.0}
    del found["nodes", "server", "announced", "answered"]
    return without_lag(found)


def expect(seen: Topology, wanted: Samples) -> Samples:
    """Wait for these rows, for on a busy machine a node may be late once; all that there is then."""

    def found() -> Samples | None:
        rows = seen.rows("a")
        return rows if without_lag(rows) == without_lag(wanted) else None

    return wait_until(found, 60, f"{wanted}")


def master_of(seen: Topology, but: RedisProcess) -> tuple[str, Samples]:
    """Wait until all sentinels name another master, and that one of the two others says that it is; its address, and all rows."""

    def agreed() -> tuple[str, Samples] | None:
        found = seen.rows("a")
        moved = [key[1] for key in found if key[0] == "master_info" and key[1] != but.address]
        states = found.get(("sentinel_agreement_ratio",)), found.get(("masters",)), found.get(ANSWERED)
        return (moved[0], found) if moved and states == (1, 1, 2) else None

    return wait_until(agreed, 60, "another master")


def test_a_trio_whose_master_is_stopped_and_killed(tmp_path: Path) -> None:
    """Healthy; hung and failed over; two masters when it wakes, one again; killed and failed over once more."""
    with redis_servers.trio(tmp_path) as servers, observing({"a": of(servers)}, node_timeout=1.5) as seen:
        first = servers.nodes[0]
        ports, others = [one.port for one in servers.sentinels], {one.port for one in servers.nodes[1:]}
        for port in ports:
            check_sentinel(port, first.port, others, set(ports) - {port}, quorum=2)
        check_server(first.port, "master", 2)
        check_server(servers.nodes[1].port, "slave", 0)
        check_not_clustered(first.port)
        found = expect(seen, named(servers, first))
        lags = [value for key, value in found.items() if key[0] == "replica_lag_bytes"]
        assert len(lags) == 2
        assert max(lags) < 1000
        began = found["failover_epochs_total",]

        first.pause()
        wait_until(lambda: seen.rows("a").get(("nodes", "server", "config", "timeout")) == 1, 60, "the hung master")
        name, found = master_of(seen, first)
        second = next(one for one in servers.nodes if one.address == name)
        stepped = found["failover_epochs_total",]
        assert stepped > began

        # It does not know yet; the sentinels tell it after eight seconds.
        first.resume()
        found = wait_until(lambda: _split(seen), 60, "two masters")
        assert found["masters",] == 2
        assert expect(seen, named(servers, second))["failover_epochs_total",] == stepped

        second.kill()
        _, found = master_of(seen, second)
        assert found["nodes", "server", "config", "unreachable"] == 1
        assert found["failover_epochs_total",] > stepped


def test_lag_and_quorum_and_what_is_declared(tmp_path: Path) -> None:
    """A replica without a link falls behind by what is written; sentinels that are gone leave no quorum.

    All are named by another name than they announce, and each is asked once: their ids are those that others know.
    """
    declared = tmp_path / "declared.yaml"
    declared.write_text("a: {masters: 1, replicas: 2, sentinels: 3, quorum: 2}\n")
    with (
        redis_servers.trio(tmp_path) as servers,
        observing({"a": by_name(servers)}, declared_file=str(declared), node_timeout=1.5) as seen,
    ):
        found = wait_until(lambda: _whole(seen), 60, "all nodes")
        states = {key[1:]: value for key, value in found.items() if key[0] == "nodes"}
        assert states == {(kind, "config", "answered"): 3 for kind in catalogue.KINDS}
        assert [found["declared_difference", aspect] for aspect in catalogue.ASPECTS] == [0, 0, 0, 0]
        master, behind = servers.nodes[0], servers.nodes[1]
        with behind.client() as redis:
            # Its link is gone, and it may not make a new one.
            redis.config_set("masteruser", "nobody")
            redis.config_set("masterauth", "wrong")
        with master.client() as redis:
            redis.config_set("requirepass", "right")
            redis.client_kill_filter(_type="replica")
        with master.client() as redis:
            redis.execute_command("AUTH", "right")
            redis.set("key", "x" * 100_000)
            redis.config_set("requirepass", "")
        found = wait_until(lambda: _lagging(seen, behind), 60, "a lag")
        assert 100_000 < found["replica_lag_bytes", f"localhost:{behind.port}"] < 200_000
        assert found["replicas", "down"] >= 1

        for one in servers.sentinels[1:]:
            one.kill()
        found = wait_until(lambda: _without_quorum(seen), 60, "no quorum")
        assert found["nodes", "sentinel", "config", "unreachable"] == 2
        assert found["declared_difference", "sentinels"] == -2


def _whole(seen: Topology) -> Samples | None:
    found = seen.rows("a")
    return found if found.get(ANSWERED) == 3 and found.get(("replicas", "up")) == 2 else None


def _split(seen: Topology) -> Samples | None:
    found = seen.rows("a")
    return found if found.get(("split_brain",)) == 1 else None


def _lagging(seen: Topology, behind: RedisProcess) -> Samples | None:
    found = seen.rows("a")
    return found if found.get(("replica_lag_bytes", f"localhost:{behind.port}"), 0) > 100_000 else None


def _without_quorum(seen: Topology) -> Samples | None:
    found = seen.rows("a")
    return found if found.get(("sentinel_quorum_ok",)) == 0 else None


@pytest.fixture
def networks() -> Iterator[Networks]:
    """Two machines and a router."""
    made = Networks()
    try:
        yield made
    finally:
        made.remove()


def test_a_partition_is_a_split_brain(tmp_path: Path, networks: Networks) -> None:
    """The master and a sentinel are cut off from the rest, which elects another: both are seen, and that sentinels differ."""
    servers = Servers()
    with networks.inside():
        try:
            redis_servers.begin(servers, tmp_path, [networks.left, networks.right, networks.right])
            first = servers.nodes[0]
            with observing({"a": of(servers)}, node_timeout=1.5) as seen:
                expect(seen, named(servers, first))
                networks.part()
                found = wait_until(lambda: _parted(seen, first), 60, "the two sides")
                assert (found["masters",], found["split_brain",]) == (2, 1)
                # The lonely sentinel has no quorum and still names the old master.
                assert found["sentinel_quorum_ok",] == 2
        finally:
            servers.kill()


def _parted(seen: Topology, first: RedisProcess) -> Samples | None:
    found = seen.rows("a")
    # Two sentinels name the new master once its replica follows it, one soon after the other.
    moved = found.get(("sentinel_agreement_ratio",)) == 0.6667 and ("master_info", first.address) not in found
    return found if moved and (found.get(ANSWERED), found.get(("replicas", "up"))) == (3, 1) else None


def test_a_cluster_that_loses_nodes(tmp_path: Path) -> None:
    """Healthy; a master is killed and its replica takes over; a third of the slots is lost with both of another pair."""
    with redis_servers.cluster(tmp_path) as nodes:
        for node in nodes:
            check_cluster(node.port, {one.port for one in nodes})
        check_server(nodes[0].port, "master", 1)
        clusters = {"a": {"mode": "cluster", "nodes": [one.address for one in nodes]}}
        with observing(clusters, node_timeout=1.5) as seen:
            healthy = HEALTHY_CLUSTER | {("nodes", "server", "config", "answered"): 6.0}
            del healthy["nodes", "server", "announced", "answered"]
            began = expect(seen, healthy)["failover_epochs_total",]

            nodes[0].kill()
            found = wait_until(lambda: _taken_over(seen, began), 60, "the replica takes over")
            assert found["nodes", "server", "config", "unreachable"] == 1
            assert [found["cluster_nodes", state] for state in catalogue.NODE_STATES] == [5, 0, 1]
            assert (found["split_brain",], found["cluster_slots", "ok"]) == (0, 16384)

            with nodes[1].client() as redis:
                views = redis.cluster("NODES")
            own = next(one["node_id"] for one in views.values() if "myself" in one["flags"])
            heirs = [address for address, one in views.items() if one["master_id"] == own]
            nodes[1].pause()
            next(one for one in nodes if heirs[0].startswith(one.address)).kill()
            found = wait_until(lambda: _lost(seen), 60, "slots without a master")
            assert found["nodes", "server", "config", "timeout"] == 1
            assert found["nodes", "server", "config", "unreachable"] == 2
            assert found["cluster_ok_ratio",] == 0
    assert 5461 <= found["cluster_slots", "fail"] <= 5462


def _taken_over(seen: Topology, began: float) -> Samples | None:
    found = seen.rows("a")
    whole = [found.get(key) for key in (("cluster_ok_ratio",), ("cluster_agreement_ratio",), ("masters",), ANSWERED)]
    return found if whole == [1, 1, 3, 5] and found["failover_epochs_total",] > began else None


def _lost(seen: Topology) -> Samples | None:
    found = seen.rows("a")
    lost = found.get(("cluster_slots", "fail"), 0) > 0 and found.get(ANSWERED) == 3
    return found if lost and found["cluster_ok_ratio",] == 0 else None


def test_tls_and_users_with_no_more_rights_than_needed(tmp_path: Path) -> None:
    """The ACL rules of docs/exporters/redis.md are enough; without TLS, with another authority or password it is denied or unreachable."""
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "stranger")
    pem = authority.issue("redis")
    page = (Path(__file__).parents[2] / "docs" / "exporters" / "redis.md").read_text()
    rules = [line for line in page.splitlines() if line.startswith("user kunobs ")]
    tls = [
        *("port 0", "tls-port {port}", f"tls-cert-file {pem.cert_file}", f"tls-key-file {pem.key_file}"),
        *(f"tls-ca-cert-file {authority.file}", "tls-replication yes", "tls-auth-clients yes"),
    ]
    rules = [line.replace("PASSWORD", "s3cret") for line in rules]
    assert len(rules) == 2
    servers = Servers()
    try:
        servers.nodes.append(RedisProcess("redis-server", tmp_path, (*tls, "save ''", rules[0])))
        monitor = f"sentinel monitor mymaster 127.0.0.1 {servers.nodes[0].port} 1"
        servers.sentinels.append(RedisProcess("redis-sentinel", tmp_path, (*tls, monitor, rules[1])))
        who = {"username": "kunobs", "password": "s3cret"}
        who |= {f"sentinel_{key}": value for key, value in who.items()}
        how = {"tls": True, "ca_file": str(authority.file)}
        how |= {"cert_file": str(pem.cert_file), "key_file": str(pem.key_file)}
        there = {"sentinels": [servers.sentinels[0].address], "nodes": [servers.nodes[0].address]}
        wrong = {"password": "s3cret2", "sentinel_password": "s3cret2"}
        clusters = {
            "right": there | who | how,
            "plain": there | who,
            "stranger": there | who | how | {"ca_file": str(stranger.file)},
            "denied": there | who | how | wrong,
        }
        with observing(clusters, node_timeout=5) as seen:
            wait_until(lambda: seen.rows("right").get(("masters",)) == 1, 60, "the right one")
            found = seen.rows("right")
            assert (found["sentinel_agreement_ratio",], found["sentinel_quorum_ok",]) == (1, 1)
            assert found["nodes", "sentinel", "config", "answered"] == 1
            for name, states in (("plain", 2), ("stranger", 2), ("denied", 2)):
                found = seen.rows(name)
                assert found["up",] == 0
                assert sum(found.values()) == states
            assert seen.rows("denied")["nodes", "server", "config", "denied"] == 1
            assert seen.rows("stranger")["nodes", "sentinel", "config", "unreachable"] == 1
    finally:
        servers.kill()
