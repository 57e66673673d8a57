"""Bodies to objects: what is refused, what is only warned of, and in whose words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kapiserver.errors import BadRequest
from kapiserver.resources.schema import Decoded, SchemaSet, decode_object
from kapiserver.resources.schema.reading import (
    Unreadable,
    duplicate_fields,
    has_duplicates,
    read_yaml,
)


def decode(schemas: SchemaSet, body: bytes | str, kind: str = "Pod", **options: Any) -> Decoded:
    return decode_object(
        body.encode() if isinstance(body, str) else body,
        kind=kind,
        group_version="v1",
        validator=schemas.validator(f"io.k8s.api.core.v1.{kind}"),
        **options,
    )


BODY = '{"metadata":{"name":"a"},"spec":{"foo":1,"hostname":"x","hostname":"y"}}'


def test_warn_drops_unknown_fields_and_says_so(schemas: SchemaSet) -> None:
    obj, warnings = decode(schemas, BODY)
    assert obj == {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"name": "a"},
        "spec": {"hostname": "y"},
    }
    assert warnings == ('unknown field "spec.foo"', 'duplicate field "spec.hostname"')


def test_ignore_says_nothing(schemas: SchemaSet) -> None:
    assert decode(schemas, BODY, field_validation="Ignore").warnings == ()


def test_strict_refuses_in_upstreams_words(schemas: SchemaSet) -> None:
    with pytest.raises(BadRequest) as caught:
        decode(schemas, BODY, field_validation="Strict")
    assert caught.value.message == (
        'Pod in version "v1" cannot be handled as a Pod: strict decoding error: '
        'unknown field "spec.foo", duplicate field "spec.hostname"'
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            '{"spec":{"containers":1}}',
            'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal number into Go '
            "struct field PodSpec.spec.containers of type []v1.Container",
        ),
        (
            "",
            "the object provided is unrecognized (must be of type Pod): couldn't get version/kind; "
            "json parse error: unexpected end of JSON input (<empty>)",
        ),
        (
            '{"a":1,}',
            "the object provided is unrecognized (must be of type Pod): couldn't get version/kind; "
            "json parse error: invalid character '}' looking for beginning of object key string "
            '({"a":1,})',
        ),
        (
            "nonsense",
            "the object provided is unrecognized (must be of type Pod): couldn't get version/kind; "
            "json parse error: invalid character 'n' looking for beginning of value "
            "(6e6f6e73656e7365)",
        ),
        (
            '{"apiVersion":"v2"}',
            "the API version in the data (v2) does not match the expected API version (v1)",
        ),
    ],
)
def test_what_cannot_be_read_is_a_bad_request(schemas: SchemaSet, body: str, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        decode(schemas, body)
    assert caught.value.message == message


@pytest.mark.parametrize(
    "body", ["[]", '"x"', "1", '{"kind":1}', '{"kind":"Node"}', "[" * 5000, b"\xff", "{" * 5000]
)
def test_other_bodies_are_bad_requests_too(schemas: SchemaSet, body: str | bytes) -> None:
    with pytest.raises(BadRequest):
        decode(schemas, body)


keys = st.text(':"\\{}[],ab\n', max_size=5)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), keys),
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(keys, below, max_size=3)),
    max_leaves=12,
)


@given(st.dictionaries(keys, values, max_size=4), st.sampled_from([None, 1]), st.booleans())
def test_bodies_without_duplicate_keys_have_none(
    obj: dict[str, Any], indent: int | None, ascii_only: bool
) -> None:
    body = json.dumps(obj, indent=indent, ensure_ascii=ascii_only).encode()
    assert not has_duplicates(body, obj)
    assert duplicate_fields(body) == ()


@given(st.dictionaries(keys, values, min_size=1, max_size=4))
def test_a_duplicate_key_is_always_noticed(obj: dict[str, Any]) -> None:
    key = next(iter(obj))
    body = json.dumps(obj)[:-1] + f",{json.dumps(key)}:1}}"
    assert has_duplicates(body.encode(), {**obj, key: 1})
    assert key in duplicate_fields(body.encode())


def test_yaml_becomes_what_its_json_would_be(schemas: SchemaSet) -> None:
    body = """
apiVersion: v1
kind: Pod
metadata:
  labels: &labels {a: b}
spec:
  nodeSelector:
    <<: *labels
    c: d
  priority: 1.0
  containers:
  - name: a
    command: ["yes", on]
"""
    obj, warnings = decode(schemas, body, yaml=True)
    assert warnings == ()
    assert obj["spec"] == {
        "nodeSelector": {"a": "b", "c": "d"},
        "priority": 1,
        "containers": [{"name": "a", "command": ["yes", "on"]}],
    }


def test_an_alias_bomb_is_refused() -> None:
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(Unreadable):
        read_yaml("\n".join(lines).encode())


@pytest.mark.parametrize("body", ["a: [", "a: 1\na: 2", "a: 1\n---\nb: 2", "a: .inf", "? [a]\n: b"])
def test_bad_yaml_is_refused(schemas: SchemaSet, body: str) -> None:
    with pytest.raises(BadRequest):
        decode(schemas, body, yaml=True)


def test_a_body_that_is_too_deep_is_refused_and_one_just_below_is_not(schemas: SchemaSet) -> None:
    def revision(depth: int) -> bytes:
        return b'{"revision":1,"data":{"x":' + b"[" * depth + b"]" * depth + b"}}"

    def read(body: bytes) -> Decoded:
        return decode_object(
            body,
            kind="ControllerRevision",
            group_version="apps/v1",
            validator=schemas.validator("io.k8s.api.apps.v1.ControllerRevision"),
            field_validation="Ignore",
        )

    json.dumps(read(revision(250)).obj)
    with pytest.raises(BadRequest, match="exceeded max depth"):
        read(revision(300))


def test_deep_schemas_of_custom_resources_do_not_exhaust_the_stack(schemas: SchemaSet) -> None:
    crd = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition"
    for field in ("not", "items", "additionalProperties"):
        deep: dict[str, Any] = {"type": "string", "unknown": 1}
        for _ in range(400):
            deep = {field: deep}
        obj = {"spec": {"versions": [{"schema": {"openAPIV3Schema": deep}}]}}
        error = schemas.validator(crd).check(obj).error
        assert error in ("", "exceeded max depth")
