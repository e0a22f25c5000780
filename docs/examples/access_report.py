"""A nightly job: what was asked for since its last run, by status and path: python access_report.py team-pay

`idle` ends it once everything is read.
"""

from __future__ import annotations

import sys
from collections import Counter

from kunobs.client import LogConsumer
from kunobs.client.parsers import parse_access

requests: Counter[tuple[int, str]] = Counter()
others = 0
with LogConsumer(sys.argv[1], "access-report", idle=5.0) as events:
    for event in events:
        parsed = parse_access(event.message)
        if parsed:
            requests[parsed.fields["status"], parsed.fields["path"].partition("?")[0]] += 1
        else:
            others += 1

for (status, path), count in requests.most_common(20):
    print(f"{count:8} {status} {path}")
print(f"{others:8} other lines")
