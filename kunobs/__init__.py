"""kunobs: logs, metrics and alerts for a shared, multi-tenant Kubernetes. This package is the core.

errors, log, clock, retry   what everything stands on
names                       the only place that builds a topic, stream, user or group name
config/                     kunobs.yaml -> frozen models; every mistake reported at once
catalogue/                  every metric we emit or query
server/, service            one HTTP server and one life cycle for every process
kafka, elastic              the only places that construct those clients
client/, testing/           public: for tenants' programs, for tests of users
local/                      real Kafka and Elasticsearch on a laptop
cli                         one subcommand per process
"""

__version__ = "0.1.0"
