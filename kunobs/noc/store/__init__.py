"""What the relay knows, on disk before anybody is told that it was accepted.

port        what the rest of the relay asks for: changes, reads
sqlite      one file, one writing thread, commits shared by all changes that wait
postgres    a PostgreSQL database, by the same port
open        which of them the configuration means; reader: beside a running relay, reading only
timers      what has to be done later
migrate     the schema, by Alembic; migrations/versions holds its changes
journal     what was decided and done, each entry sealed over the one before
"""
