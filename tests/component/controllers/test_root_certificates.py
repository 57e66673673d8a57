"""Every namespace has the certificates that pods know the server by, whatever becomes of them."""

from __future__ import annotations

import pytest
from api_world import Api
from gc_world import Collected

from kapiserver.controllers.root_certificates import RootCertificatePublisher

NAMESPACES = "/api/v1/namespaces"
NAME = "kube-root-ca.crt"
PEM = "-----BEGIN CERTIFICATE-----\n"


def maps(namespace: str) -> str:
    return f"{NAMESPACES}/{namespace}/configmaps"


@pytest.fixture
def published(api: Api) -> Collected:
    """Nothing is collected here; it knows how to wait."""
    api.nursery.start_soon(RootCertificatePublisher(api.services, PEM).run)
    return Collected(api)


async def test_a_new_namespace_gets_them(api: Api, published: Collected) -> None:
    await api.post(NAMESPACES, {"metadata": {"name": "new"}})
    found = await published.until(NAME, lambda _: True, maps("new"))
    assert found["data"] == {"ca.crt": PEM}
    description = found["metadata"]["annotations"]["kubernetes.io/description"]
    assert description.startswith("Contains a CA bundle that can be used to verify the kube-apis")
    (entry,) = found["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"]) == ("kube-controller-manager", "Update")


async def test_what_is_changed_or_deleted_is_put_right(api: Api, published: Collected) -> None:
    first = await published.until(NAME, lambda _: True, maps("default"))
    url = f"{maps('default')}/{NAME}"
    async with published.following(maps("default")) as follow:
        await api.patch(url, {"data": {"ca.crt": "mine", "more": "x"}})
        await follow.until(NAME, lambda event: event["object"]["data"].get("more") == "x")
        await follow.until(NAME, lambda event: event["object"]["data"] == {"ca.crt": PEM})
        await api.patch(url, {"metadata": {"annotations": None}})
        await follow.until(NAME, lambda event: "annotations" not in event["object"]["metadata"])
        await follow.until(NAME, lambda event: "annotations" in event["object"]["metadata"])
        own = {"metadata": {"annotations": {"kubernetes.io/description": "ours"}}}
        await api.patch(url, own)
        await api.delete(url)
        await follow.until(NAME, lambda event: event["type"] == "DELETED")
        again = (await follow.until(NAME, lambda event: event["type"] == "ADDED"))["object"]
    assert again["metadata"]["uid"] != first["metadata"]["uid"]
    assert again["data"] == {"ca.crt": PEM}


async def test_they_are_there_before_anybody_asks(api: Api) -> None:
    await RootCertificatePublisher(api.services, PEM).ensure(["default", "kube-system"])
    assert (await api.get(f"{maps('kube-system')}/{NAME}")).json["data"] == {"ca.crt": PEM}
    assert (await api.get(f"{maps('kube-public')}/{NAME}")).status == 404
