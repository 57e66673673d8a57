"""How the store's failures become answers, in one place.

`KeyExists` and `RevisionConflict` are for the verbs, which retry or turn them into a 409 with the
resource's name. Everything else a client sees as a Status: what certainly did not happen is
retriable (503, 429); an unknown outcome is a 504 that says so, and is never retried here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kapiserver import errors as api
from raftstore import errors as raft

if TYPE_CHECKING:
    from kapiserver.storage.object import StoredObject


class KeyExists(Exception):
    """A create met an object that is already there."""

    def __init__(self, existing: StoredObject) -> None:
        super().__init__(existing.name)
        self.existing = existing


class RevisionConflict(Exception):
    """A guarded write met another revision; `latest` is None when the object is gone."""

    def __init__(self, latest: StoredObject | None) -> None:
        super().__init__("the object has another revision")
        self.latest = latest


class GuardMoved(Exception):
    """An object that a write depends on is no longer at the revision that was looked at."""


@contextmanager
def as_status() -> Iterator[None]:
    """Turn raftstore's errors into the ApiError that a client should see."""
    try:
        yield
    except raft.Unknown as error:
        raise api.Timeout(
            "the outcome of the write is unknown: the connection to the leader was lost while it "
            "was in flight; read the object to see whether it was stored"
        ) from error
    except raft.NoLeader as error:
        raise api.ServiceUnavailable(
            "the cluster has no leader at the moment; the request was not carried out",
            retry_after=1,
        ) from error
    except raft.Overloaded as error:
        raise api.TooManyRequests(
            "the store has too many writes in flight, please try again later", retry_after=1
        ) from error
    except raft.RequestTooLarge as error:
        raise api.RequestEntityTooLarge(f"the object is too large to be stored: {error}") from error
    except raft.NoSpace as error:
        raise api.InternalError(
            "the database has reached its size limit: only reads and deletes are accepted until "
            "objects are deleted and the history is compacted, or --quota-backend-bytes is raised"
        ) from error
    except raft.MembershipError as error:
        raise api.Conflict(str(error)) from error
    except raft.Closed as error:
        raise api.ServiceUnavailable("the node is shutting down", retry_after=1) from error
    except raft.Refused as error:
        raise api.InternalError(f"the store refused the request: {error}") from error
