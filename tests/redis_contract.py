"""What kunobs reads of Redis, through redis-py's own client: the fake and the real one must both pass."""

from __future__ import annotations

import pytest
from redis import Redis
from redis.exceptions import ResponseError

from kunobs.local.ports import HOST


def client(port: int) -> Redis:
    """A client that has everything answered as RESP2."""
    return Redis(host=HOST, port=port, protocol=2, decode_responses=True, socket_timeout=30)


def check_sentinel(port: int, master: int, replicas: set[int], sentinels: set[int], quorum: int) -> None:
    """A healthy sentinel of `mymaster`; replicas and the other sentinels by their ports."""
    with client(port) as redis:
        known = redis.sentinel_master("mymaster")
        assert (known["ip"], known["port"], known["quorum"], known["flags"]) == (HOST, master, quorum, "master")
        assert isinstance(known["config-epoch"], int)
        assert (known["num-slaves"], known["num-other-sentinels"]) == (len(replicas), len(sentinels))
        assert len(known["runid"]) == 40
        assert {one["port"] for one in redis.sentinel_slaves("mymaster")} == replicas
        assert {one["port"] for one in redis.sentinel_sentinels("mymaster")} == sentinels
        assert len(redis.execute_command("SENTINEL", "MYID")) == 40
        assert len(redis.info("server")["run_id"]) == 40
        raw = redis.execute_command("SENTINEL", "REPLICAS", "mymaster")
        assert all(isinstance(one, list) and "runid" in one for one in raw)
        # Its sentinel_ckquorum() takes only a bare OK for yes.
        assert redis.execute_command("SENTINEL", "CKQUORUM", "mymaster").startswith("OK")
        for command in ("MASTER", "REPLICAS", "SENTINELS", "CKQUORUM"):
            with pytest.raises(ResponseError, match="No such master with that name"):
                redis.execute_command("SENTINEL", command, "other")
        _check_unknown(redis)


def check_server(port: int, role: str, attached: int) -> None:
    """A Redis node in good health."""
    with client(port) as redis:
        assert len(redis.info("server")["run_id"]) == 40
        known = redis.info("replication")
        assert (known["role"], known["connected_slaves"]) == (role, attached)
        assert isinstance(known["master_repl_offset"], int)
        assert len(str(known["master_replid"])) == 40
        # Forty zeros are read as the number 0.
        assert "master_replid2" in known
        if role == "slave":
            assert known["master_link_status"] == "up"
            assert isinstance(known["slave_repl_offset"], int)
        _check_unknown(redis)


def check_cluster(port: int, ports: set[int]) -> None:
    """A node of a healthy Redis Cluster of these ports."""
    with client(port) as redis:
        info = redis.cluster("INFO")
        assert info["cluster_state"] == "ok"
        counts = [info[f"cluster_slots_{state}"] for state in ("assigned", "ok", "pfail", "fail")]
        assert counts == ["16384", "16384", "0", "0"]
        assert int(info["cluster_current_epoch"]) > 0
        nodes = redis.cluster("NODES")
        assert {int(address.rpartition(":")[2].split("@")[0]) for address in nodes} == ports
        masters = [node for node in nodes.values() if "master" in node["flags"]]
        held = [slot for node in masters for low, high in node["slots"] for slot in range(int(low), int(high) + 1)]
        assert sorted(held) == list(range(16384))
        assert sum("myself" in node["flags"] for node in nodes.values()) == 1


def check_not_clustered(port: int) -> None:
    """A node that is of no cluster says so."""
    with client(port) as redis, pytest.raises(ResponseError, match="cluster support disabled"):
        redis.cluster("INFO")


def _check_unknown(redis: Redis) -> None:
    with pytest.raises(ResponseError, match="unknown command"):
        redis.execute_command("NONSENSE")  # type: ignore[no-untyped-call]
