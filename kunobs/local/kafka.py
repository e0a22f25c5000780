"""A real single-node Apache Kafka (KRaft) on 127.0.0.1: its settings, its storage, its own command-line tools."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import ClassVar

from kunobs.config.kafka import TenantKafkaCluster
from kunobs.errors import LocalStackError
from kunobs.local.files import write_private
from kunobs.local.kafka_properties import ADMIN, KafkaSettings, broker_properties, escape_property, login
from kunobs.local.ports import HOST
from kunobs.local.service import Service
from kunobs.local.tools import Tools

# 4.3.0 to 4.4.0 (the newest in November 2026) forget to write a transaction's end into partitions whose leader is away at that
# moment, as after every crash of a single node: KAFKA-20734. Their readers then wait for ever.
KAFKA_VERSION = "4.2.2"
MINIMUM_JAVA = 17
# Start-up counts more than top speed: the optimising compiler would take the two cores a laptop has.
JVM_OPTIONS = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-XX:+ExitOnOutOfMemoryError")

_LOG4J = """\
# Written by kunobs local at each start. Without the next line the last words of a shutdown would be lost.
shutdownHook = disable
rootLogger.level = INFO
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{yyyy-MM-dd'T'HH:mm:ss.SSS}{UTC}Z %-5p %c{1}: %m%n
logger.config.name = org.apache.kafka.common.config
logger.config.level = WARN
logger.values.name = kafka.server.KafkaConfig
logger.values.level = WARN
logger.state.name = state.change.logger
logger.state.level = WARN
logger.storage.name = org.apache.kafka.storage.internals.log
logger.storage.level = WARN
logger.logs.name = kafka.log
logger.logs.level = WARN
"""


class KafkaService(Service):
    """One broker that is its own controller; `secure` ones ask for SCRAM-SHA-256 and check ACLs."""

    program: ClassVar[str] = "kafka"
    title: ClassVar[str] = "Apache Kafka"
    ready_marker: ClassVar[bytes] = b"Kafka Server started"

    def __init__(self, name: str, folder: Path, tools: Tools, settings: KafkaSettings, heap: str = "256m") -> None:
        super().__init__(name, folder, KAFKA_VERSION, tools, heap)
        self.settings = settings
        self.properties_file = folder / "server.properties"

    @property
    def endpoint(self) -> str:
        """`host:port` of the broker."""
        return f"{HOST}:{self.settings.client_port}"

    @property
    def ports(self) -> tuple[int, ...]:
        return (self.settings.client_port, self.settings.controller_port)

    def cluster(self) -> TenantKafkaCluster:
        """The configuration with which kunobs reaches this cluster as its administrator."""
        values: dict[str, object] = {"brokers": [self.endpoint]}
        if self.settings.password_file is not None:
            values["sasl"] = {"mechanism": "SCRAM-SHA-256", "username": ADMIN, "password": self.settings.password}
        return TenantKafkaCluster.model_validate(values)

    def prepare(self) -> list[str]:
        """Write server.properties and log4j2.properties, format a new data folder, and return the broker's command."""
        (self.folder / "log4j2.properties").write_text(_LOG4J)
        properties = broker_properties(self.settings, self.folder / "data")
        text = "".join(f"{key}={escape_property(value)}\n" for key, value in properties.items())
        write_private(self.properties_file, text)
        marker = self.folder / "formatted"
        if not marker.exists():
            shutil.rmtree(self.folder / "data", ignore_errors=True)  # a format that was interrupted
            self._format()
            marker.touch()
        return [*self._java(self.heap), "kafka.Kafka", str(self.properties_file)]

    def run_tool(self, main_class: str, *arguments: str) -> str:
        """Run one of Kafka's own commands, e.g. `kafka.admin.ConfigCommand` (2 s a call); returns what it printed.

        Raises LocalStackError with its output when it fails. Arguments go through a private file, not the process list.
        """
        argument_file = self.folder / "tmp" / f"tool-{os.getpid()}-{id(arguments)}.args"
        argument_file.parent.mkdir(parents=True, exist_ok=True)
        words = [*self._java("128m")[1:], main_class, *arguments]
        write_private(argument_file, "\n".join(_quote(word) for word in words))
        try:
            done = subprocess.run(
                [str(self.tools.java(MINIMUM_JAVA).launcher), f"@{argument_file}"],
                capture_output=True,
                text=True,
                cwd=self.folder,
                env={**self.tools.environ, "LC_ALL": "C.UTF-8"},
                check=False,
                timeout=120,
            )
        finally:
            argument_file.unlink(missing_ok=True)
        if done.returncode != 0:
            output = (done.stdout + done.stderr).strip()[-2000:]
            raise LocalStackError(f"{self.name}: {main_class} failed with exit status {done.returncode}:\n{output}")
        return done.stdout

    def client_properties(self) -> Path:
        """A private properties file with which Kafka's own commands log in as the administrator."""
        file = self.folder / "client.properties"
        lines = ["security.protocol=PLAINTEXT"]
        if self.settings.password_file is not None:
            lines = [
                "security.protocol=SASL_PLAINTEXT",
                "sasl.mechanism=SCRAM-SHA-256",
                f"sasl.jaas.config={login('scram.ScramLoginModule', self.settings.password)};",
            ]
        write_private(file, "\n".join(lines) + "\n")
        return file

    def _format(self) -> None:
        arguments = [
            "format",
            f"--cluster-id={self.settings.cluster_id}",
            "-c",
            str(self.properties_file),
            "--ignore-formatted",
        ]
        if self.settings.password_file is not None:
            arguments += ["--add-scram", f"SCRAM-SHA-256=[name={ADMIN},password={self.settings.password}]"]
        self.run_tool("kafka.tools.StorageTool", *arguments)

    def _java(self, heap: str) -> list[str]:
        jars = self.tools.jars(self.program, self.version)["lib"]
        return [
            str(self.tools.java(MINIMUM_JAVA).launcher),
            f"-Xmx{heap}",
            *JVM_OPTIONS,
            f"-Djava.io.tmpdir={self.folder / 'tmp'}",
            f"-Dlog4j2.configurationFile={self.folder / 'log4j2.properties'}",
            "-cp",
            ":".join(map(str, jars)),
        ]


def _quote(word: str) -> str:
    """A word as Java's argument files want it."""
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
