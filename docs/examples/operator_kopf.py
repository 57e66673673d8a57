"""An operator with kopf: every ConfigMap labelled `greet` gets a second one with a greeting.

Run it with `kopf run operator_kopf.py -n default`.
"""

from typing import Any

import kopf
import kr8s
from kr8s.asyncio.objects import ConfigMap


@kopf.on.login()
def login(**facts: Any) -> kopf.ConnectionInfo | None:
    """$KUBECONFIG as it is now: the official client reads it only once, when it is imported."""
    return kopf.login_with_kubeconfig(**facts) or kopf.login_with_service_account(**facts)


@kopf.on.create("configmaps", labels={"greet": kopf.PRESENT})
@kopf.on.update("configmaps", labels={"greet": kopf.PRESENT})
async def greet(body: kopf.Body, name: str | None, namespace: str | None, **_: Any) -> None:
    greeting = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": f"{name}-greeting", "namespace": namespace},
        "data": {"text": f"Hello, {body.get('data', {}).get('who', 'world')}!"},
    }
    kopf.append_owner_reference(greeting, owner=body)  # it goes when the first one goes
    found = await ConfigMap(greeting, api=await kr8s.asyncio.api())
    if await found.exists():
        await found.patch({"data": greeting["data"]})
    else:
        await found.create()
