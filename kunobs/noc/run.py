"""The process: configuration → store, policy, server, threads; a reload replaces the policy; a drain lets attempts end."""

from __future__ import annotations

import resource
import signal
import threading
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from prometheus_client import CollectorRegistry

from kunobs import log, service
from kunobs.catalogue.metrics import Metrics
from kunobs.clock import SYSTEM_CLOCK
from kunobs.config import Config, find_config, load, redacted
from kunobs.config.noc.root import NocConfig
from kunobs.errors import ConfigError, KunobsError
from kunobs.log import get_logger, repeated
from kunobs.memory import few_arenas, few_collections
from kunobs.noc.admin.socket import AdminSocket
from kunobs.noc.channels.build import Channels
from kunobs.noc.decide.policy import Policy
from kunobs.noc.housekeeping import Housekeeping
from kunobs.noc.ingest import LARGEST
from kunobs.noc.metrics import NocMetrics
from kunobs.noc.pages import Pages
from kunobs.noc.relay import Relay, signing_secret
from kunobs.noc.runner import Runner
from kunobs.noc.store.open import open_store
from kunobs.noc.store.port import StoreUnavailable

SECTIONS = ("log", "server", "noc")
_log = get_logger("noc")


def start(config_file: Path | None) -> int:
    """Run until told to stop; the exit code. Raises ConfigError."""
    found = find_config(config_file)
    config = load(found, sections=SECTIONS)
    log.setup(config.log.level)
    for note in config.notes:
        _log.warning("configuration", note=note)
    _many_files(config.noc.max_connections)
    few_arenas()
    process = _Process(found, config)
    shown = redacted(config)
    serve = service.Serve(
        listen=config.noc.listen,
        registry=process.registry,
        config={name: shown[name] for name in SECTIONS},
        web_config_file=config.server.web_config_file,
        max_connections=config.noc.max_connections,
        idle_timeout=config.server.idle_timeout,
        max_body=LARGEST,
        routes=process.pages.routes(),
    )
    return service.run("noc", process.main, drain_timeout=config.noc.drain_timeout + 5, serve=serve)


class _Process:
    def __init__(self, config_file: Path | None, config: Config) -> None:
        self._file = config_file
        self._config = config.noc
        self.registry = CollectorRegistry()
        self._metrics = NocMetrics(Metrics(self.registry, "noc"))
        self._channels = Channels(SYSTEM_CLOCK)
        self._reload = threading.Event()
        self.pages = Pages(self._metrics)

    def main(self, life: service.Lifecycle) -> None:
        """From an open store to a closed one."""
        signal.signal(signal.SIGHUP, lambda *_: self._reload.set())
        store = open_store(place(self._config))
        try:
            secret = signing_secret(store)
            relay = Relay(
                store, Policy(self._config, self._channels.build(self._config.channels), secret), SYSTEM_CLOCK
            )
            if store.dialect == "sqlite":
                relay.reclaim()
            runner = Runner(relay, self._metrics)
            keeper = Housekeeping(relay, self._metrics)
            with AdminSocket(self._config.socket, relay, lambda: self.reload(relay, runner)):
                keeper.listen()
                runner.start()
                self.pages.open(relay, lambda: life.stopping)
                few_collections()
                life.ready()
                while not life.wait(1.0):
                    self._turn(life, relay, runner, keeper)
                # The server goes on answering 503 until the process ends.
                keeper.close()
                if not runner.stop(min(self._config.drain_timeout, life.remaining)):
                    _log.warning("attempts were still under way; they are made again after their lease")
        finally:
            store.close()

    def _turn(self, life: service.Lifecycle, relay: Relay, runner: Runner, keeper: Housekeeping) -> None:
        if self._reload.is_set():
            self._reload.clear()
            try:
                self.reload(relay, runner)
            except KunobsError as error:
                _log.error("the configuration is wrong, the old one stays", error=str(error), hint=error.hint)
        try:
            keeper.turn()
        except StoreUnavailable as trouble:
            repeated(_log, "housekeeping", "the store does not answer", reason=str(trouble), hint=trouble.hint)
            life.not_ready(f"the store does not answer: {trouble.kind}")
        else:
            life.ready()

    def reload(self, relay: Relay, runner: Runner) -> None:
        """Read the file again; raises ConfigError, and then everything stays as it was."""
        try:
            config = load(self._file, sections=SECTIONS).noc
            _unchangeable(self._config, config)
            policy = Policy(config, self._channels.build(config.channels), signing_secret(relay.store))
        except KunobsError:
            self._metrics.reloads.labels("failed").inc()
            raise
        policy.stirred.update(policy.channels)
        self._config, relay.policy = config, policy
        runner.renew()
        self._metrics.reloads.labels("done").inc()
        _log.info("configuration loaded again")


def place(config: NocConfig) -> str:
    """Where the data is: the folder, or the URL with its password."""
    password = config.data_password.reveal()
    if "://" not in config.data or not password:
        return config.data
    parts = urlsplit(config.data)
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}"))


def _unchangeable(before: NocConfig, after: NocConfig) -> None:
    keys = ("listen", "data", "max_connections")
    changed = [key for key in keys if getattr(before, key) != getattr(after, key)]
    if changed:
        raise ConfigError(
            f"noc.{changed[0]} cannot change while the relay runs", hint="restart it: systemctl restart kunobs-noc"
        )


def _many_files(connections: int) -> None:
    """As many open files as connections need, as far as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + 512
    if soft < wanted:
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        if allowed < wanted:
            _log.warning(
                "too few open files", allowed=allowed, wanted=wanted, hint="LimitNOFILE= of the unit, or ulimit -n"
            )
