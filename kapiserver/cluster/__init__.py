"""The cluster below the API: its nodes' status, members, join tokens and backups.

Comes in: administrators' requests below /kapi/v1/, and machines that want to join. These are not
Kubernetes resources: they answer also when the API's own objects are in a bad state.
"""
