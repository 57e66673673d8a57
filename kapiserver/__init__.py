"""A Kubernetes API server on trio, with its Raft store in the same process."""
