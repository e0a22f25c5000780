"""What must keep saying that it lives: knowing when it is silent, without ever taking our own deafness for its silence.

plan            what a heartbeat has promised, from the configuration; expected: when a cron expression comes next
states          new, up, late, down, paused; deadlines are timers of the store
deadlines       after a start, a store that failed or a clock that was set, everything is held for one period
raised          the alerts about silence, always equal to the states
watchdog        alerts that always fire → heartbeats of Prometheus replicas
named, http     jobs that call a URL
ask             one question to a system that is watched
alertmanagers   each Alertmanager is asked for its status
reconcile       what no Alertmanager knows any more is over
audit, ping     whether we are well ourselves, and who outside hears of it
"""
