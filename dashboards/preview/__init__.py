"""`kunobs dashboards preview`: pages of ours that show what the dashboards ask for, drawn with uPlot. They are not Grafana.

pages     the world in a Prometheus, every panel's query asked, a page for each dashboard with the answers in it
static    uPlot (MIT) and our script, which lays panels out on Grafana's 24 columns
"""
