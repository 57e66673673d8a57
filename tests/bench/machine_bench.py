"""CPU per operation of the state machine: `python tests/bench/machine_bench.py [keys]`.

Prints microseconds of process time. Run it twice and take the lower figures on a shared machine.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable

from raftstore.machine import Compact, Machine, Txn, encode_command
from raftstore.types import Compare, Put

SESSION = b"bench---"
VALUE = b"x" * 1000


def guarded_put(sequence: int, key: bytes, mod_revision: int) -> bytes:
    txn = Txn((Compare(key, "mod", "=", mod_revision),), (Put(key, VALUE, 0, 10),))
    return encode_command(SESSION + sequence.to_bytes(8, "big"), txn)


def measure(name: str, times: int, work: Callable[[], object]) -> None:
    began = time.process_time()
    work()
    print(f"{name:34s} {(time.process_time() - began) / times * 1e6:10.2f} µs")


def main(keys: int) -> None:
    machine = Machine()
    names = [b"/registry/things/%08d" % (i * 7919 % keys) for i in range(keys)]
    creates: list[bytes] = []
    updates: list[bytes] = []
    measure(
        "encode",
        keys,
        lambda: creates.extend([guarded_put(i + 1, key, 0) for i, key in enumerate(names)]),
    )
    updates.extend([guarded_put(keys + i + 1, key, i + 1) for i, key in enumerate(names)])

    def apply(commands: list[bytes]) -> None:
        for index, command in enumerate(commands, machine.applied_index + 1):
            machine.apply(index, command)

    measure("apply create", keys, lambda: apply(creates))
    gc.collect()
    gc.freeze()
    measure("apply update", keys, lambda: apply(updates))
    measure("get", keys, lambda: [machine.get(key) for key in names])
    start = b"/registry/things/%08d" % (keys // 2)
    measure(
        "range of 1,000 keys",
        10,
        lambda: [machine.range(start, b"", limit=1000) for _ in range(10)],
    )
    measure(
        "range of 1,000 keys, old revision",
        10,
        lambda: [machine.range(start, b"", limit=1000, revision=keys * 2 - 500) for _ in range(10)],
    )
    measure(
        "history of 1,000 events",
        10,
        lambda: [machine.history(b"", b"", keys, 1000) for _ in range(10)],
    )
    measure("state hash", 100, lambda: [machine.state_hash() for _ in range(100)])
    chunks: list[bytes] = []
    with machine.freeze() as frozen:
        measure("freeze and write, per key", keys, lambda: chunks.extend(frozen.chunks()))
    measure("thaw, per key", keys, lambda: Machine.thaw(chunks))
    machine.apply(machine.applied_index + 1, encode_command(b"", Compact(machine.revision - 1)))

    def reclaim() -> None:
        while machine.reclaim():
            pass

    measure("reclaim, per revision", keys * 2, reclaim)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
