"""Encode once: the stamp lands in the object's own resourceVersion, whatever the object holds."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kapiserver.errors import BadRequest
from kapiserver.storage.codec import encode, restamp, strip_revision
from kapiserver.storage.keys import KeySpace, resource_of

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["resourceVersion", "metadata", "a", "kind"]), inner)
    ),
    max_leaves=10,
)
objects = st.fixed_dictionaries(
    {
        "spec": json_values,
        "apiVersion": st.just("v1"),
        "metadata": st.fixed_dictionaries(
            {
                "annotations": st.dictionaries(st.text(max_size=5), st.text(max_size=30)),
                "name": st.sampled_from(['a"resourceVersion":"', "plain"]),
                "resourceVersion": st.just("17"),
            }
        ),
        "kind": st.just("Thing"),
    }
)


def stamped(obj: dict[str, Any], revision: int) -> bytes:
    encoded = encode(obj)
    return encoded.value[: encoded.stamp] + b"%d" % revision + encoded.value[encoded.stamp :]


@given(objects, st.integers(1, 10**12))
def test_the_stored_bytes_are_the_object_with_its_new_revision(
    obj: dict[str, Any], revision: int
) -> None:
    expected = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(revision)}}
    assert orjson.loads(stamped(obj, revision)) == expected


@given(objects, st.integers(1, 10**12), st.integers(1, 10**12))
def test_restamp_changes_the_revision_and_nothing_else(
    obj: dict[str, Any], old: int, new: int
) -> None:
    assert restamp(stamped(obj, old), new) == stamped(obj, new)
    assert strip_revision(stamped(obj, old)) == encode(obj).value


def test_what_json_cannot_hold_is_a_bad_request() -> None:
    with pytest.raises(BadRequest, match="cannot be encoded"):
        encode({"kind": "K", "apiVersion": "v1", "metadata": {"name": "a"}, "x": 2**70})


@pytest.mark.parametrize("segment", ["", ".", "..", "a/b", "a%2fb"])
def test_a_name_that_leaves_its_folder_is_refused(segment: str) -> None:
    keys = KeySpace("pods", namespaced=True)
    with pytest.raises(BadRequest, match=r"path segment|Name parameter invalid"):
        keys.key("default", segment)
    with pytest.raises(BadRequest, match="path segment"):
        keys.key(segment, "a")
    if segment:
        with pytest.raises(BadRequest, match="path segment"):
            keys.range_prefix(segment)


def test_keys_name_their_resource() -> None:
    keys = KeySpace("deployments.apps", namespaced=True)
    key = keys.key("default", "web")
    assert key == b"/registry/deployments.apps/default/web"
    assert resource_of(key) == b"deployments.apps"
    assert keys.split(key) == ("default", "web")
    assert resource_of(b"/kapi/join-tokens/x") == b""
