"""`kunobs dashboards prove`: every panel's query is run against series of every known metric.

macros     `$__rate_interval` and the variables, filled in as Grafana does with "All"
wanted     the label values that queries ask for
world      two hours of every known metric: labels from its evidence or declaration, values that move
blocks     the world as blocks of a Prometheus, which is started on them
verdicts   error, empty, constant or ok; and once more at a time without any series, where it must be empty
"""
