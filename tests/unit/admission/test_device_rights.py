"""Who changes the status of a claim on devices needs more than the right to."""

from __future__ import annotations

from typing import Any

import pytest

from kapiserver.admission.chain import UPDATE, Attributes
from kapiserver.admission.plugin import AdmissionSettings, Known
from kapiserver.admission.plugins import make_chain
from kapiserver.authz.authorizer import NO_OPINION, Decision, Verdict
from kapiserver.authz.authorizer import Attributes as Question
from kapiserver.authz.rules import Rules
from kapiserver.errors import Invalid
from kapiserver.request import UserInfo
from kapiserver.resources.registry import builtin_registry
from kapiserver.storage import ObjectStore

DEFINITION = builtin_registry().resource("resource.k8s.io", "resourceclaims")
DRIVER = UserInfo(
    "system:serviceaccount:drivers:gpu",
    extra={"authentication.kubernetes.io/node-name": ("n1",)},
)


class Granted:
    """Rights as verb, subresource, name and namespace."""

    def __init__(self, *granted: tuple[str, str, str, str]) -> None:
        self._granted = granted

    def authorize(self, attributes: Question) -> Verdict:
        assert (attributes.group, attributes.resource) == ("resource.k8s.io", "resourceclaims")
        asked = (attributes.verb, attributes.subresource, attributes.name, attributes.namespace)
        return (Decision.ALLOW, "") if asked in self._granted else NO_OPINION

    def rules_for(self, user: UserInfo, namespace: str) -> Rules:
        return Rules()


def nothing_stored(group: str, plural: str) -> ObjectStore:
    raise AssertionError(f"{plural} of {group} are not needed for this")


CHAIN = make_chain(Known(nothing_stored, AdmissionSettings(disable=("NamespaceLifecycle",))))


def allocated(node: str) -> dict[str, Any]:
    fields = [{"key": "metadata.name", "operator": "In", "values": [node]}]
    return {"nodeSelector": {"nodeSelectorTerms": [{"matchFields": fields}]}}


def told(driver: str, **more: Any) -> dict[str, Any]:
    return {"driver": driver, "pool": "p", "device": "d", **more}


async def refused(
    status: Any,
    before: Any,
    *rights: tuple[str, str, str, str],
    verb: str = "update",
    user: UserInfo = DRIVER,
) -> list[tuple[str, str]]:
    assert DEFINITION is not None
    claim, old = ({"metadata": {"name": "c"}, "status": each} for each in (status, before))
    write = Attributes(
        UPDATE,
        DEFINITION,
        "v1",
        "default",
        "c",
        "status",
        user,
        dry_run=False,
        obj=claim,
        old=old,
        authorizer=Granted(*rights),
        verb=verb,
    )
    try:
        await CHAIN.validate(write)
    except Invalid as error:
        return [(cause.field, cause.message) for cause in error.causes]
    return []


async def test_allocating_and_reserving_need_the_right_to_bind() -> None:
    reserved = {"reservedFor": [{"resource": "pods", "name": "p", "uid": "u"}]}
    for status in ({"allocation": allocated("n1")}, reserved):
        ((field, message),) = await refused(status, {})
        assert field == "status"
        assert message == (
            "Forbidden: changing status.allocation or status.reservedFor requires "
            'resource="resourceclaims/binding", verb="update" permission: '
            'resourceclaims.resource.k8s.io is forbidden: User "system:serviceaccount:drivers:gpu" '
            'cannot update resource "resourceclaims/binding" in API group "resource.k8s.io" at the '
            "cluster scope"
        )
        assert not await refused(status, {}, ("update", "binding", "", ""))
        assert await refused(status, {}, ("update", "binding", "", ""), verb="patch")
        assert not await refused(status, status)


NODE = allocated("n1")
ON_NODE = ("associated-node:update", "driver", "gpu.example.com", "default")
ANYWHERE = ("arbitrary-node:update", "driver", "gpu.example.com", "default")


@pytest.mark.parametrize(
    ("allocation", "user", "right", "allowed"),
    [
        (NODE, DRIVER, ON_NODE, True),
        (NODE, DRIVER, ANYWHERE, True),
        (allocated("n2"), DRIVER, ON_NODE, False),
        (allocated("n2"), DRIVER, ANYWHERE, True),
        ({}, DRIVER, ON_NODE, False),
        (NODE, UserInfo("jane", extra=DRIVER.extra), ON_NODE, False),
        (NODE, UserInfo(DRIVER.name), ON_NODE, False),
        (NODE, UserInfo("jane"), ANYWHERE, True),
    ],
)
async def test_what_is_said_of_devices_needs_the_right_of_the_driver(
    allocation: Any, user: UserInfo, right: tuple[str, str, str, str], allowed: bool
) -> None:
    before = {"allocation": allocation, "devices": [told("gpu.example.com"), told("nic.io")]}
    changed = told("gpu.example.com", data={"ready": True})
    for devices in ([changed, told("nic.io")], [told("nic.io")]):
        found = await refused({**before, "devices": devices}, before, right, user=user)
        assert not found if allowed else found


async def test_each_driver_is_asked_about_and_the_refusal_names_the_verbs() -> None:
    before = {"allocation": NODE}
    now = {**before, "devices": [told("nic.io"), told("gpu.example.com")]}
    found = await refused(now, before, ON_NODE)
    assert found == [
        (
            "status.devices",
            'Forbidden: changing status.devices requires resource="resourceclaims/driver", '
            'verb="[associated-node:update arbitrary-node:update]" permission: '
            'resourceclaims.resource.k8s.io "nic.io" is forbidden: User '
            '"system:serviceaccount:drivers:gpu" cannot associated-node:update resource '
            '"resourceclaims/driver" in API group "resource.k8s.io" in the namespace "default"',
        )
    ]
