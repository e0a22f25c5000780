"""For the tests of those who use kunobs; what is named here is public.

MemoryTopic, log_event    a tenant's topic in memory, read by the real `LogConsumer` (docs/client.md)
MemoryConsumer            the Kafka client beneath it
FakeClock                 time that stands still until a test moves it
wecom, wechat, smtp, gateway    strict providers on a loopback port: what people would have received (docs/noc.md)
noc.NocBench              a whole relay on a virtual clock, for tests of your own routes and ladders
EventGenerator            seeded lines as Filebeat 7, 8 and 9 write them, odd and hostile ones included
"""

from kunobs.testing.clock import FakeClock
from kunobs.testing.events import EventGenerator, Expected, Line
from kunobs.testing.kafka import MemoryConsumer, MemoryTopic, log_event

__all__ = ["EventGenerator", "Expected", "FakeClock", "Line", "MemoryConsumer", "MemoryTopic", "log_event"]
