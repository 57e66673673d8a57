"""What clients see of the garbage collector: the three policies, several owners, odd references."""

from __future__ import annotations

from typing import Any

from gc_world import MAPS, Collected, config_map, reference

from kapiserver.resources.definition import ResourceDefinition, Version

CLASSES = "/apis/scheduling.k8s.io/v1/priorityclasses"
THINGS = "/apis/example.com/v1/namespaces/default/things"
CONTROLLERS = "/api/v1/namespaces/default/replicationcontrollers"
OTHER_MAPS = "/api/v1/namespaces/kube-public/configmaps"
EVENTS = "/api/v1/namespaces/default/events"

THING = ResourceDefinition(
    group="example.com",
    kind="Thing",
    plural="things",
    singular="thing",
    namespaced=True,
    versions=(Version("v1", "io.k8s.api.core.v1.ConfigMap"),),
    storage_version="v1",
)


async def test_background_deletion_takes_the_dependents_and_theirs(world: Collected) -> None:
    owner = await world.make(config_map("owner"))
    middle = await world.make(config_map("middle", reference(owner)))
    await world.make(config_map("leaf", reference(middle)))
    await world.make(config_map("bystander"))
    await world.delete("owner", "Background")
    assert await world.get("owner") is None  # at once
    await world.gone("middle")
    await world.gone("leaf")
    assert await world.get("bystander") is not None


async def test_foreground_deletion_keeps_the_owner_until_the_last(world: Collected) -> None:
    owner = await world.make(config_map("owner"))
    middle = await world.make(config_map("middle", reference(owner, blocks=True)))
    await world.make(
        config_map("leaf", reference(middle, blocks=True), finalizers=["example.com/hold"])
    )
    async with world.following() as follow:
        answer = await world.delete("owner", "Foreground")
        assert "foregroundDeletion" in answer["metadata"]["finalizers"]
        await world.until("leaf", lambda leaf: "deletionTimestamp" in leaf["metadata"])
        assert await world.get("owner") is not None  # both wait for the leaf
        assert await world.get("middle") is not None
        await world.api.patch(f"{MAPS}/leaf", {"metadata": {"finalizers": None}})
        await follow.until("owner", lambda event: event["type"] == "DELETED")
        assert follow.order_of_deletions() == ["leaf", "middle", "owner"]


async def test_foreground_deletion_waits_only_for_dependents_that_block(world: Collected) -> None:
    owner = await world.make(config_map("owner"))
    await world.make(config_map("loose", reference(owner), finalizers=["example.com/hold"]))
    await world.delete("owner", "Foreground")
    await world.gone("owner")
    await world.until("loose", lambda loose: "deletionTimestamp" in loose["metadata"])


async def test_orphaned_dependents_stay_without_the_reference(world: Collected) -> None:
    owner = await world.make(config_map("owner"))
    await world.make(config_map("a", reference(owner)))
    await world.make(config_map("b", reference(owner, blocks=True)))
    await world.delete("owner", "Orphan")
    await world.gone("owner")
    for name in ("a", "b"):
        found = await world.get(name)
        assert found is not None
        assert "ownerReferences" not in found["metadata"]


async def test_what_a_replication_controller_made_stays_unless_told_otherwise(
    world: Collected,
) -> None:
    owner = await world.make(replication_controller("owner"), CONTROLLERS)
    await world.make(config_map("kept", reference(owner)))
    answer = await world.api.delete(f"{CONTROLLERS}/owner")
    assert answer.json["metadata"]["finalizers"] == ["orphan"]
    await world.gone("owner", CONTROLLERS)
    kept = await world.get("kept")
    assert kept is not None
    assert "ownerReferences" not in kept["metadata"]


async def test_an_owner_that_lives_keeps_its_dependents(world: Collected) -> None:
    first, second = await world.make(config_map("one")), await world.make(config_map("two"))
    await world.make(config_map("shared", reference(first), reference(second)))
    await world.delete("one", "Background")
    shared = await world.until("shared", lambda o: len(o["metadata"]["ownerReferences"]) == 1)
    assert shared["metadata"]["ownerReferences"] == [reference(second)]
    await world.delete("two", "Background")
    await world.gone("shared")


async def test_an_owner_that_is_going_does_not_take_what_others_own(world: Collected) -> None:
    first, second = await world.make(config_map("one")), await world.make(config_map("two"))
    await world.make(config_map("shared", reference(first, blocks=True), reference(second)))
    await world.delete("one", "Foreground")
    await world.gone("one")
    shared = await world.get("shared")
    assert shared is not None
    assert shared["metadata"]["ownerReferences"] == [reference(second)]


async def test_an_owner_that_never_was(world: Collected) -> None:
    nobody = {"apiVersion": "v1", "kind": "ConfigMap", "name": "nobody", "uid": "1-2-3"}
    await world.make(config_map("orphan", nobody))
    await world.gone("orphan")


async def test_a_new_object_of_the_owners_name_is_not_the_owner(world: Collected) -> None:
    owner = await world.make(config_map("owner"))
    world.stop()
    await world.make(config_map("dependent", reference(owner)))
    await world.delete("owner", "Background")
    await world.make(config_map("owner"))
    world.start()
    await world.gone("dependent")
    assert await world.get("owner") is not None


async def test_an_owner_in_another_namespace_is_no_owner(world: Collected) -> None:
    owner = await world.make(config_map("owner"), OTHER_MAPS)
    await world.make(config_map("stray", reference(owner)))
    await world.gone("stray")
    (event,) = (await world.api.get(EVENTS)).json["items"]
    assert event["involvedObject"]["namespace"] == "default"
    assert event["message"] == (
        "ownerRef [v1/ConfigMap, namespace: default, name: owner, uid: "
        f'{owner["metadata"]["uid"]}] does not exist in namespace "default"'
    )


async def test_a_reference_in_a_version_nobody_serves_proves_nothing(world: Collected) -> None:
    """The owner is known to be gone; that the reference means it is not."""
    owner = await world.make(config_map("owner"))
    old = {**reference(owner), "apiVersion": "v1beta1"}
    await world.make(config_map("held", old))
    await world.make(config_map("dependent", reference(owner)))
    await world.delete("owner", "Background")
    await world.gone("dependent")
    assert await world.get("held") is not None


async def test_an_owner_that_was_seen_to_go_is_gone_when_its_kind_is_too(world: Collected) -> None:
    registry = world.api.services.scopes.registry
    registry.add(THING)
    thing = await world.make(
        {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "t"}}, THINGS
    )
    await world.make(config_map("dependent", reference(thing)))
    await world.delete("t", "Background", THINGS)
    await world.gone("dependent")
    registry.remove(THING)
    await world.make(config_map("other", {**reference(thing), "name": "u"}))
    await world.make(config_map("late", reference(thing)))
    await world.gone("late")
    assert await world.get("other") is not None


async def test_a_cluster_scoped_owner_owns_in_namespaces(world: Collected) -> None:
    owner = await world.make(priority_class("owner"), CLASSES)
    await world.make(config_map("dependent", reference(owner)))
    await world.delete("owner", "Background", CLASSES)
    await world.gone("dependent")


async def test_a_cluster_scoped_object_cannot_be_owned_from_a_namespace(world: Collected) -> None:
    owner = await world.make(config_map("owner"))
    await world.make(priority_class("global", reference(owner)), CLASSES)
    await world.delete("owner", "Background")
    async with world.following(EVENTS) as follow:
        with_reason = "OwnerRefInvalidNamespace"
        await follow.events.wait_for(1)
    event = follow.events.lines[0]["object"]
    assert (event["reason"], event["type"]) == (with_reason, "Warning")
    assert event["involvedObject"]["name"] == "global"
    assert owner["metadata"]["uid"] in event["message"]
    assert await world.get("global", CLASSES) is not None


async def test_an_owner_of_a_kind_nobody_serves_is_left_alone(world: Collected) -> None:
    unknown = {"apiVersion": "example.com/v1", "kind": "Thing", "name": "t", "uid": "1-2-3"}
    nobody = {"apiVersion": "v1", "kind": "ConfigMap", "name": "nobody", "uid": "4-5-6"}
    await world.make(config_map("held", unknown, nobody))
    await world.make(config_map("later", nobody))
    await world.gone("later")  # looked at after the other
    assert await world.get("held") is not None


async def test_a_kind_that_comes_later_is_known_then(world: Collected) -> None:
    nobody = {"apiVersion": "example.com/v1", "kind": "Thing", "name": "t", "uid": "1-2-3"}
    await world.make(config_map("dependent", nobody))
    registry = world.api.services.scopes.registry
    registry.add(THING)
    thing = await world.make(
        {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "t"}}, THINGS
    )
    await world.gone("dependent")  # its owner is not there: another has its name
    await world.make(config_map("second", reference(thing)))
    await world.make(
        {**thing, "metadata": {"name": "child", "ownerReferences": [reference(thing)]}}, THINGS
    )
    await world.delete("t", "Foreground", THINGS)
    for name, url in (("t", THINGS), ("child", THINGS), ("second", MAPS)):
        await world.gone(name, url)
    registry.remove(THING)


async def test_after_changes_were_skipped_it_looks_at_everything_again(world: Collected) -> None:
    owner = await world.make(config_map("owner"))
    await world.make(config_map("dependent", reference(owner)))
    await world.make(config_map("first", reference(owner)))
    await world.api.delete(f"{MAPS}/first")
    observers = world.api.services.scopes.storage.backend._node.feed._observers
    collector = observers.pop()  # as when a snapshot is installed: it is not told of changes
    await world.delete("owner", "Background")
    observers.append(collector)
    await world.make(config_map("bystander"))
    await world.gone("dependent")


async def test_two_that_own_each_other_do_not_wait_for_each_other(world: Collected) -> None:
    first = await world.make(config_map("first"))
    second = await world.make(config_map("second", reference(first, blocks=True)))
    circle = {"metadata": {"ownerReferences": [reference(second, blocks=True)]}}
    await world.api.patch(f"{MAPS}/first", circle)
    await world.delete("first", "Foreground")
    await world.gone("first")
    await world.gone("second")


async def test_a_new_leader_goes_on_where_the_old_one_stopped(world: Collected) -> None:
    world.stop()
    owner = await world.make(config_map("owner"))
    await world.make(config_map("blocking", reference(owner, blocks=True)))
    orphaning = await world.make(config_map("orphaning"))
    await world.make(config_map("kept", reference(orphaning)))
    lost = await world.make(config_map("lost"))
    await world.make(config_map("child", reference(lost)))
    await world.delete("owner", "Foreground")
    await world.delete("orphaning", "Orphan")
    await world.delete("lost", "Background")
    assert await world.get("owner") is not None  # nobody has done anything yet
    assert await world.get("child") is not None
    world.start()
    for name in ("owner", "blocking", "orphaning", "child"):
        await world.gone(name)
    kept = await world.get("kept")
    assert kept is not None
    assert "ownerReferences" not in kept["metadata"]


async def test_dependents_made_while_the_owner_goes(world: Collected) -> None:
    owner = await world.make(config_map("owner"))
    await world.make(
        config_map("first", reference(owner, blocks=True), finalizers=["example.com/hold"])
    )
    await world.delete("owner", "Foreground")
    await world.make(config_map("late", reference(owner, blocks=True)))
    await world.gone("late")
    await world.api.patch(f"{MAPS}/first", {"metadata": {"finalizers": None}})
    await world.gone("owner")


async def test_many_dependents(world: Collected) -> None:
    owner = await world.make(config_map("owner"))
    for number in range(200):
        await world.make(config_map(f"d-{number}", reference(owner, blocks=True)))
    await world.delete("owner", "Foreground")
    await world.gone("owner")
    left = (await world.api.get(MAPS)).json["items"]
    assert [item["metadata"]["name"] for item in left] == []


def priority_class(name: str, *owners: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": name, "ownerReferences": list(owners)},
        "value": 7,
    }


def replication_controller(name: str) -> dict[str, Any]:
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": "main", "image": "busybox"}]},
    }
    return {
        "apiVersion": "v1",
        "kind": "ReplicationController",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "template": template},
    }
