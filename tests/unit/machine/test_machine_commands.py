"""The encoding of commands: golden bytes of format 1, and what is refused."""

from __future__ import annotations

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raftstore.errors import InvalidRequest, NewerFormat
from raftstore.machine import (
    ClearAlarm,
    Compact,
    LeaseGrant,
    LeaseKeepAlive,
    LeaseRevoke,
    Machine,
    Noop,
    Payload,
    SetAlarm,
    SetQuota,
    Txn,
    decode_command,
    encode_command,
)
from raftstore.types import Compare, Delete, Put, Range

ID = b"session-" + (7).to_bytes(8, "big")
ID_HEX = "c410" + ID.hex()

# Logs with these bytes exist: a change here is a change of the format.
GOLDEN: list[tuple[Payload, str]] = [
    (
        Txn((Compare(b"k", "mod", "=", 3),), (Put(b"k", b"v", 0, 1),), ()),
        "0195" + ID_HEX + "0191" + "94c4016b020003" + "91" + "9501c4016bc401760001" + "90",
    ),
    (
        Txn(
            (Compare(b"k", "value", "!=", b"x"), Compare(b"l", "lease", ">", 1)),
            (Delete(b"k"), Range(b"a", b"", 5)),
            (Delete(b"a", b"b"),),
        ),
        "0195" + ID_HEX + "0192" + "94c4016b0301c40178" + "94c4016c040301"
        "92" + "9302c4016bc0" + "9403c40161c40005" + "91" + "9302c40161c40162",
    ),
    (Compact(9), "0193" + ID_HEX + "0209"),
    (LeaseGrant(1, 60), "0194" + ID_HEX + "03013c"),
    (LeaseKeepAlive(1), "0193" + ID_HEX + "0401"),
    (LeaseRevoke(1), "0193" + ID_HEX + "0501"),
    (SetAlarm(), "0192" + ID_HEX + "06"),
    (ClearAlarm(), "0192" + ID_HEX + "07"),
    (SetQuota(100), "0193" + ID_HEX + "0864"),
    (Noop(), "0192" + ID_HEX + "09"),
]


@pytest.mark.parametrize(("payload", "golden"), GOLDEN)
def test_format_1_is_what_it_was(payload: Payload, golden: str) -> None:
    assert encode_command(ID, payload).hex() == golden
    assert decode_command(bytes.fromhex(golden)) == (ID, payload)


def raw(*fields: object) -> bytes:
    return b"".join((b"\x01", msgpack.packb([ID, *fields])))


@pytest.mark.parametrize(
    "command",
    [
        b"",
        b"x",
        b"\x01",
        b"\x01\xc1",
        b"\x01" + b"\x91" * 5000,
        b"\x01" + msgpack.packb([b"short", 9]),
        raw(),
        raw(99),
        raw("1"),
        raw(True),
        raw(2),
        raw(2, -1),
        raw(2, 1 << 63),
        raw(2, True),
        raw(2, 1, 1),
        raw(1, [], []),
        raw(1, [], [], {}),
        raw(1, [], [[1, b"k", "v", 0, -1]], []),
        raw(1, [], [[1, b"", b"v", 0, -1]], []),
        raw(1, [], [[1, b"k", b"v", 0, 2]], []),
        raw(1, [], [[1, b"k", b"v", 0]], []),
        raw(1, [], [[2, b"k", 1]], []),
        raw(1, [], [[4, b"k", None]], []),
        raw(1, [[b"k", 9, 0, 0]], [], []),
        raw(1, [[b"k", 3, 0, 0]], [], []),
        raw(1, [[b"k", 1, 0, b""]], [], []),
        raw(1, [], [[1, b"k", b"1", 0, -1], [1, b"k", b"2", 0, -1]], []),
        raw(1, [], [[1, b"k", b"1", 0, -1], [2, b"a", b""]], []),
        raw(1, [], [], [[2, b"a", b"c"], [2, b"b", None]]),
    ],
)
def test_a_command_that_breaks_the_schema_is_an_invalid_request(command: bytes) -> None:
    machine = Machine()
    applied = machine.apply(1, command)
    assert isinstance(applied.result, InvalidRequest)
    assert (machine.applied_index, machine.revision, applied.events) == (1, 0, ())


def test_a_command_of_a_later_format_stops_the_node() -> None:
    with pytest.raises(NewerFormat):
        Machine().apply(1, b"\x02" + encode_command(ID, Noop())[1:])


json_like = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.binary(max_size=3), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(st.text(), inner)),
)


@given(st.one_of(st.binary(), json_like.map(lambda fields: raw(1, fields, fields, fields))))
def test_no_bytes_raise(command: bytes) -> None:
    if command[:1] and 2 <= command[0] < 32:
        return
    Machine().apply(1, command)
    Machine().apply(1, b"\x01" + command)


def test_what_cannot_be_encoded_is_refused_before_it_is_proposed() -> None:
    with pytest.raises(InvalidRequest):
        encode_command(b"short", Noop())
    with pytest.raises(InvalidRequest):
        encode_command(ID, Compact(1 << 70))
    with pytest.raises(InvalidRequest):
        encode_command(ID, Txn((Compare(b"k", "mod", "~", 1),)))  # type: ignore[arg-type]
