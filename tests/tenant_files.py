"""A tenant's file with everything in it."""

PAYMENTS = """\
owner: team-payments
scrape:
  - {name: api, selector: {app: api}, port: metrics}
probes:
  - {name: shop, target: "https://pay.example.com/healthz", module: https}
slos:
  - name: api
    target: 0.999
    total: http_requests_total{app="api"}
    errors: http_requests_total{app="api", code=~"5.."}
rules:
  - alert: QueueGrows
    expr: sum by (queue) (queue_length) > 1000
    for: 10m
    summary: {zh: "队列 {queue} 积压 {value}", en: "Queue {queue} holds {value}"}
  - record: namespace:jobs:rate5m
    expr: sum(rate(jobs_total[5m]))
"""
