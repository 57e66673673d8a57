"""Bytes that are not what they say: refused with a text, never with anything else."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wire_bytes import MAGIC, body, f, message, varint

from kapiserver.api.body import BodyError, parse_body
from kapiserver.api.negotiation import PROTOBUF
from kapiserver.errors import BadRequest
from kapiserver.resources.protobuf import Messages, WireError, open_envelope

POD = "io.k8s.api.core.v1.Pod"
PROPS = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps"
RECORDED = orjson.loads(Path(__file__).with_name("kubectl_bodies.json").read_bytes())
JOB = open_envelope(base64.b64decode(RECORDED[-3]["body"])).raw


def test_a_body_needs_its_envelope() -> None:
    prefix = (
        "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"
    )
    for data, problem in [
        (b"", "empty data"),
        (b"{}", prefix),
        (b"k8s", prefix),
        (MAGIC, "empty body"),
        (MAGIC + b"\x0a\x05ab", "unexpected EOF"),
        (MAGIC + b"\x0a", "unexpected EOF"),
        (MAGIC + b"\x0c", "proto: Unknown: illegal tag 1 (wire type 4)"),
    ]:
        with pytest.raises(WireError) as caught:
            open_envelope(data)
        assert str(caught.value) == problem


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"\x0a", "unexpected EOF"),
        (b"\x0a\x05\x0a", "unexpected EOF"),
        (b"\x0a\x02\x0a\x09abcdefghi", "unexpected EOF"),
        (b"\x80", "unexpected EOF"),
        (b"\xff" * 11, "proto: integer overflow"),
        (b"\x0a" + varint(1 << 63), "proto: negative length found during unmarshaling"),
        (b"\x08\x01", "proto: wrong wireType = 0 for field Metadata"),
        (b"\x0c", "proto: Pod: wiretype end group for non-group"),
        (b"\x00\x01", "proto: Pod: illegal tag 0 (wire type 0)"),
        (varint(100 << 3 | 7), "proto: illegal wireType 7"),
        (f(1, f(8, f(1, 1 << 60))), "timestamp out of range"),
    ],
)
def test_what_is_wrong_with_a_message_is_said_as_go_says_it(
    messages: Messages, raw: bytes, problem: str
) -> None:
    with pytest.raises(WireError) as caught:
        messages.get(POD).read(raw)
    assert str(caught.value) == problem


def test_nesting_has_a_bound(messages: Messages) -> None:
    raw = b""
    for _ in range(20_000):
        raw = f(28, raw)
        if len(raw) > 100_000:
            break
    with pytest.raises(WireError, match="exceeded max depth"):
        messages.get(PROPS).read(raw)


def test_numbers_that_json_cannot_say_are_refused(messages: Messages) -> None:
    with pytest.raises(WireError, match="unsupported value"):
        messages.get(PROPS).read(varint(9 << 3 | 1) + b"\x00\x00\x00\x00\x00\x00\xf8\x7f")
    with pytest.raises(WireError, match="unexpected EOF"):
        messages.get(PROPS).read(varint(9 << 3 | 1) + b"\x00")


def test_the_error_names_the_kind_that_was_sent(messages: Messages) -> None:
    message_of = messages.get(POD)
    with pytest.raises(BadRequest) as caught:
        parse_body(body("v1", "Pod", b"\x0a"), PROTOBUF, strict=True, message=message_of)
    assert caught.value.message == (
        'Pod in version "v1" cannot be handled as a Pod: unexpected EOF'
    )
    with pytest.raises(BodyError) as unread:
        parse_body(b"{}", PROTOBUF, strict=True, message=message_of)
    assert unread.value.problem.startswith("provided data does not appear to be a protobuf")


def outcome(messages: Messages, definition: str, raw: bytes) -> Any:
    try:
        return orjson.dumps(messages.get(definition).read(raw))
    except WireError as error:
        return str(error)


@settings(max_examples=300, deadline=None)
@given(cut=st.integers(0, len(JOB)), at=st.integers(0, len(JOB) - 1), bits=st.integers(1, 255))
def test_damaged_bodies_are_read_or_refused(
    messages: Messages, cut: int, at: int, bits: int
) -> None:
    damaged = bytearray(JOB)
    damaged[at] ^= bits
    job = "io.k8s.api.batch.v1.Job"
    outcome(messages, job, bytes(damaged))
    outcome(messages, job, JOB[:cut])


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(raw=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(messages: Messages, raw: bytes) -> None:
    for definition in (POD, PROPS, "io.k8s.api.core.v1.Secret"):
        outcome(messages, definition, raw)
    for data in (raw, MAGIC + raw, body("v1", "Pod", message(f(1, raw)))):
        try:
            open_envelope(data)
        except WireError:
            continue


def test_lists_have_a_bound_while_they_are_read(messages: Messages) -> None:
    """An empty item takes two bytes."""
    many = b"\x12\x00" * 50_001
    args = b"\x22\x00" * 250_001
    spec, container = varint(2 << 3 | 2), varint(2 << 3 | 2)
    for raw in (
        spec + varint(len(many)) + many,
        f_long(2, container + varint(len(args)) + args),
    ):
        with pytest.raises(WireError, match="more than 50000 objects or 250000 values"):
            messages.get(POD).read(raw)
    fewer = many[:-2]
    pod = messages.get(POD).read(spec + varint(len(fewer)) + fewer)
    assert len(pod["spec"]["containers"]) == 50_000


def f_long(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data
