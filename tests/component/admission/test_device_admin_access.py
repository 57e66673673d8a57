"""Devices that others use are given only in namespaces that are labelled for it."""

from __future__ import annotations

from typing import Any

import pytest
from api_world import Api

GROUP = "/apis/resource.k8s.io/v1/namespaces"
LABEL = {"resource.kubernetes.io/admin-access": "true"}
WHY = (
    "Forbidden: admin access to devices requires the `resource.kubernetes.io/admin-access: true` "
    "label on the containing namespace"
)


def claim(*, admin: bool) -> dict[str, Any]:
    asked = {"deviceClassName": "gpu", "adminAccess": admin}
    spec = {"devices": {"requests": [{"name": "r", "exactly": asked}]}}
    return {"metadata": {"name": "c"}, "spec": spec}


@pytest.fixture
async def spaces(api: Api) -> Api:
    await api.post("/api/v1/namespaces", {"metadata": {"name": "plain"}})
    await api.post("/api/v1/namespaces", {"metadata": {"name": "admins", "labels": LABEL}})
    return api


async def test_claims_and_templates_ask_for_it(spaces: Api) -> None:
    template = {"metadata": {"name": "t"}, "spec": {"spec": claim(admin=True)["spec"]}}
    for plural, made in (
        ("resourceclaims", claim(admin=True)),
        ("resourceclaimtemplates", template),
    ):
        refused = await spaces.post(f"{GROUP}/plain/{plural}", made)
        assert refused.status == 422
        assert refused.json["message"].endswith(
            f"is invalid: spec.devices.requests[0].adminAccess: {WHY}"
        )
        assert (await spaces.post(f"{GROUP}/admins/{plural}", made)).status == 201


async def test_it_is_not_given_unasked(spaces: Api) -> None:
    result = {"request": "r", "driver": "d.io", "pool": "p", "device": "x", "adminAccess": True}
    for namespace, code in (("plain", 422), ("admins", 200)):
        url = f"{GROUP}/{namespace}/resourceclaims"
        made = (await spaces.post(url, claim(admin=False))).json
        made["status"] = {"allocation": {"devices": {"results": [result]}}}
        answer = await spaces.put(f"{url}/c/status", made)
        assert answer.status == code, answer.text
        if code == 422:
            (cause,) = answer.json["details"]["causes"]
            assert cause["field"] == "status.allocation.devices.results[0].adminAccess"
            assert cause["message"] == WHY
