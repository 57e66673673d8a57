"""Clients that use every verb of the API while the cluster is broken, and what they may see.

In: a cluster. Out: `Stuck` records: an answer that a client could not simply retry on
(`not-retriable`), or something acknowledged that is not there in the end (`acknowledged-lost`).
Every client writes objects of its own only, so that it knows what has to be there.
"""
