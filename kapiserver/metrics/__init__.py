"""What the node tells a Prometheus: requests, watches, the store and the Raft below.

Comes in: finished requests (a pipeline stage) and looks at the running parts when somebody
scrapes. Goes out: the text format. Names are upstream's where upstream has the metric.
"""
