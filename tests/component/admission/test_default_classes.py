"""Claims and ingresses that name no class get the default one."""

from __future__ import annotations

from typing import Any

import pytest
from api_world import Api

CLAIMS = "/api/v1/namespaces/default/persistentvolumeclaims"
STORAGE_CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
INGRESSES = "/apis/networking.k8s.io/v1/namespaces/default/ingresses"
INGRESS_CLASSES = "/apis/networking.k8s.io/v1/ingressclasses"
MARK = "storageclass.kubernetes.io/is-default-class"
OLD_MARK = "storageclass.beta.kubernetes.io/is-default-class"


async def make_class(api: Api, name: str, **annotations: str) -> None:
    made = {
        "metadata": {"name": name, "annotations": annotations},
        "provisioner": "example.com/disk",
        "allowVolumeExpansion": name != "fixed",
    }
    assert (await api.post(STORAGE_CLASSES, made)).status == 201


def claim(storage: str = "1Gi", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "c"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": storage}},
            **spec,
        },
    }


@pytest.mark.parametrize("mark", [MARK, OLD_MARK])
async def test_a_claim_without_a_class_gets_the_default_one(api: Api, mark: str) -> None:
    assert "storageClassName" not in (await api.post(CLAIMS, claim())).json["spec"]
    await make_class(api, "other", **{mark: "false"})
    await make_class(api, "fast", **{mark: "true"})
    made = {**claim(), "metadata": {"name": "d"}}
    assert (await api.post(CLAIMS, made)).json["spec"]["storageClassName"] == "fast"


@pytest.mark.parametrize("name", ["", "slow"])
async def test_who_names_a_class_gets_it(api: Api, name: str) -> None:
    await make_class(api, "fast", **{MARK: "true"})
    made = await api.post(CLAIMS, claim(storageClassName=name))
    assert made.json["spec"]["storageClassName"] == name


async def test_the_old_way_to_name_a_class_counts(api: Api) -> None:
    await make_class(api, "fast", **{MARK: "true"})
    made = claim()
    made["metadata"]["annotations"] = {"volume.beta.kubernetes.io/storage-class": "slow"}
    assert "storageClassName" not in (await api.post(CLAIMS, made)).json["spec"]


async def test_an_ingress_without_a_class_gets_the_default_one(api: Api) -> None:
    for name, default in (("other", "false"), ("front", "true")):
        mark = {"ingressclass.kubernetes.io/is-default-class": default}
        made = {
            "metadata": {"name": name, "annotations": mark},
            "spec": {"controller": "example.com/ingress"},
        }
        assert (await api.post(INGRESS_CLASSES, made)).status == 201
    backend = {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}}
    chosen = await api.post(INGRESSES, {"metadata": {"name": "a"}, "spec": backend})
    assert chosen.json["spec"]["ingressClassName"] == "front"
    named = {"metadata": {"name": "b"}, "spec": {**backend, "ingressClassName": "mine"}}
    assert (await api.post(INGRESSES, named)).json["spec"]["ingressClassName"] == "mine"
    old = {"name": "c", "annotations": {"kubernetes.io/ingress.class": "nginx"}}
    by_annotation = await api.post(INGRESSES, {"metadata": old, "spec": backend})
    assert "ingressClassName" not in by_annotation.json["spec"]


GROWN = [
    ("fast", "Bound", "2Gi", ""),
    ("fast", "Bound", "1Gi", ""),
    ("fast", "Pending", "2Gi", "Only bound persistent volume claims can be expanded"),
    (
        "fixed",
        "Bound",
        "2Gi",
        "only dynamically provisioned pvc can be resized and the storageclass that provisions the "
        "pvc must support resize",
    ),
]


@pytest.mark.parametrize(("name", "phase", "size", "why"), GROWN)
async def test_claims_grow_where_the_class_allows_it(
    api: Api, name: str, phase: str, size: str, why: str
) -> None:
    await make_class(api, name)
    await api.post(CLAIMS, claim(storageClassName=name, volumeName="v"))
    status = {"status": {"phase": phase, "capacity": {"storage": "1Gi"}}}
    assert (await api.patch(f"{CLAIMS}/c/status", status)).status == 200
    grown = {"spec": {"resources": {"requests": {"storage": size}}}}
    answer = await api.patch(f"{CLAIMS}/c", grown)
    if not why:
        assert answer.status == 200, answer.text
    elif phase == "Bound":
        message = f'persistentvolumeclaims "c" is forbidden: {why}'
        assert (answer.status, answer.json["message"]) == (403, message)
    else:  # validation has its own word on that, and the first one
        assert answer.status in (403, 422)


async def test_volumes_have_no_finalizer_that_nobody_takes_away(api: Api) -> None:
    made = await api.post(CLAIMS, claim())
    assert "finalizers" not in made.json["metadata"]
