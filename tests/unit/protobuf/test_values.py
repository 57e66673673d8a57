"""Values whose JSON is not what is on the wire, and fields that come in unusual ways."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from wire_bytes import f, message, varint

from kapiserver.resources.protobuf import Messages, WireError

CORE = "io.k8s.api.core.v1."
META = "io.k8s.apimachinery.pkg.apis.meta.v1."
PROPS = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps"


def read(messages: Messages, definition: str, *fields: bytes) -> dict[str, Any]:
    return messages.get(definition).read(message(*fields))


def test_zero_is_absent_unless_the_client_must_have_meant_it(messages: Messages) -> None:
    spec = "io.k8s.api.apps.v1.DeploymentSpec"
    assert read(messages, spec, f(1, 0), f(5, 0), f(7, 0)) == {"replicas": 0}
    assert read(messages, CORE + "Container", f(1, ""), f(2, ""), f(8, b"")) == {
        "name": "",
        "resources": {},
    }


def test_the_last_value_of_a_field_counts(messages: Messages) -> None:
    assert read(messages, META + "ObjectMeta", f(1, "a"), f(1, "b")) == {"name": "b"}
    assert read(messages, META + "ObjectMeta", f(1, "a"), f(1, "")) == {}
    assert read(messages, META + "ObjectMeta", f(7, 5), f(7, 0)) == {}


def test_a_message_that_comes_twice_is_merged(messages: Messages) -> None:
    pod = read(messages, CORE + "Pod", f(1, f(1, "a")), f(1, f(3, "ns")))
    assert pod == {"metadata": {"name": "a", "namespace": "ns"}}


def test_negative_numbers_are_ten_bytes(messages: Messages) -> None:
    container = CORE + "ContainerStateTerminated"
    assert read(messages, container, f(1, -1), f(2, -128)) == {"exitCode": -1, "signal": -128}
    assert read(messages, CORE + "PodSpec", f(4, -(2**63))) == {
        "terminationGracePeriodSeconds": -(2**63)
    }


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (message(f(1, 0), f(2, 8080), f(3, "")), 8080),
        (message(f(1, 0), f(2, -1), f(3, "")), -1),
        (message(f(1, 1), f(2, 0), f(3, "50%")), "50%"),
        (message(f(1, 1)), ""),
        (b"", 0),
    ],
)
def test_an_int_or_string_is_one_of_them(
    messages: Messages, sent: bytes, expected: int | str
) -> None:
    assert read(messages, CORE + "ServicePort", f(4, sent))["targetPort"] == expected


def test_quantities_are_text(messages: Messages) -> None:
    requests = (f(2, message(f(1, "cpu"), f(2, f(1, "100m")))), f(2, message(f(1, "x"), f(2, b""))))
    assert read(messages, CORE + "ResourceRequirements", *requests) == {
        "requests": {"cpu": "100m", "x": "0"}
    }


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (message(f(1, 1_700_000_000), f(2, 999)), "2023-11-14T22:13:20Z"),
        (message(f(1, -1), f(2, 0)), "1969-12-31T23:59:59Z"),
        (message(f(1, 0), f(2, 0)), "1970-01-01T00:00:00Z"),
        (message(f(1, -62_135_596_799)), "0001-01-01T00:00:01Z"),
    ],
)
def test_times_are_utc_in_whole_seconds(messages: Messages, sent: bytes, expected: str) -> None:
    assert read(messages, META + "ObjectMeta", f(8, sent)) == {"creationTimestamp": expected}


def test_a_time_that_is_not_set_is_absent(messages: Messages) -> None:
    never = f(1, -62_135_596_800)
    assert read(messages, META + "ObjectMeta", f(8, b""), f(9, b""), f(8, never)) == {}


def test_micro_times_have_six_digits(messages: Messages) -> None:
    sent = message(f(1, 1_700_000_000), f(2, 1_234_999))
    found = read(messages, "io.k8s.api.coordination.v1.LeaseSpec", f(3, sent))
    assert found == {"acquireTime": "2023-11-14T22:13:20.001234Z"}


def test_bytes_are_base64(messages: Messages) -> None:
    entry = message(f(1, "k"), f(2, b"\x00\xff"))
    assert read(messages, CORE + "Secret", f(2, entry)) == {"data": {"k": "AP8="}}
    assert read(messages, CORE + "Secret", f(2, f(1, "empty"))) == {"data": {"empty": ""}}


def test_lists_in_maps_are_messages(messages: Messages) -> None:
    extra = message(f(1, "scopes"), f(2, message(f(1, "a"), f(1, "b"))))
    found = read(messages, "io.k8s.api.authentication.v1.UserInfo", f(4, extra))
    assert found == {"extra": {"scopes": ["a", "b"]}}


def test_lists_of_numbers_come_packed_or_one_by_one(messages: Messages) -> None:
    context = CORE + "PodSecurityContext"
    assert read(messages, context, f(4, 1), f(4, -2), f(4, varint(3) + varint(4))) == {
        "supplementalGroups": [1, -2, 3, 4]
    }


def test_embedded_json_is_an_object_again(messages: Messages) -> None:
    revision = "io.k8s.api.apps.v1.ControllerRevision"
    assert read(messages, revision, f(2, f(1, '{"a":[1]}')), f(3, 4)) == {
        "data": {"a": [1]},
        "revision": 4,
    }
    assert read(messages, revision, f(2, b"")) == {}
    with pytest.raises(WireError, match="embedded JSON"):
        read(messages, revision, f(2, f(1, "{")))


def test_schemas_of_custom_resources_have_unions_and_any_json(messages: Messages) -> None:
    text = f(5, "string")
    found = read(
        messages,
        PROPS,
        f(2, "http://x"),
        f(8, f(1, "5")),
        varint(9 << 3 | 1) + struct.pack("<d", 2.0),
        varint(11 << 3 | 1) + struct.pack("<d", -0.5),
        f(20, f(1, '"a"')),
        f(20, f(1, "null")),
        f(24, f(1, text)),
        f(29, message(f(1, "p"), f(2, f(24, message(f(2, text), f(2, text)))))),
        f(30, f(1, 1)),
        f(32, message(f(1, "d"), f(2, message(f(2, "x"), f(2, "y"))))),
        f(33, message(f(1, 1), f(2, text))),
    )
    assert found == {
        "$schema": "http://x",
        "default": 5,
        "maximum": 2,
        "minimum": -0.5,
        "enum": ["a", None],
        "items": {"type": "string"},
        "properties": {"p": {"items": [{"type": "string"}, {"type": "string"}]}},
        "additionalProperties": True,
        "dependencies": {"d": ["x", "y"]},
        "additionalItems": {"type": "string"},
    }
    assert read(messages, PROPS, f(30, f(1, 0))) == {"additionalProperties": False}


def test_messages_that_are_inlined_in_json_are_flat(messages: Messages) -> None:
    volume = message(f(1, "v"), f(2, f(2, f(1, ""))))
    assert read(messages, CORE + "Volume", volume) == {"name": "v", "emptyDir": {}}
    rule = message(f(1, "CREATE"), f(2, message(f(1, "apps"), f(3, "deployments"))))
    named = "io.k8s.api.admissionregistration.v1.NamedRuleWithOperations"
    assert read(messages, named, f(1, "web"), f(2, rule)) == {
        "resourceNames": ["web"],
        "operations": ["CREATE"],
        "apiGroups": ["apps"],
        "resources": ["deployments"],
    }


def test_fields_of_newer_clients_are_skipped(messages: Messages) -> None:
    newer = message(
        f(1000, "text"),
        f(1001, 7),
        varint(1002 << 3 | 1) + b"12345678",
        varint(1003 << 3 | 5) + b"1234",
        varint(1004 << 3 | 3) + f(1, 1) + f(2, "x") + varint(1004 << 3 | 4),
    )
    assert read(messages, META + "ObjectMeta", newer, f(1, "a")) == {"name": "a"}


def test_text_that_is_not_utf8_is_still_text(messages: Messages) -> None:
    assert read(messages, META + "ObjectMeta", f(1, b"a\xff")) == {"name": "a\ufffd"}
