"""What is to be done about what came in; every decision is a change of the store and an entry of the journal.

incidents   alerts → incidents: new, again, a replica's copy, too late, resolved
"""
