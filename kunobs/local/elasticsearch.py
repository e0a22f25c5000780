"""A real Elasticsearch node on 127.0.0.1: the server's jars laid out as its home, run by `elasticsearch_node`."""

from __future__ import annotations

import re
import shutil
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from ruamel.yaml import YAML

from kunobs.errors import LocalStackError
from kunobs.local.ports import HOST
from kunobs.local.service import Service
from kunobs.local.tools import Tools

ELASTICSEARCH_VERSIONS = ("9.5.3", "8.19.21")
# The class files of 9.x are Java 21's.
_MINIMUM_JAVA = {"8": 17, "9": 21}

_LOG4J = """\
# Written by kunobs local at each start.
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd'T'HH:mm:ss.SSS}{UTC}Z %-5p %c{1}: %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
logger.deprecation.name = org.elasticsearch.deprecation
logger.deprecation.level = error
"""


@dataclass(frozen=True)
class ElasticsearchSettings:
    """Ports, and what a test may add: `extra` is laid over the node's own settings."""

    http_port: int
    transport_port: int
    extra: Mapping[str, str] = field(default_factory=dict)


class ElasticsearchService(Service):
    """One node that is its own master: the server without the distribution's x-pack, so no security and no ILM."""

    program: ClassVar[str] = "elasticsearch"
    title: ClassVar[str] = "Elasticsearch"
    ready_marker: ClassVar[bytes] = b"kunobs-local: node started"

    def __init__(
        self, name: str, folder: Path, version: str, tools: Tools, settings: ElasticsearchSettings, heap: str = "512m"
    ) -> None:
        super().__init__(name, folder, version, tools, heap)
        self.settings = settings

    @property
    def endpoint(self) -> str:
        """The node's URL."""
        return f"http://{HOST}:{self.settings.http_port}"

    @property
    def ports(self) -> tuple[int, ...]:
        return (self.settings.http_port, self.settings.transport_port)

    def prepare(self) -> list[str]:
        """Lay out config and modules, refuse another version's data, return the child process' command."""
        self._refuse_foreign_data()
        places = self.tools.jars(self.program, self.version)
        java = self.tools.java(_MINIMUM_JAVA[self.version.split(".")[0]])
        self.write_config()
        shutil.rmtree(self.folder / "modules", ignore_errors=True)
        for place, jars in places.items():
            if place != "lib":
                lay_out_module(self.folder / place, jars)
        (self.folder / "version").write_text(self.version)
        return [
            sys.executable,
            "-P",  # this folder's modules must not hide others of the same name
            str(Path(__file__).with_name("elasticsearch_node.py")),
            str(self.folder),
            self.version,
            str(java.library),
            self.heap,
            ":".join(map(str, places["lib"])),
        ]

    def write_config(self) -> None:
        """Write elasticsearch.yml and log4j2.properties."""
        config = self.folder / "config"
        config.mkdir(parents=True, exist_ok=True)
        with (config / "elasticsearch.yml").open("w", encoding="utf-8") as file:
            YAML().dump(self.values(), file)
        (config / "log4j2.properties").write_text(_LOG4J)

    def values(self) -> dict[str, str]:
        """The node's settings."""
        return {
            "cluster.name": f"kunobs-{self.stack}",
            "node.name": self.name,
            "discovery.type": "single-node",
            "network.host": HOST,
            "http.port": str(self.settings.http_port),
            "transport.port": str(self.settings.transport_port),
            "path.data": str(self.folder / "data"),
            "path.logs": str(self.folder / "logs"),
            # Above 95 % disk use, common on a laptop, Elasticsearch would make every index read-only.
            "cluster.routing.allocation.disk.threshold_enabled": "false",
        } | dict(self.settings.extra)

    def _refuse_foreign_data(self) -> None:
        marker = self.folder / "version"
        before = marker.read_text().strip() if marker.exists() else self.version
        if before != self.version and (self.folder / "data").exists():
            raise LocalStackError(
                f"the data of {self.name} was written by Elasticsearch {before}, not {self.version}",
                hint=f"kunobs local down --wipe --stack {self.stack}   # deletes its data; or use another stack",
            )


def lay_out_module(folder: Path, jars: list[Path]) -> None:
    """Make one of Elasticsearch's module folders: its jars, and the descriptor its own jar carries.

    The descriptor's module name is blanked: the node runs on the class path, not on Java's module path.
    """
    folder.mkdir(parents=True)
    for jar in jars:
        shutil.copy(jar, folder)
    name = folder.name
    own = next(jar for jar in jars if jar.name.startswith(f"{name}-"))
    prefix = f"META-INF/es-plugins/{name}/"
    with zipfile.ZipFile(own) as archive:
        for entry in archive.namelist():
            if entry.startswith(prefix) and not entry.endswith("/"):
                data = archive.read(entry)
                if entry.endswith("plugin-descriptor.properties"):
                    data = re.sub(rb"(?m)^modulename=.*$", b"modulename=", data)
                (folder / entry.rsplit("/", 1)[1]).write_bytes(data)
