"""Redis topology: what every sentinel and every node says, compared; the numbers of a single node stay with redis_exporter.

build       configuration -> Exporter: a collector of all installations for /metrics, a target each for /probe
collector   one collection: installations side by side in an event loop of the collector's thread, then the rows
look        one installation: all that are configured at once, then those they announce
wire        one node: connect, log in, all commands in one go, bounded in time and bytes
words       replies -> views: what a sentinel or a node says, or that it is no such reply
facts       views of an installation -> rows: agreement, split brain, lag, slots, failovers, differences
declared    the file that says how an installation should be

Nothing is kept open between scrapes. A node that does not answer is something seen and a row; the collector fails only
where it did not look.
"""

from __future__ import annotations

from functools import partial

from exporters.kit import Collector, Exporter, Limits
from exporters.redis.collector import Observer
from exporters.redis.look import Installation
from exporters.redis.wire import Login, tls_of
from kunobs.catalogue import redis as catalogue
from kunobs.config import Config
from kunobs.config.exporters.redis import RedisClusterConfig


def build(config: Config) -> Exporter:
    """The exporter of `exporters.redis`; ConfigError when a certificate is none."""
    redis = config.exporters.redis
    observer = Observer(redis)
    installations = [_installation(name, one) for name, one in redis.clusters.items()]

    def collector(*these: Installation) -> Collector:
        return Collector("topology", catalogue.METRICS, partial(observer.collect, installations=these))

    return Exporter(
        "redis",
        (collector(*installations),),
        targets={one.name: (collector(one),) for one in installations},
        limits=Limits(redis.timeout, redis.min_interval, redis.max_series, redis.max_bytes),
    )


def _installation(name: str, config: RedisClusterConfig) -> Installation:
    tls = tls_of(config)
    server = Login(config.username, config.password, tls)
    sentinel = Login(config.sentinel_username, config.sentinel_password, tls)
    return Installation(name, config, {"server": server, "sentinel": sentinel})
