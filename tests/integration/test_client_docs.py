"""docs/tenants.md and docs/examples on a real broker: what a tenant copies from them works."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from kunobs.config import KafkaCluster
from kunobs.kafka import producer
from kunobs.local import LocalStack
from kunobs.local.tenant import add_tenant
from kunobs.testing import log_event
from tests.support import REPOSITORY, run_python, wait_until

_TENANTS = (REPOSITORY / "docs" / "tenants.md").read_text()
_EXAMPLES = REPOSITORY / "docs" / "examples"
_TIMEOUT = 30.0
_MESSAGES = [f"03:18:{n:02} [main] {'ERROR' if n % 3 == 0 else 'INFO'} order {n}" for n in range(9)]
_TAKEN_BACK = "taken back by the platform"


@pytest.fixture
def shop(stack: LocalStack, tenant: KafkaCluster, unique: Callable[[str], str], tmp_path: Path) -> tuple[str, Path]:
    """A tenant's working directory with its credentials file; its topic holds lines and an aborted transaction."""
    name = unique("shop")
    credentials = add_tenant(stack, name).credentials_file
    shutil.copy(credentials, tmp_path)
    _write(tenant, name, [log_event(_TAKEN_BACK)], abort=True)
    _write(tenant, name, [log_event(message, namespace=name, pod="api-1") for message in _MESSAGES])
    return name, tmp_path


def _write(cluster: KafkaCluster, name: str, values: list[bytes], *, abort: bool = False) -> None:
    client = producer(cluster, **{"transactional.id": f"test-{name}"})
    client.init_transactions(_TIMEOUT)
    client.begin_transaction()
    for value in values:
        client.produce(f"kun.logs.{name}", value, headers=[("kunobs-source", b"filebeat/0/1/%d" % hash(value))])
    if abort:
        client.flush(_TIMEOUT)
        client.abort_transaction(_TIMEOUT)
    else:
        client.commit_transaction(_TIMEOUT)


def _properties(section: str, name: str, folder: Path) -> Path:
    """The properties that the page shows for a tool, with this stack's addresses and login in the place of the examples'."""
    block = re.search(r"```properties\n(.*?)```", _TENANTS.partition(f"### {section}")[2], re.DOTALL)
    assert block is not None
    own = YAML(typ="safe").load((folder / f"{name}.credentials.yaml").read_text())
    text = re.sub(r"kafka-1\.example:9093,kafka-2\.example:9093", ",".join(own["brokers"]), block[1])
    text = text.replace("SASL_SSL", own["security_protocol"]).replace("SCRAM-SHA-512", own["sasl_mechanism"])
    text = (
        text.replace("ns-team-pay", own["username"])
        .replace("…", own["password"])
        .replace("team-pay.", own["group_prefix"])
    )
    if own["security_protocol"] == "SASL_PLAINTEXT":  # the local stack has no certificates
        text = re.sub(r"^ssl\..*\n", "", text, flags=re.MULTILINE)
    file = folder / "client.properties"
    file.write_text(text)
    return file


def _run(example: str, folder: Path, *arguments: str) -> str:
    done = run_python(str(_EXAMPLES / example), *arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_plain_consumer(shop: tuple[str, Path]) -> None:
    """confluent-kafka alone: committed lines only, and a second run has nothing left."""
    name, folder = shop
    shown = _run("plain_consumer.py", folder, f"{name}.credentials.yaml", "4")
    assert [line.partition(" ")[2] for line in shown.splitlines()] == _MESSAGES
    assert _run("plain_consumer.py", folder, f"{name}.credentials.yaml", "4") == ""


def test_into_sqlite(shop: tuple[str, Path], tenant: KafkaCluster) -> None:
    """Each line is one row, also after a second run and more lines."""
    name, folder = shop
    assert _run("into_sqlite.py", folder, name, "logs.db", "1") == "9 lines\n"
    _write(tenant, name, [log_event("one more", namespace=name)])
    assert _run("into_sqlite.py", folder, name, "logs.db", "1") == "10 lines\n"
    with sqlite3.connect(folder / "logs.db") as database:
        rows = database.execute("select message from lines order by offset").fetchall()
    assert [message for (message,) in rows] == [*_MESSAGES, "one more"]


def test_access_report(shop: tuple[str, Path], tenant: KafkaCluster) -> None:
    """A job that ends by itself."""
    name, folder = shop
    line = '10.0.0.7 - - [10/Oct/2026:13:55:36 +0800] "GET /v1/orders?page={} HTTP/1.1" 200 2326 "-" "curl/8.5"'
    _write(tenant, name, [log_event(line.format(page), namespace=name) for page in range(3)])
    assert _run("access_report.py", folder, name) == "       3 200 /v1/orders\n       9 other lines\n"


def test_errors_per_minute_ends_on_sigterm(shop: tuple[str, Path], tenant: KafkaCluster) -> None:
    """It starts with new lines, and as a pod that is stopped it finishes what it has, commits and says its last word."""
    name, folder = shop
    out = folder / "out"
    with out.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, str(_EXAMPLES / "errors_per_minute.py"), name],
            cwd=folder, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, stdout=file,
        )  # fmt: skip
    numbers = iter(range(1000))

    def first_minute_is_told() -> bool:
        """Lines of two minutes, until the program has joined its group and seen one of each."""
        minute = next(numbers)
        stamp = f"2026-11-01T03:{minute % 60:02}:00Z"
        _write(tenant, name, [log_event("x x ERROR boom", namespace=name, pod="api-9", **{"@timestamp": stamp})])
        return "'api-9': 1" in out.read_text()

    wait_until(first_minute_is_told, 60, "a line of the program")
    process.terminate()
    assert process.wait(_TIMEOUT) == 0
    *_, last = out.read_text().splitlines()
    assert re.fullmatch(r"2026-11-01T03:\d\d:00\+00:00 \{'api-9': 1\}", last)


@pytest.mark.platform
def test_kcat(shop: tuple[str, Path]) -> None:
    """The page's kcat.conf and both of its commands."""
    if shutil.which("kcat") is None:
        assert os.environ.get("CI") != "true", "kcat is missing: bash tools/install-platform.sh debian"
        pytest.skip("kcat is not installed")
    name, folder = shop
    file = _properties("kcat", name, folder)
    section = _TENANTS.partition("### kcat")[2].partition("\n### ")[0]
    shown = re.findall(r"^\$ (.*?)(?: +# .*)?$", section, re.MULTILINE)
    newer_library, commands = (
        [line for line in shown if "kcat -F" not in line],
        [line for line in shown if "kcat -F" in line],
    )
    assert (len(newer_library), len(commands)) == (3, 2)
    bin_, home = str(Path(sys.executable).parent), str(folder)
    for command in commands:
        command = command.replace("kcat.conf", str(file)).replace("team-pay", name).replace(" -G ", " -e -q -G ")
        done = subprocess.run(
            ["bash", "-c", "\n".join(["set -e", *newer_library, command])],
            env={**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}", "HOME": home},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert [message for message in _MESSAGES if message in done.stdout] == _MESSAGES
        assert _TAKEN_BACK not in done.stdout
        assert ("kunobs-source=filebeat/0/1/" in done.stdout) == (" -C " in command)


_JAVA = """
import sys
import jpype
library, jars, properties, topic, count = sys.argv[1:]
jpype.startJVM(library, classpath=jars.split(":"), convertStrings=True)
read = jpype.JClass("java.util.Properties")()
read.load(jpype.JClass("java.io.FileReader")(properties))
consumer = jpype.JClass("org.apache.kafka.clients.consumer.KafkaConsumer")(read)
consumer.subscribe(jpype.JClass("java.util.List").of(topic))
seen = []
polls = 0
while len(seen) < int(count) and polls < 60:
    for record in consumer.poll(jpype.JClass("java.time.Duration").ofSeconds(1)):
        seen.append(bytes(record.value()).decode())
    polls += 1
consumer.commitSync()
consumer.close()
print("\\n".join(seen))
"""


def test_java(shop: tuple[str, Path], stack: LocalStack) -> None:
    """The page's properties, read by Kafka's own Java client; without read_committed it would see what was taken back."""
    name, folder = shop
    file = _properties("Java", name, folder)
    service = stack.broker("tenant")
    arguments = service._java("64m")
    launcher, jars = Path(arguments[0]), arguments[arguments.index("-cp") + 1]
    library = launcher.resolve().parent.parent / "lib" / "server" / "libjvm.so"

    def read(count: int) -> str:
        done = run_python("-c", _JAVA, str(library), jars, str(file), f"kun.logs.{name}", str(count))
        assert done.returncode == 0, done.stderr
        return done.stdout

    shown = read(len(_MESSAGES))
    assert [message for message in _MESSAGES if message in shown] == _MESSAGES
    assert _TAKEN_BACK not in shown
    file.write_text(file.read_text().replace("read_committed", "read_uncommitted").replace(".java", ".java2"))
    assert _TAKEN_BACK in read(len(_MESSAGES) + 1)


def test_options_of_the_commands_exist() -> None:
    """Every option that the pages show is one of `kunobs tail` or `kunobs search`."""
    known = {
        name: set(re.findall(r"--[a-z-]+", run_python("-m", "kunobs", name, "--help").stdout))
        for name in ("tail", "search")
    }
    for command, rest in re.findall(r"^\$ kunobs (tail|search) (.*)$", _TENANTS, re.MULTILINE):
        assert set(re.findall(r"(?<![\w-])--[a-z-]+", rest)) <= known[command], rest
    assert len(known["tail"]) > 8


def test_the_example_of_a_test_passes() -> None:
    """As a tenant would run it."""
    done = run_python("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_errors_per_minute.py", cwd=_EXAMPLES)
    assert done.returncode == 0, done.stdout
