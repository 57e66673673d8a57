"""The pure, deterministic state machine: keys with revisions, guarded transactions, leases.

`Machine` applies the log and answers reads; `commands` is what the log carries; `FrozenState`
(`Machine.freeze`) and `Thaw` (`Machine.thaw`) are a machine's way into and out of a snapshot.
"""

from raftstore.machine.commands import (
    PROPOSAL_ID_BYTES,
    ClearAlarm,
    Compact,
    LeaseGrant,
    LeaseKeepAlive,
    LeaseRevoke,
    Noop,
    Payload,
    SetAlarm,
    SetQuota,
    Txn,
    decode_command,
    encode_command,
)
from raftstore.machine.frozen import FrozenState
from raftstore.machine.leases import Lease
from raftstore.machine.machine import Machine
from raftstore.machine.results import (
    AlarmResult,
    Applied,
    CompactResult,
    LeaseResult,
    NoopResult,
    Result,
)
from raftstore.machine.sessions import Limits
from raftstore.machine.state import Checkpoint, MachineConfig
from raftstore.machine.thaw import Thaw

__all__ = [
    "PROPOSAL_ID_BYTES",
    "AlarmResult",
    "Applied",
    "Checkpoint",
    "ClearAlarm",
    "Compact",
    "CompactResult",
    "FrozenState",
    "Lease",
    "LeaseGrant",
    "LeaseKeepAlive",
    "LeaseResult",
    "LeaseRevoke",
    "Limits",
    "Machine",
    "MachineConfig",
    "Noop",
    "NoopResult",
    "Payload",
    "Result",
    "SetAlarm",
    "SetQuota",
    "Thaw",
    "Txn",
    "decode_command",
    "encode_command",
]
