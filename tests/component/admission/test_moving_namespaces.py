"""A namespace that changes while something is created in it: the write is done again."""

from __future__ import annotations

from dataclasses import replace

from api_world import Api, pod

from kapiserver.admission.chain import CREATE, AdmissionChain, Attributes, Phase, Rule
from kapiserver.admission.namespace_lifecycle import NamespaceLifecycle
from kapiserver.admission.plugin import AdmissionSettings, Known
from kapiserver.api.call import internal_call
from kapiserver.api.create import create_object
from kapiserver.api.options import WriteOptions
from kapiserver.request import UserInfo


async def test_what_is_completed_is_completed_once(api: Api) -> None:
    changes = 0

    async def change_the_namespace(attributes: Attributes) -> None:
        nonlocal changes
        if changes < 2:
            changes += 1
            label = {"metadata": {"labels": {"changes": str(changes)}}}
            assert (await api.patch("/api/v1/namespaces/default", label)).status == 200

    scopes = api.services.scopes
    known = Known(lambda group, plural: scopes.stored(group, plural).objects, AdmissionSettings())
    late = Rule(Phase.VALIDATE, (CREATE,), ("pods",), change_the_namespace)
    admission = AdmissionChain((*NamespaceLifecycle(known).rules(), late))
    services = replace(api.services, admission=admission)
    term = {
        "topologyKey": "zone",
        "labelSelector": {"matchLabels": {"app": "a"}},
        "matchLabelKeys": ["pod-template-hash"],
    }
    wanted = pod("p", labels={"pod-template-hash": "1"})
    wanted["spec"]["affinity"] = {
        "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
    }
    pods = scopes.stored("", "pods")
    call = internal_call(services, pods, UserInfo("u"), "create", "default", "p")
    await create_object(call, wanted, WriteOptions())
    assert changes == 2
    made = (await api.get("/api/v1/namespaces/default/pods/p")).json
    (found,) = made["spec"]["affinity"]["podAntiAffinity"][
        "requiredDuringSchedulingIgnoredDuringExecution"
    ]
    assert found["labelSelector"]["matchExpressions"] == [
        {"key": "pod-template-hash", "operator": "In", "values": ["1"]}
    ]
