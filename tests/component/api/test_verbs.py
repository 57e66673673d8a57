"""The small print of the verbs: what is compared, what is wiped, and in which words it is told."""

from __future__ import annotations

from typing import Any

import pytest
from api_world import Api, config_map

MAPS = "/api/v1/namespaces/default/configmaps"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"


def labelled(name: str, **metadata: Any) -> dict[str, Any]:
    sent = config_map(name)
    sent["metadata"].update(metadata)
    return sent


async def test_a_revision_on_create_is_found_last(api: Api) -> None:
    sent = labelled("a", resourceVersion="5")
    refused = (await api.post(MAPS, sent)).json
    assert (refused["code"], "reason" in refused) == (500, False)
    assert refused["message"] == "resourceVersion should not be set on objects to be created"
    assert (await api.post(f"{MAPS}?dryRun=All", sent)).status == 201
    # what is no number is none
    assert (await api.post(MAPS, labelled("a", resourceVersion="-1"))).status == 201


async def test_a_revision_that_is_no_number(api: Api) -> None:
    await api.post(MAPS, config_map("a"))
    refused = (await api.put(f"{MAPS}/a", labelled("a", resourceVersion="abc"))).json
    assert (refused["code"], "reason" in refused) == (500, False)
    assert refused["message"] == 'strconv.ParseUint: parsing "abc": invalid syntax'


async def test_the_uid_of_a_put_is_compared_before_the_revision(api: Api) -> None:
    uid = (await api.post(MAPS, config_map("a"))).json["metadata"]["uid"]
    answer = await api.put(f"{MAPS}/a", labelled("a", uid="other", resourceVersion="1"))
    assert answer.status == 409
    assert answer.json["message"] == (
        'Operation cannot be fulfilled on configmaps "a": StorageError: invalid object, Code: 4, '
        "Key: /registry/configmaps/default/a, ResourceVersion: 0, AdditionalErrorMsg: Precondition "
        f"failed: UID in precondition: other, UID in object meta: {uid}"
    )


async def test_a_put_of_an_object_that_is_gone_is_told_by_its_uid(api: Api) -> None:
    """Controllers that hold an object read it anew after a conflict; without a uid it is a 404."""
    assert (await api.put(f"{MAPS}/a", labelled("a", resourceVersion="1"))).status == 404
    gone = "UID in precondition: u, UID in object meta: "
    answer = await api.put(f"{MAPS}/a", labelled("a", uid="u", resourceVersion="1"))
    assert answer.status == 409
    assert answer.json["message"].endswith(gone)
    pods = "/api/v1/namespaces/default/pods/p/status"
    answer = await api.put(pods, {"metadata": {"name": "p", "uid": "u"}})
    assert (answer.status, answer.json["message"].endswith(gone)) == (409, True)
    scale = "/apis/apps/v1/namespaces/default/deployments/d/scale"
    answer = await api.put(scale, {"metadata": {"name": "d", "uid": "u"}})
    assert (answer.status, answer.json["message"].endswith(gone)) == (409, True)
    # a patch has no precondition
    assert (await api.patch(f"{MAPS}/a", {"metadata": {"uid": "u"}})).status == 404


async def test_a_put_that_creates_expects_no_revision(api: Api) -> None:
    lease = {"metadata": {"name": "l", "resourceVersion": "7"}, "spec": {}}
    assert (await api.put(f"{LEASES}/l", lease)).status == 201
    lease["metadata"] = {"name": "m", "uid": "u"}
    refused = await api.put(f"{LEASES}/m", lease)
    assert refused.status == 409
    assert refused.json["message"].endswith("UID in precondition: u, UID in object meta: ")


async def test_system_fields_of_a_new_object_belong_to_nobody(api: Api) -> None:
    sent = labelled("a", uid="mine", deletionTimestamp="2001-01-01T00:00:00Z", selfLink="x")
    sent["data"] = {"x": "1"}
    metadata = (await api.post(MAPS, sent)).json["metadata"]
    assert metadata["uid"] != "mine"
    assert "deletionTimestamp" not in metadata
    assert metadata["managedFields"][0]["fieldsV1"] == {"f:data": {".": {}, "f:x": {}}}


async def test_nobody_marks_an_object_as_deleted_by_writing_it(api: Api) -> None:
    await api.post(MAPS, config_map("a"))
    when = "2001-01-01T00:00:00Z"
    refused = await api.patch(f"{MAPS}/a", {"metadata": {"deletionTimestamp": when}})
    assert refused.status == 422
    assert refused.json["message"] == (
        f'ConfigMap "a" is invalid: metadata.deletionTimestamp: Invalid value: "{when}": field is '
        "immutable"
    )


async def test_finalizers_say_whose_they_are(api: Api) -> None:
    refused = await api.post(MAPS, labelled("a", finalizers=["orphan", "mine"]))
    assert refused.status == 422
    assert refused.json["message"] == (
        'ConfigMap "a" is invalid: metadata.finalizers[1]: Invalid value: "mine": name is neither '
        "a standard finalizer name nor is it fully qualified"
    )
    # but not everywhere
    lease = {"metadata": {"name": "l", "finalizers": ["mine"]}, "spec": {}}
    assert (await api.post(LEASES, lease)).status == 201


@pytest.mark.parametrize(("patching", "when"), [(False, ""), (True, " after mutating admission")])
async def test_duplicate_owners_are_told_when_they_are_found(
    api: Api, patching: bool, when: str
) -> None:
    uid = (await api.post(MAPS, config_map("owner"))).json["metadata"]["uid"]
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}
    sent = labelled("a", ownerReferences=[owner, owner])
    if patching:
        await api.post(MAPS, config_map("a"))
        answer = await api.patch(f"{MAPS}/a", sent)
    else:
        answer = await api.post(MAPS, sent)
    assert answer.json["metadata"]["ownerReferences"] == [owner]
    start = f".metadata.ownerReferences contains duplicate entries{when}"
    assert answer.warnings[0].startswith(f'299 - "{start}')


async def test_a_method_that_is_not_there(api: Api) -> None:
    refused = await api.put(MAPS, config_map("a"))
    assert refused.json == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "the server does not allow this method on the requested resource",
        "reason": "MethodNotAllowed",
        "details": {},
        "code": 405,
    }


async def test_who_asks_for_a_table_of_what_is_deleted_gets_a_status(api: Api) -> None:
    await api.post(MAPS, config_map("a"))
    table = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    answer = await api.delete(f"{MAPS}/a", headers=table)
    assert (answer.status, answer.json["kind"]) == (200, "Status")


async def test_an_apply_config_of_nothing_is_of_no_type(api: Api) -> None:
    answer = await api.patch(f"{MAPS}/a?fieldManager=me", b" ", "application/apply-patch+yaml")
    assert answer.json["message"] == "invalid object type: /, Kind="


async def test_long_warnings_are_cut_when_there_are_many(api: Api) -> None:
    alone = await api.post(MAPS, {**config_map("a"), "x" * 300: 1})
    assert len(alone.warnings[0]) > 300
    many = await api.post(MAPS, {**config_map("b"), **{f"{'x' * 300}{n}": 1 for n in range(30)}})
    texts = [warning.removeprefix('299 - "').removesuffix('"') for warning in many.warnings]
    assert len(texts) == 16
    assert {len(text.replace("\\", "")) for text in texts} == {256}


async def test_an_empty_dry_run_is_no_dry_run_and_no_write(api: Api) -> None:
    refused = await api.post(f"{MAPS}?dryRun=", config_map("a"))
    assert refused.status == 422
    assert refused.json["message"].endswith(
        'dryRun: Unsupported value: [""]: supported values: "All"'
    )
    assert (await api.get(f"{MAPS}/a")).status == 404


async def test_what_is_wrong_with_the_options_of_a_delete_is_told_in_order(api: Api) -> None:
    sent = {"dryRun": ["Some"], "propagationPolicy": "Sideways", "orphanDependents": True}
    refused = await api.delete(f"{MAPS}/a", sent)
    fields = [cause["field"] for cause in refused.json["details"]["causes"]]
    assert fields == ["propagationPolicy", "propagationPolicy", "dryRun"]


async def test_an_event_that_says_the_same_is_not_written(api: Api) -> None:
    events = "/api/v1/namespaces/default/events"
    sent = {"metadata": {"name": "e"}, "involvedObject": {"namespace": "default"}, "message": "m"}
    made = (await api.post(events, sent)).json
    assert (await api.put(f"{events}/e", made)).json == made
