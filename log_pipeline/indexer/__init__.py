"""Indexer: the public Kafka -> one Elasticsearch data stream per namespace. Read `run.py` first, it is the loop.

Source.take        a batch of the public topic (log_pipeline/source.py), or of the replay topic
assemble.py        event -> namespace, natural id, two lines of a bulk body; original bytes, never re-encoded
sender.py          threads: look-up where a rollover came between, compress, POST /_bulk, again what must be
outcome.py         what an answer means for an item: indexed, duplicate, retry, repair, dead letter
repair.py          a field that does not fit the mapping moves to the flattened field kunobs.repaired
generations.py     backing indices of each stream, and from which @timestamp on an event cannot be in an older one
lookup.py          no event twice, also when a rollover came between the bulk and the commit
dead_letter.py     what cannot be indexed goes to kun.dlq.<namespace> with the reason
template.py, lifecycle.py   the index template; rollover and retention by ILM or by ourselves
Watermark          offsets are committed up to the oldest bulk that is not finished
"""
