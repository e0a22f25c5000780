"""kunobs.yaml -> frozen models; every mistake reported at once, with its line and what to do.

find       which file
document   YAML -> plain data and the line of each key
environment  KUNOBS_<SECTION>__<KEY> over it
files      files that are named must be readable; secrets are taken out of theirs
kafka, elasticsearch, source, topics, fanout, indexer, log, server    a model for each section
root       all sections together
explain, places   what pydantic found -> FILE:LINE: key.path: what; hint
validate   plain data -> a model, or its mistakes
load       runs the above
schema, docs, redact   JSON Schema for editors, docs/config.md, the landing page
commands   `kunobs check`, `kunobs config`
"""

from kunobs.config.elasticsearch import ElasticsearchConfig
from kunobs.config.fanout import FanoutConfig
from kunobs.config.find import example_path, find_config
from kunobs.config.indexer import IndexConfig, IndexerConfig
from kunobs.config.kafka import KafkaCluster, KafkaConfig, SaslConfig, TenantKafkaCluster, TlsConfig
from kunobs.config.load import SECTIONS, load, load_text
from kunobs.config.log import LogConfig
from kunobs.config.quantities import Duration, Size, format_duration, format_size, parse_duration, parse_size
from kunobs.config.redact import redacted
from kunobs.config.root import Config
from kunobs.config.schema import schema
from kunobs.config.secret import Secret
from kunobs.config.server import ServerConfig
from kunobs.config.source import SourceConfig
from kunobs.config.texts import split_address
from kunobs.config.topics import TopicsConfig

__all__ = [
    "SECTIONS",
    "Config",
    "Duration",
    "ElasticsearchConfig",
    "FanoutConfig",
    "IndexConfig",
    "IndexerConfig",
    "KafkaCluster",
    "KafkaConfig",
    "LogConfig",
    "SaslConfig",
    "Secret",
    "ServerConfig",
    "Size",
    "SourceConfig",
    "TenantKafkaCluster",
    "TlsConfig",
    "TopicsConfig",
    "example_path",
    "find_config",
    "format_duration",
    "format_size",
    "load",
    "load_text",
    "parse_duration",
    "parse_size",
    "redacted",
    "schema",
    "split_address",
]
