"""Server-side apply and ownership through every way of writing an object."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from api_world import Api, deployment, pod
from apply_calls import DEPLOYMENTS, PODS, apply, managers
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID


async def test_status_is_applied_through_status(api: Api) -> None:
    config = deployment("d")
    config["status"] = {"observedGeneration": 1, "replicas": 5}
    created = await apply(api, f"{DEPLOYMENTS}/d", config)
    assert created.json["status"] == {}
    assert "f:status" not in managers(created)["me", "Apply", ""]
    config["spec"]["replicas"] = 9
    updated = await apply(api, f"{DEPLOYMENTS}/d/status", config)
    assert updated.json["spec"]["replicas"] == 1
    assert updated.json["status"] == {"observedGeneration": 1, "replicas": 5}
    fields = managers(updated)["me", "Apply", "status"]
    assert fields == {"f:status": {"f:observedGeneration": {}, "f:replicas": {}}}
    assert (await apply(api, f"{DEPLOYMENTS}/none/status", config)).status == 404


async def test_status_of_an_api_service_leaves_its_labels_alone(api: Api) -> None:
    url = "/apis/apiregistration.k8s.io/v1/apiservices/v1.example.com"
    service: dict[str, Any] = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1.example.com", "labels": {"a": "b"}},
        "spec": {
            "group": "example.com",
            "version": "v1",
            "groupPriorityMinimum": 1,
            "versionPriority": 1,
        },
    }
    assert (await apply(api, url, service)).status == 201
    service["metadata"]["labels"] = {"a": "c"}
    service["status"] = {"conditions": [{"type": "Strange", "status": "True"}]}
    updated = await apply(api, f"{url}/status", service, "you")
    assert updated.json["metadata"]["labels"] == {"a": "b"}
    assert set(managers(updated)["you", "Apply", "status"]) == {"f:status"}


def _certificate_request() -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    signed = builder.sign(ed25519.Ed25519PrivateKey.generate(), None)
    return b64encode(signed.public_bytes(Encoding.PEM)).decode()


async def test_a_request_for_a_certificate_is_owned_by_its_answers(api: Api) -> None:
    url = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
    request = {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": "r", "labels": {"a": "b"}},
        "spec": {
            "signerName": "example.com/s",
            "usages": ["any"],
            "request": _certificate_request(),
        },
    }
    created = await api.post(url, request)
    assert set(managers(created)["test", "Update", ""]) == {"f:metadata"}
    answer = {"conditions": [{"type": "Approved", "status": "True", "reason": "R"}]}
    approved = await api.patch(f"{url}/r/approval", {"status": answer})
    assert set(managers(approved)["test", "Update", "approval"]) == {"f:status"}


async def test_scale_is_applied_as_replicas(api: Api) -> None:
    await apply(api, f"{DEPLOYMENTS}/d", deployment("d", 1), "owner")
    scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "d"}}
    wanted = {**scale, "spec": {"replicas": 3}}
    refused = await apply(api, f"{DEPLOYMENTS}/d/scale", wanted)
    assert refused.status == 409
    assert refused.json["message"].endswith('conflict with "owner": .spec.replicas')
    scaled = await apply(api, f"{DEPLOYMENTS}/d/scale", wanted, query="&force=true")
    assert scaled.json["kind"] == "Scale"
    assert scaled.json["spec"]["replicas"] == 3
    stored = await api.get(f"{DEPLOYMENTS}/d")
    assert managers(stored)["me", "Apply", "scale"] == {"f:spec": {"f:replicas": {}}}
    wrong = await apply(api, f"{DEPLOYMENTS}/d/scale", {**scale, "spec": {"replicas": "3"}})
    assert "expected numeric (int or float), got string" in wrong.json["message"]
    assert (await apply(api, f"{DEPLOYMENTS}/none/scale", wanted)).status == 404


async def test_who_owns_what_through_the_subresources_of_a_pod(api: Api) -> None:
    await api.post(PODS, pod("p"))
    debugger = {
        "metadata": {"labels": {"seen": "no"}},
        "spec": {"ephemeralContainers": [{"name": "d", "image": "i"}]},
    }
    debugged = await api.patch(f"{PODS}/p/ephemeralcontainers", debugger, "strategic")
    own = managers(debugged)["test", "Update", "ephemeralcontainers"]
    assert set(own) == {"f:spec"}
    assert set(own["f:spec"]) == {"f:ephemeralContainers"}
    limits = {"limits": {"cpu": "2"}, "requests": {"cpu": "1"}}
    config = pod("p")
    config["spec"]["containers"] = [{"name": "main", "image": "other", "resources": limits}]
    resized = await apply(api, f"{PODS}/p/resize", config)
    assert resized.status in (200, 422), resized.text
    if resized.status == 200:
        fields = managers(resized)["me", "Apply", "resize"]["f:spec"]["f:containers"]
        assert set(fields['k:{"name":"main"}']) == {"f:resources"}


async def test_a_place_may_merge_what_is_atomic_elsewhere(api: Api) -> None:
    url = "/api/v1/persistentvolumes/v"
    volume: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "v"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": "1Gi"},
            "hostPath": {"path": "/tmp/v"},
            "claimRef": {"namespace": "default", "name": "c"},
        },
    }
    assert (await apply(api, url, volume)).status == 201
    bound = await api.patch(url, {"spec": {"claimRef": {"uid": "1"}}})
    assert managers(bound)["test", "Update", ""] == {"f:spec": {"f:claimRef": {"f:uid": {}}}}
    again = await apply(api, url, volume)
    assert again.json["spec"]["claimRef"] == {"namespace": "default", "name": "c", "uid": "1"}
