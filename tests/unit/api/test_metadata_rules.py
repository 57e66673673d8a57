"""ObjectMeta: what is filled in, kept and refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kapiserver.api import metadata as meta
from kapiserver.api.content import label_value, qualified_name
from kapiserver.errors import BadRequest
from kapiserver.resources.names import dns1123_subdomain


def check(**metadata: Any) -> list[str]:
    causes = meta.check_metadata(
        {"name": "a", "namespace": "n", **metadata}, namespaced=True, name_rule=dns1123_subdomain
    )
    return [f"{cause.field}: {cause.message}" for cause in causes]


@given(st.text("abc-", min_size=1, max_size=80))
def test_generated_names_keep_the_prefix_and_fit_a_label(prefix: str) -> None:
    name = meta.generated_name(prefix)
    assert len(name) == min(len(prefix), 58) + 5
    assert name.startswith(prefix[:58])
    assert set(name[-5:]) <= set("bcdfghjklmnpqrstvwxz2456789")


def test_a_well_formed_object_has_no_findings() -> None:
    assert (
        check(
            labels={"app": "x", "example.com/tier": ""},
            annotations={"Example.com/Note": "anything: at all"},
            finalizers=["example.com/hold"],
            ownerReferences=[
                {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u", "controller": True}
            ],
        )
        == []
    )


def test_findings_name_the_field() -> None:
    assert check(name="", generateName="")[0] == (
        "metadata.name: Required value: name or generateName is required"
    )
    assert check(namespace="Not_Valid")[0].startswith("metadata.namespace: Invalid value: ")
    assert check(generateName="Bad_")[0].startswith("metadata.generateName: Invalid value: ")
    assert check(generateName="fine-") == []
    assert check(finalizers=["orphan", "foregroundDeletion"])[-1].endswith(
        "finalizer orphan and foregroundDeletion cannot be both set"
    )
    assert check(annotations={"big": "x" * (256 << 10)}) == [
        "metadata.annotations: Too long: may not be more than 262144 bytes"
    ]


def test_owners() -> None:
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u"}
    missing = check(ownerReferences=[{**owner, "uid": ""}])
    assert missing == ['metadata.ownerReferences.uid: Invalid value: "": must not be empty']
    for version in ("", "/", "a/", "a/b/c"):
        (problem,) = check(ownerReferences=[{**owner, "apiVersion": version}])
        assert problem.endswith(
            f'apiVersion: Invalid value: "{version}": version must not be empty'
        )
    event = check(ownerReferences=[{**owner, "kind": "Event"}])
    assert "is disallowed from being an owner" in event[0]
    two = [{**owner, "controller": True}, {**owner, "uid": "v", "controller": True}]
    assert "Only one reference can have Controller set to true" in check(ownerReferences=two)[0]


def test_owners_are_shown_in_the_order_of_their_fields() -> None:
    (problem,) = check(
        ownerReferences=[{"uid": "u", "name": "e", "kind": "Event", "apiVersion": "v1"}]
    )
    assert problem.startswith(
        'metadata.ownerReferences: Invalid value: {"apiVersion":"v1","kind":"Event","name":"e",'
        '"uid":"u"}: '
    )


def test_owner_references_are_made_unique_with_a_warning() -> None:
    owners = [{"uid": "a", "name": "1"}, {"uid": "b"}, {"uid": "a", "name": "2"}]
    metadata: dict[str, Any] = {"ownerReferences": owners}
    assert "duplicate UID(s) observed: a" in meta.drop_duplicate_owners(metadata)
    assert [owner["uid"] for owner in metadata["ownerReferences"]] == ["a", "b"]
    assert meta.drop_duplicate_owners(metadata) == ""


def test_an_update_cannot_change_what_is_the_servers() -> None:
    old = {
        "metadata": {
            "name": "a",
            "uid": "u",
            "creationTimestamp": "2020-01-01T00:00:00Z",
            "generation": 4,
        }
    }
    new: dict[str, Any] = {"metadata": {"name": "a", "generation": 9, "selfLink": "/x"}}
    meta.begin_update(new, old)
    assert new["metadata"] == old["metadata"]
    assert meta.check_update(new["metadata"], old["metadata"]) == []
    changed = {**old["metadata"], "uid": "other"}
    (cause,) = meta.check_update(changed, old["metadata"])
    assert (cause.field, cause.message) == (
        "metadata.uid",
        'Invalid value: "other": field is immutable',
    )


def test_the_namespace_is_the_requests() -> None:
    metadata: dict[str, Any] = {}
    meta.match_namespace(metadata, "n")
    assert metadata == {"namespace": "n"}
    meta.match_namespace(metadata, "")
    assert metadata == {}
    with pytest.raises(BadRequest):
        meta.match_namespace({"namespace": "m"}, "n")


@pytest.mark.parametrize("key", ["a", "A.b-c_d", "example.com/a", "1/2", "x" * 63])
def test_good_label_keys(key: str) -> None:
    assert qualified_name(key) == ()


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("", "name part must be non-empty"),
        ("/a", "prefix part must be non-empty"),
        ("a/b/c", "a valid label key must consist of"),
        ("Upper.com/a", "prefix part a lowercase RFC 1123 subdomain must consist of"),
        ("-a", "name part must consist of alphanumeric characters"),
        ("x" * 64, "name part must be no more than 63 bytes"),
    ],
)
def test_bad_label_keys(key: str, problem: str) -> None:
    assert qualified_name(key)[0].startswith(problem)


def test_label_values() -> None:
    assert label_value("") == ()
    assert label_value("a.b_c-1") == ()
    assert label_value("a b")
    assert label_value("x" * 64) == ("must be no more than 63 bytes",)
    assert label_value("trailing\n")
