"""The relay's benchmark: `kunobs noc` as it comes, against alerta-server, and against two real Alertmanagers in a storm.

payload        what is posted: an Alertmanager's body, each with an alert of its own that both programs take
load           a process of its own: posts at full speed or at a fixed rate, and is the provider that is called for it
processes      each program on its core, none that outlives the benchmark
servers        what is measured: how it is started and killed, and what its database holds afterwards
alerta         the peer: alerta-server under gunicorn with a PostgreSQL of its own
accept         one loaded run: posts a second, the time an answer takes, CPU, memory; killed under load, then its books
startup        how soon it is ready, and what it holds when it is idle
alertmanagers  two real Alertmanagers in a cluster
storm          thousands of groups at once, from both of them
__main__       the runs in turn, the table, the result file
"""
