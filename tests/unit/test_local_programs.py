"""What Kafka and Elasticsearch are given: settings that survive odd paths, private secrets, module folders."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from kunobs.errors import DownloadError, LocalStackError, UsageError
from kunobs.local import LocalStack
from kunobs.local.artifacts import ArtifactCache
from kunobs.local.elasticsearch import ElasticsearchService, ElasticsearchSettings, lay_out_module
from kunobs.local.files import write_private
from kunobs.local.kafka import KafkaService
from kunobs.local.kafka_properties import KafkaSettings, broker_properties, escape_property
from kunobs.local.lockfile import Lock
from kunobs.local.progress import Reporter
from kunobs.local.tools import Tools


def kafka(folder: Path, *, secure: bool, **extra: str) -> KafkaService:
    """A Kafka service that is only asked for its settings."""
    write_private(folder / "password", "pa ss\n")
    settings = KafkaSettings(1001, 1002, "cluster-id", folder / "password" if secure else None, extra)
    return KafkaService("tenant", folder / "stack" / "tenant", Tools(ArtifactCache(folder)), settings)


def properties(folder: Path, *, secure: bool, **extra: str) -> dict[str, str]:
    """The settings such a service runs with."""
    return broker_properties(kafka(folder, secure=secure, **extra).settings, folder)


def test_the_open_cluster_listens_on_loopback_only(tmp_path: Path) -> None:
    """Every listener is on 127.0.0.1, and no topic is made by accident."""
    found = properties(tmp_path, secure=False)
    assert found["listeners"] == "CLIENT://127.0.0.1:1001,CONTROLLER://127.0.0.1:1002"
    assert found["auto.create.topics.enable"] == "false"
    assert found["message.max.bytes"] == str(16 << 20)
    assert "authorizer.class.name" not in found


def test_the_tenant_cluster_has_no_open_door(tmp_path: Path) -> None:
    """Both listeners ask for a login, only the administrator is super user, what no ACL allows is denied."""
    found = properties(tmp_path, secure=True)
    assert found["listener.security.protocol.map"] == "CLIENT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT"
    assert found["super.users"] == "User:admin"
    assert found["allow.everyone.if.no.acl.found"] == "false"
    assert found["authorizer.class.name"].endswith("StandardAuthorizer")


def test_a_test_may_lay_properties_over(tmp_path: Path) -> None:
    """`broker_properties` win over the stack's own."""
    assert properties(tmp_path, secure=False, **{"log.dirs": "/full"})["log.dirs"] == "/full"


def test_the_administrators_configuration(tmp_path: Path) -> None:
    """kunobs logs in with the password of the file."""
    cluster = kafka(tmp_path, secure=True).cluster()
    assert cluster.brokers == ("127.0.0.1:1001",)
    assert (cluster.sasl.mechanism, cluster.sasl.username) == ("SCRAM-SHA-256", "admin")
    assert cluster.sasl.password.reveal() == "pa ss"
    assert kafka(tmp_path, secure=False).cluster().sasl.mechanism == "none"


@pytest.mark.parametrize(
    ("value", "written"),
    [("plain /a=b:c", "plain /a=b:c"), ("back\\slash", "back\\\\slash"), ("für", "f\\u00fcr"), ("日", "\\u65e5")],
)
def test_properties_are_escaped_as_java_reads_them(value: str, written: str) -> None:
    """Java reads properties files as ISO 8859-1 with backslash escapes."""
    assert escape_property(value) == written


def test_elasticsearch_settings_are_yaml(tmp_path: Path) -> None:
    """A path with a colon and a hash survives, and a test's own settings win."""
    folder = tmp_path / "a #b" / "elasticsearch"
    settings = ElasticsearchSettings(9201, 9301, {"node.name": "other"})
    service = ElasticsearchService("elasticsearch", folder, "9.5.3", Tools(ArtifactCache(tmp_path)), settings)
    service.write_config()
    found = YAML(typ="safe").load((folder / "config" / "elasticsearch.yml").read_text())
    assert found["path.data"] == str(folder / "data")
    assert found["network.host"] == "127.0.0.1"
    assert found["node.name"] == "other"


def test_another_versions_data_is_refused(tmp_path: Path) -> None:
    """Elasticsearch cannot go back a version; the error names both and the ways out."""
    tools = Tools(ArtifactCache(tmp_path))
    folder = tmp_path / "demo" / "elasticsearch"
    (folder / "data").mkdir(parents=True)
    (folder / "version").write_text("9.5.3")
    service = ElasticsearchService("elasticsearch", folder, "8.19.21", tools, ElasticsearchSettings(1, 2))
    with pytest.raises(LocalStackError, match=r"written by Elasticsearch 9\.5\.3, not 8\.19\.21") as caught:
        service.prepare()
    assert "down --wipe --stack demo" in caught.value.hint


def test_a_module_gets_its_descriptor_without_a_module_name(tmp_path: Path) -> None:
    """The descriptor comes out of the module's own jar; on the class path it must name no Java module."""
    own, other = tmp_path / "transport-1.0.jar", tmp_path / "netty-1.0.jar"
    other.write_bytes(b"")
    with zipfile.ZipFile(own, "w") as archive:
        archive.writestr("META-INF/es-plugins/transport/plugin-descriptor.properties", "name=t\nmodulename=x.y\nz=1\n")
        archive.writestr("META-INF/es-plugins/transport/policy.yaml", "p")
        archive.writestr("META-INF/es-plugins/other/plugin-descriptor.properties", "name=o\n")
    lay_out_module(tmp_path / "modules" / "transport", [other, own])
    files = {path.name: path.read_bytes() for path in (tmp_path / "modules" / "transport").iterdir()}
    assert sorted(files) == ["netty-1.0.jar", "plugin-descriptor.properties", "policy.yaml", "transport-1.0.jar"]
    assert files["plugin-descriptor.properties"] == b"name=t\nmodulename=\nz=1\n"


def test_wrong_names_are_usage_errors(tmp_path: Path) -> None:
    """A stack's name is a folder's; services and versions are a known few."""
    for name in ("", "../x", "UP", "a b", "a" * 40):
        with pytest.raises(UsageError, match="not a stack's name"):
            LocalStack(name, root=tmp_path)
    with pytest.raises(UsageError, match="no lock for Elasticsearch 7"):
        LocalStack("a", root=tmp_path, elasticsearch_version="7")
    stack = LocalStack("a", root=tmp_path)
    with pytest.raises(UsageError, match="no service zookeeper"):
        stack.up(only=["zookeeper"])
    with pytest.raises(UsageError, match="no service 'zookeeper'"):
        stack.service("zookeeper")
    with pytest.raises(UsageError, match="not a Kafka"):
        stack.broker("elasticsearch")


def test_a_stack_that_never_ran_has_a_status(tmp_path: Path) -> None:
    """`status` and `down` work before the first `up`, and make no files."""
    stack = LocalStack("a", root=tmp_path)
    assert [(s.name, s.state, s.pid) for s in stack.status()] == [
        ("public", "stopped", None),
        ("tenant", "stopped", None),
        ("elasticsearch", "stopped", None),
    ]
    stack.down()
    assert not (tmp_path / "a").exists()


def test_without_the_extra_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`pip install kunobs` alone has no local stack."""
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "jpype" else real(name))
    with pytest.raises(LocalStackError, match=r"extra `local` \(missing: jpype\)") as caught:
        LocalStack("a", root=tmp_path).up()
    assert caught.value.hint == "pip install 'kunobs[local]'"
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(LocalStackError, match="Linux only"):
        LocalStack("a", root=tmp_path).up()


def test_both_clusters_share_one_failed_download(tmp_path: Path) -> None:
    """The error comes once and quickly, not once for each cluster; the next `up` tries again."""
    asked: list[str] = []
    stack = LocalStack("a", root=tmp_path, cache=tmp_path / "cache", minimum_free=1)

    def fail(self: ArtifactCache, lock: Lock, reporter: Reporter) -> dict[str, list[Path]]:
        asked.append(lock.name)
        raise DownloadError("no network")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ArtifactCache, "fetch", fail)
        for rounds in (1, 2):
            with pytest.raises(DownloadError, match="no network"):
                stack.up(only=["public", "tenant"])
            assert asked == ["kafka-4.2.2"] * rounds


def test_folders_that_cannot_be_written_are_named(tmp_path: Path) -> None:
    """State and cache below something that is no folder: the error names the path, the hint the variable."""
    (tmp_path / "file").touch()
    with pytest.raises(LocalStackError, match=f"cannot use {tmp_path}/file") as caught:
        LocalStack("a", root=tmp_path / "file" / "state").up()
    assert "XDG_STATE_HOME" in caught.value.hint
    stack = LocalStack("a", root=tmp_path / "state", cache=tmp_path / "file" / "cache", minimum_free=1)
    with pytest.raises(DownloadError, match=f"cannot use the cache {tmp_path}/file/cache") as failed:
        stack.up(only=["public"])
    assert "XDG_CACHE_HOME" in failed.value.hint
