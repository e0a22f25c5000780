"""The operator's way in: a local socket of the running relay, and the commands that use it or read the store beside it.

commands  `kunobs noc …`           socket  who writes asks the relay, so that the store has one writer
verbs     what may be asked        story   an incident as people read it, from the journal
"""
