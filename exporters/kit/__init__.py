"""The exporter kit: a collector in, an exporter out that no dependency can make fail a scrape.

exporter      Exporter and Collector: what somebody who writes an exporter declares
context       what a collector is given: deadline, parameters, detail, emit
budget        how many series and bytes a collector may emit, and what is left out above that
flight        one collector: collected once for all who ask at a time, its deadline, what is stuck
answer        a scrape: collectors side by side, their families and the five of every exporter
requests      collect[], exclude[], name[], detail, target, module, debug: what a scrape asks for
child         a blocking call in a child process that is killed at the deadline
exposition, check    what is wrong with an exposition: `kunobs exporter check`
process       `kunobs exporter NAME…`: configuration, server, life cycle
"""

from exporters.kit.context import Context, DeadlineError
from exporters.kit.exporter import Collector, Exporter, Limits
from kunobs.catalogue.types import Label, MetricSpec
from kunobs.server.columns import Distribution

__all__ = ["Collector", "Context", "DeadlineError", "Distribution", "Exporter", "Label", "Limits", "MetricSpec"]
