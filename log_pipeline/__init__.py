"""The log pipeline: the topic agents write to in, topics per namespace and data streams out.

source.py     one consumer of one cluster: batches, pausing, rebalances, gaps
event.py      bytes -> the few fields that routing and ids need
route.py      fields -> deliver to a namespace | quarantine | unrouted
fanout/       -> `kun.logs.<namespace>` on the tenant Kafka      (process `kunobs fanout`)
indexer/      -> `logs-k8s-<namespace>` in Elasticsearch         (process `kunobs indexer`)
topics.py     makes topics by policy
headers.py    where an event came from and why it is where it is
"""
