"""How to reach a namespace's logs: what a credentials file or the platform's kunobs.yaml says, found and checked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kunobs.client.credentials import Credentials, read_credentials
from kunobs.client.profiles import PROFILES, Profile
from kunobs.config import ElasticsearchConfig, KafkaCluster, find_config, load
from kunobs.errors import ConfigError, UsageError
from kunobs.names import Names, group_prefix, is_namespace

VARIABLE = "KUNOBS_CREDENTIALS"


@dataclass(frozen=True)
class Access:
    """Addresses, names and rights for one namespace; `origin` is where they come from."""

    namespace: str
    kafka: KafkaCluster
    topic: str
    dead_letters: str
    group_prefix: str
    elasticsearch: ElasticsearchConfig | None
    profile: Profile
    origin: str


def find_access(
    namespace: str,
    credentials: Path | None = None,
    *,
    config: Path | None = None,
    search: bool = False,
    environ: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> Access:
    """Access from `credentials`, $KUNOBS_CREDENTIALS, <namespace>.credentials.yaml in `directory`, or kunobs.yaml.

    The first that is there counts. Raises UsageError for what is no namespace or not that of the file, ConfigError when
    nothing is found or a file is wrong. `search` says that Elasticsearch is needed; without it that part of kunobs.yaml
    is not looked at.
    """
    if not is_namespace(namespace):
        raise UsageError(f"{namespace!r} is not a namespace", hint="lower case letters, digits and -, as in team-pay")
    environ = os.environ if environ is None else environ
    directory = Path() if directory is None else directory
    here = directory / f"{namespace}.credentials.yaml"
    if credentials is None and environ.get(VARIABLE):
        credentials = Path(environ[VARIABLE])
    if credentials is None and here.exists():
        credentials = here
    if credentials is not None:
        return _from_file(namespace, credentials, search)
    return _from_config(namespace, here, config, search, environ, directory)


def _from_file(namespace: str, path: Path, search: bool) -> Access:
    found: Credentials = read_credentials(path)
    if found.namespace != namespace:
        hint = f"ask for {found.namespace}, or name the file of {namespace} with --credentials"
        raise UsageError(f"{path} is for namespace {found.namespace}, not {namespace}", hint=hint)
    if search and found.elasticsearch is None:
        hint = f"the logs can still be read with: kunobs tail {namespace} --credentials {path}"
        raise ConfigError(f"{path}: elasticsearch: is missing, so there is nowhere to search", hint=hint)
    names = Names()
    return Access(
        namespace=namespace,
        kafka=found.cluster(),
        topic=found.topic or names.logs(namespace),
        dead_letters=found.dead_letters or names.dead_letters(namespace),
        group_prefix=found.group_prefix or group_prefix(namespace),
        elasticsearch=found.elasticsearch,
        profile=PROFILES[found.profile],
        origin=str(path),
    )


def _from_config(
    namespace: str, here: Path, config: Path | None, search: bool, environ: Mapping[str, str], directory: Path
) -> Access:
    try:
        path = find_config(config, environ=environ, directory=directory)
    except ConfigError:
        raise ConfigError(
            f"no credentials for {namespace}: neither --credentials nor ${VARIABLE} names a file, "
            f"and {here} does not exist",
            hint=f"ask the platform team for {here.name}; on a local stack: kunobs local tenant add {namespace}",
        ) from None
    loaded = load(path, environ=environ, sections=("kafka", "source", *(("elasticsearch",) if search else ())))
    names = Names(loaded.kafka.tenant.topic_prefix)
    return Access(
        namespace=namespace,
        kafka=loaded.kafka.tenant,
        topic=names.logs(namespace),
        dead_letters=names.dead_letters(namespace),
        group_prefix=group_prefix(namespace),
        elasticsearch=loaded.elasticsearch if search else None,
        profile=PROFILES[loaded.source.profile],
        origin=str(path),
    )
