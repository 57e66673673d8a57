"""Applying in the tests, and who owns what then."""

from __future__ import annotations

from typing import Any

from api_world import Answer, Api

MAPS = "/api/v1/namespaces/default/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
PODS = "/api/v1/namespaces/default/pods"
APPLY = "application/apply-patch+yaml"


async def apply(
    api: Api, url: str, body: Any, manager: str = "me", query: str = "", **options: Any
) -> Answer:
    return await api.patch(f"{url}?fieldManager={manager}{query}", body, APPLY, **options)


def managers(answer: Answer) -> dict[tuple[str, str, str], Any]:
    """(manager, operation, subresource) -> its fields."""
    assert answer.status < 300, answer.text
    entries = answer.json["metadata"].get("managedFields", [])
    return {
        (e.get("manager", ""), e["operation"], e.get("subresource", "")): e["fieldsV1"]
        for e in entries
    }
