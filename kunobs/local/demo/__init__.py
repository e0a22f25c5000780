"""`kunobs demo`: a seeded source or your own file through both legs, and books kept at the far end.

source    the seeded generator or an NDJSON file   -> records
stage     the stack, the topic, the children       -> the public Kafka's topic
watch     committed offsets, sampled latencies     -> a live table
oracle    what each record's fate must be, by a second and slow implementation
books     every topic consumed, the index queried  -> the summary
command   puts them in this order
"""
