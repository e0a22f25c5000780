"""Reading a namespace's logs: the library for a tenant's own program, and `kunobs tail` and `kunobs search`.

credentials, access   what `<namespace>.credentials.yaml` says, and where it is found
profiles, event       a record's bytes -> `Event`, decoded when first asked
connect, trouble      opens a Kafka consumer; what its errors mean to a tenant
progress, starts      offsets handled and committed, lines seen before; where a partition begins
intake                partitions coming and going, and what comes out of them
consumer              `LogConsumer`, the loop around all that
parsers/              JSON, logfmt, access logs, regular expressions: str -> `Parsed`
tail, search          lines of the topic, hits of the log search
terminal, render      event -> text that is safe to print
commands              the command line
"""

from kunobs.client.access import Access, find_access
from kunobs.client.consumer import LogConsumer
from kunobs.client.event import Event, Source
from kunobs.client.starts import Start

__all__ = ["Access", "Event", "LogConsumer", "Source", "Start", "find_access"]
