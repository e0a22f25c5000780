"""`kunobs rules lint`: what is wrong with rule files, without a server.

source     files → rules, each with the line it stands on
context    what a check is given: the rule, its parsed query, the catalogue or none
checks     every check by its name, in the order they are run
  queries    of the query alone: windows, counters, gauges, comparisons, absent, what can never be true, dead matchers
  matching   of two sides: labels that can never be equal, many-to-many; shapes says which labels a side has
  names      metrics and labels that the catalogue does not know
  versions   what Prometheus 2.42 and 3.x understand differently
  rules      of the rule beside its query: names, labels, annotations, templates, duplicates, order
finding    what was found, shown with the line and a caret
"""
