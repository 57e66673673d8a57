"""Deletes what no longer has an owner, and sees deletions with dependents through.

graph: who belongs to whom (pure) · verdict: what becomes of a dependent (pure) · queue: what is to
be looked at, and when again · feed: the changes that fill both · collector: the deeds.
"""

from kapiserver.controllers.garbage_collector.collector import GarbageCollector

__all__ = ["GarbageCollector"]
