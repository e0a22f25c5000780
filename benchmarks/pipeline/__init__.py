"""The pipeline's benchmark: both legs of kunobs against programs that do the same job.

corpus      what is sent: seeded Filebeat lines of 1.7 KB, every one of them distinct
bed         where: two Kafka clusters and an Elasticsearch node of its own, topics for each measurement
programs    who: kunobs and its peers (peers/ holds what we wrote for those), how each is started
farend      what arrived: topics are consumed, the index is asked; no program's own counter is believed
backlog     CPU and memory per event, and events a second, over a backlog that is laid before a stopped process
latency     from send to read_committed receipt at a fixed rate; sender is the process that sends
__main__    the runs in turn, the table, the result file
"""
