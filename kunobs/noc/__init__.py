"""The NOC relay: an alert that was accepted reaches a person. Under construction: no command runs it yet.

a post      ingest (who, how much, which status) → accept (bytes to alerts) → decide (alerts to incidents)
is kept     store.sqlite: body, incidents and journal in one transaction, on disk before the answer
"""
