"""Every namespace has its account `default`, and gets it back."""

from __future__ import annotations

from api_world import Api

from kapiserver.controllers.service_accounts import ServiceAccountController

NAMESPACES = "/api/v1/namespaces"


def accounts(namespace: str) -> str:
    return f"{NAMESPACES}/{namespace}/serviceaccounts"


async def test_a_new_namespace_gets_its_account(api: Api) -> None:
    events = await api.watch("/api/v1/serviceaccounts?watch=1")
    api.nursery.start_soon(ServiceAccountController(api.services).run)
    await events.wait_for(4)  # those that every cluster has
    await api.post(NAMESPACES, {"metadata": {"name": "new"}})
    await events.wait_for(5)
    made = (await api.get(f"{accounts('new')}/default")).json
    await api.delete(f"{accounts('new')}/default")
    await events.wait_for(7)
    again = (await api.get(f"{accounts('new')}/default")).json
    assert again["metadata"]["uid"] != made["metadata"]["uid"]


async def test_a_namespace_that_goes_away_keeps_nothing_back(api: Api) -> None:
    api.nursery.start_soon(ServiceAccountController(api.services).run)
    events = await api.watch(f"{NAMESPACES}?watch=1&fieldSelector=metadata.name=brief")
    held = {"metadata": {"name": "brief"}}
    await api.post(NAMESPACES, held)
    await api.delete(f"{NAMESPACES}/brief")
    while events.seen()[-1:] != [("DELETED", "brief")]:
        await events.wait_for(len(events.lines) + 1)
    assert (await api.get(accounts("brief"))).json["items"] == []


async def test_a_label_does_not_make_a_namespace_go_away(api: Api) -> None:
    events = await api.watch("/api/v1/serviceaccounts?watch=1")
    api.nursery.start_soon(ServiceAccountController(api.services).run)
    await events.wait_for(4)
    labels = {"deletionTimestamp": "2026"}
    await api.post(NAMESPACES, {"metadata": {"name": "labelled", "labels": labels}})
    assert (await events.wait_for(5))[-1]["object"]["metadata"]["namespace"] == "labelled"


async def test_the_first_namespaces_have_theirs_before_anybody_asks(api: Api) -> None:
    await ServiceAccountController(api.services).ensure(["default", "not-there"])
    assert (await api.get(f"{accounts('default')}/default")).status == 200
