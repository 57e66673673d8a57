"""pysyncobj's SyncObj, taken in: its own copy of the module's globals, and names for its state.

In: the pinned `pysyncobj.syncobj.SyncObj` (a test pins the hash of its source). Out:
`IsolatedSyncObj`, a true subclass whose inherited methods see our clock, no poller, no journal
file, no name resolution, no serializer, and a `pickle` that refuses. The imported module itself
is not changed, so another user of pysyncobj in this process is not affected.

SyncObj keeps its state under name-mangled attributes; the accessors below are the only words
that the other rooms use for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any, Final, NoReturn
from zlib import crc32

from pysyncobj import syncobj as _module
from pysyncobj.config import SERIALIZER_STATE, SyncObjConf
from pysyncobj.node import Node
from pysyncobj.syncobj import SyncObj

FOLLOWER: Final = 0
CANDIDATE: Final = 1
LEADER: Final = 2

# The first byte of a log entry: what kind of command follows.
REGULAR: Final = b"\x00"
NO_OP: Final = b"\x01"
MEMBERSHIP: Final = b"\x02"


class Peer(Node):  # type: ignore[misc]
    """A node as SyncObj knows it: an id. The hash does not depend on PYTHONHASHSEED, so that
    sets of peers are walked in the same order in every run of a simulation."""

    def __init__(self, node_id: str) -> None:
        super().__init__(node_id)
        self._hash = crc32(node_id.encode())

    def __hash__(self) -> int:
        return self._hash


class _Clock:
    """The clock of the core that is running now. Cores are synchronous, so there is one."""

    now: Callable[[], float] = staticmethod(float)


class _NoPickle:
    """Stands where SyncObj finds `pickle`: nothing is ever loaded from bytes that way."""

    @staticmethod
    def loads(*_args: object) -> NoReturn:
        raise AssertionError("pickle is not used in raftstore")

    dumps = load = dump = to_bytes = loads


class _NoSerializer:
    """Stands for SyncObj's dump file, which is never written or read here."""

    def __init__(self, *_args: object) -> None:
        pass

    def checkSerializing(self) -> tuple[int, None]:  # noqa: N802
        return SERIALIZER_STATE.NOT_SERIALIZING, None

    def cancelTransmisstion(self, _node: Node) -> None:  # noqa: N802
        pass


class _NoPoller:
    def poll(self, _timeout: float) -> None:
        pass


class _NoResolver:
    def setTimeouts(self, *_args: object) -> None:  # noqa: N802
        pass

    def setPreferredAddrFamily(self, *_args: object) -> None:  # noqa: N802
        pass


_GLOBALS: Final = {
    **vars(_module),
    "monotonicTime": lambda: _Clock.now(),
    "createPoller": lambda _kind: _NoPoller(),
    "createJournal": lambda journal: journal,
    "globalDnsResolver": _NoResolver,
    "Serializer": _NoSerializer,
    "pickle": _NoPickle,
    "PIPE_NOTIFIER_ENABLED": False,
}


def _with_our_globals(function: FunctionType) -> FunctionType:
    return FunctionType(
        function.__code__,
        _GLOBALS,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )


_BoundSyncObj: Any = type(
    "BoundSyncObj",
    (SyncObj,),
    {
        name: _with_our_globals(value)
        for name, value in vars(SyncObj).items()
        if isinstance(value, FunctionType)
    },
)


class IsolatedSyncObj(_BoundSyncObj):  # type: ignore[misc]
    """SyncObj with our globals. `_enter` must be called before any inherited method that asks
    for the time."""

    _clock: Callable[[], float]

    def _start_stock(
        self,
        *,
        clock: Callable[[], float],
        node: Peer,
        others: Iterable[Peer],
        conf: SyncObjConf,
        transport: object,
    ) -> None:
        self._clock = clock
        self._enter()
        _BoundSyncObj.__init__(self, node, others, conf, nodeClass=Peer, transport=transport)

    def _enter(self) -> None:
        _Clock.now = self._clock

    # ---- names for SyncObj's state
    @property
    def _state(self) -> int:
        return int(self._SyncObj__raftState)

    @property
    def _leader(self) -> Peer | None:
        leader: Peer | None = self._SyncObj__raftLeader
        return leader

    @_leader.setter
    def _leader(self, leader: Peer | None) -> None:
        self._SyncObj__raftLeader = leader

    @property
    def term(self) -> int:
        return int(self._SyncObj__raftCurrentTerm)

    @property
    def commit_index(self) -> int:
        return int(self._SyncObj__raftCommitIndex)

    @property
    def applied_index(self) -> int:
        return int(self._SyncObj__raftLastApplied)

    @applied_index.setter
    def applied_index(self, index: int) -> None:
        self._SyncObj__raftLastApplied = index

    @property
    def _voters(self) -> set[Peer]:
        """The other voters: those that count in elections and commits."""
        voters: set[Peer] = self._SyncObj__otherNodes
        return voters

    @property
    def _learners(self) -> set[Peer]:
        """The other learners: SyncObj's read-only nodes, which get entries and count nowhere."""
        learners: set[Peer] = self._SyncObj__readonlyNodes
        return learners

    @property
    def _connected(self) -> set[Peer]:
        connected: set[Peer] = self._SyncObj__connectedNodes
        return connected

    @property
    def _match_index(self) -> dict[Peer, int]:
        match: dict[Peer, int] = self._SyncObj__raftMatchIndex
        return match

    @property
    def _last_response(self) -> dict[Peer, float]:
        response: dict[Peer, float] = self._SyncObj__lastResponseTime
        return response

    @property
    def _election_deadline(self) -> float:
        return float(self._SyncObj__raftElectionDeadline)

    @_election_deadline.setter
    def _election_deadline(self, when: float) -> None:
        self._SyncObj__raftElectionDeadline = when

    @property
    def _transfer_ordered(self) -> bool:
        """The leader asked us (timeout_now) to campaign at once."""
        return bool(self._SyncObj__transferInProgress)

    @_transfer_ordered.setter
    def _transfer_ordered(self, ordered: bool) -> None:
        self._SyncObj__transferInProgress = ordered

    @property
    def _noop_index(self) -> int:
        """The entry with which this leadership began."""
        return int(self._SyncObj__noopIDx or 0)

    def _set_commit_index(self, index: int) -> None:
        self._SyncObj__raftCommitIndex = index
        self._SyncObj__raftLog.setRaftCommitIndex(index)

    def _set_term(self, term: int, voted_for: str | None = None) -> None:
        self._SyncObj__setCurrentTerm(term, voted_for)

    def _become(self, state: int) -> None:
        self._SyncObj__setState(state)

    def _new_election_timeout(self) -> float:
        return float(self._SyncObj__generateRaftTimeout())
