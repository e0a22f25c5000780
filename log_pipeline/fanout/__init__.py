"""Fanout: the public Kafka -> a topic per namespace on the tenant Kafka. Read `run.py` first.

Source.take            a batch of the public topic (log_pipeline/source.py)
Planner.plan           each event -> topic, headers, outcome (log_pipeline/route.py decides)
Topics.ensure_logs     topics that do not exist yet, by policy
Delivery.write         original bytes to the tenant Kafka
Delivery.commit        exactly_once: one transaction holds the events and the next offsets (checkpoints.py)
                       at_least_once: wait for the brokers, then commit the group's offsets
an event refused       its transaction is aborted, it goes to its dead letters, the rest is written again
anything else wrong    drop what is open, wait, begin again at the checkpoint
"""
