"""The exporter `registry`: one primary Docker registry that is pushed to, and replicas in other regions that follow it.

probe      at each scrape, all regions at once: let in, pull a manifest and a blob, push; the mode
canary     at regular times: push to the primary, wait for the replicas
rounds     all the time, in each region: list all tags, HEAD all manifests, evenly spread (pacer)
state      what the rounds have read, and where a replica differs from the primary after both were read again
families   the state as metrics, with its ages; page: the differences themselves
region     the threads that the rounds run in
client     the requests; auth, timed, texts: let in, whole-answer timeouts, what an answer may hold
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from exporters.kit import Collector, Context, Exporter, Limits
from exporters.registry.canary import Canary
from exporters.registry.client import Client
from exporters.registry.families import Tags
from exporters.registry.page import PATH, differences
from exporters.registry.probe import Probe
from exporters.registry.region import Region
from exporters.registry.rounds import DigestRound, Round, TagRound
from exporters.registry.state import State
from kunobs.catalogue import registry as metrics
from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.config import Config
from kunobs.config.exporters.registry import RegistryConfig

NAME = "registry"


def build(config: Config) -> Exporter:
    """The exporter of `exporters.registry`; without regions it observes nothing."""
    return made_of(config.exporters.registry)


def made_of(config: RegistryConfig, clock: Clock = SYSTEM_CLOCK) -> Exporter:
    """The exporter of its section alone."""
    limits = Limits(config.timeout, config.min_interval, config.max_series, config.max_bytes)
    if not config.regions:
        families = (("probe", metrics.PROBE), ("tags", metrics.STATE), ("canary", metrics.CANARY))
        return Exporter(NAME, tuple(Collector(name, specs, _nothing) for name, specs in families), limits=limits)
    primary = next(name for name, region in config.regions.items() if region.role == "primary")
    replicas = tuple(name for name in config.regions if name != primary)
    state = State(
        primary,
        replicas,
        grace=config.grace,
        again=config.tag_interval,
        max_repositories=config.max_repositories,
        max_tags=config.max_tags,
        clock=clock,
    )
    clients = {name: Client(region, clock) for name, region in config.regions.items()}
    canary = None
    if config.canary.repository:
        canary = Canary(config.canary, clients[primary], {name: clients[name] for name in replicas}, clock)
    repository, _, tag = config.sample.rpartition(":")
    fixed = (repository, tag) if tag else None
    probe = Probe(
        clients,
        primary,
        lambda: fixed or state.sample(),
        upload_repository=config.upload_repository,
        canary=canary,
        clock=clock,
    )
    collectors = (
        Collector("probe", metrics.PROBE, probe.collect),
        Collector("tags", metrics.STATE, Tags(state, clock).collect),
        Collector("canary", metrics.CANARY, canary.collect if canary is not None else _nothing),
    )

    @contextmanager
    def running() -> Iterator[None]:
        stop = threading.Event()
        for name, client in clients.items():
            Region(name, rounds(config, state, name, client, clock), stop).start()
        if canary is not None:
            threading.Thread(target=canary.run, args=(stop,), name="kunobs-registry-canary", daemon=True).start()
        try:
            yield
        finally:
            stop.set()

    return Exporter(NAME, collectors, limits=limits, running=running, routes={PATH: differences(state, clock)})


def rounds(
    config: RegistryConfig, state: State, name: str, client: Client, clock: Clock = SYSTEM_CLOCK
) -> tuple[Round, ...]:
    """What goes on in a region between scrapes."""
    site, most = state.sites[name], config.max_heads_per_second
    lists = TagRound(site, state, client, most, clock, interval=config.tag_interval)
    heads = DigestRound(site, state, client, most, clock, interval=config.digest_interval, grace=config.grace)
    return lists, heads


def _nothing(ctx: Context) -> None:
    """Not configured."""
