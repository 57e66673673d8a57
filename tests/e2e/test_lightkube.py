"""lightkube, a client with models of its own, used as its documentation says."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from e2e_cluster import Cluster
from e2e_kubectl import Kubectl

pytest.importorskip("lightkube")

from lightkube import ApiError, AsyncClient, Client, KubeConfig
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.apps_v1 import DeploymentSpec, DeploymentStatus
from lightkube.models.autoscaling_v1 import ScaleSpec
from lightkube.models.core_v1 import Container, PodSpec, PodTemplateSpec, ServicePort, ServiceSpec
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Namespace, Node, Pod, Service
from lightkube.types import CascadeType, PatchType

OURS = {"by": "lightkube"}
Generic = create_namespaced_resource("apps", "v1", "Deployment", "deployments")


@pytest.fixture
def client(user: Kubectl, cluster: Cluster) -> Any:
    config = KubeConfig.from_file(str(cluster.kubeconfig)).get(user.context)
    return Client(config=config, namespace=user.namespace, field_manager="lightkube")


def config_map(name: str, **data: str) -> ConfigMap:
    return ConfigMap(
        apiVersion="v1",
        kind="ConfigMap",
        metadata=ObjectMeta(name=name, labels=OURS),
        data=data,
    )


def deployment(name: str) -> Deployment:
    container = Container(name="main", image="nginx")
    labels = {"app": name}
    return Deployment(
        metadata=ObjectMeta(name=name),
        spec=DeploymentSpec(
            replicas=1,
            selector=LabelSelector(matchLabels=labels),
            template=PodTemplateSpec(
                metadata=ObjectMeta(labels=labels), spec=PodSpec(containers=[container])
            ),
        ),
    )


def names(items: Any) -> list[str]:
    return [item.metadata.name for item in items]


def test_objects_are_made_read_changed_and_deleted(client: Any) -> None:
    made = client.create(config_map("a", k="1"))
    assert made.data == {"k": "1"}
    made.data["k"] = "2"
    replaced = client.replace(made)
    assert replaced.metadata.resourceVersion != made.metadata.resourceVersion
    with pytest.raises(ApiError) as stale:
        client.replace(made)
    assert (stale.value.status.code, stale.value.status.reason) == (409, "Conflict")
    with pytest.raises(ApiError) as again:
        client.create(config_map("a"))
    assert again.value.status.reason == "AlreadyExists"
    patched = client.patch(ConfigMap, "a", {"metadata": {"labels": {"app": "x"}}})
    assert patched.metadata.labels == {"by": "lightkube", "app": "x"}
    client.create(config_map("ghost"), dry_run=True)
    client.delete(ConfigMap, "a", dry_run=True)
    assert names(client.list(ConfigMap, labels=OURS)) == ["a"]
    client.delete(ConfigMap, "a", cascade=CascadeType.BACKGROUND, grace_period=0)
    with pytest.raises(ApiError) as gone:
        client.get(ConfigMap, "a")
    assert (gone.value.status.code, gone.value.status.details.name) == (404, "a")


def test_lists(client: Any, user: Kubectl) -> None:
    for number in range(5):
        client.create(config_map(f"c{number}"))
    assert names(client.list(ConfigMap, chunk_size=2, labels=OURS)) == [
        f"c{number}" for number in range(5)
    ]
    assert names(
        client.list(ConfigMap, labels={"by": ["lightkube"]}, fields={"metadata.name": "c3"})
    ) == ["c3"]
    everywhere = client.list(ConfigMap, namespace="*", labels=OURS)
    assert (user.namespace, "c1") in {(i.metadata.namespace, i.metadata.name) for i in everywhere}
    client.deletecollection(ConfigMap)
    assert names(client.list(ConfigMap, labels=OURS)) == []
    assert client.get(Namespace, user.namespace).status.phase == "Active"
    assert isinstance(names(client.list(Node)), list)


def test_all_types_of_patches_and_apply(client: Any) -> None:
    service = Service(
        metadata=ObjectMeta(name="s"),
        spec=ServiceSpec(ports=[ServicePort(name="a", port=80)], selector={"app": "x"}),
    )
    client.create(service)
    more = {"spec": {"ports": [{"name": "b", "port": 81, "targetPort": 8081}]}}
    assert len(client.patch(Service, "s", more).spec.ports) == 2
    assert len(client.patch(Service, "s", more, patch_type=PatchType.MERGE).spec.ports) == 1
    added = [{"op": "add", "path": "/spec/ports/-", "value": {"name": "c", "port": 82}}]
    assert len(client.patch(Service, "s", added, patch_type=PatchType.JSON).spec.ports) == 2
    applied = config_map("applied", one="1", two="2")
    assert client.apply(applied).data == {"one": "1", "two": "2"}
    assert client.apply(config_map("applied", two="3")).data == {"two": "3"}
    with pytest.raises(ApiError) as conflict:
        client.apply(config_map("applied", two="4"), field_manager="other")
    assert conflict.value.status.details.causes[0].field == ".data.two"
    assert client.apply(config_map("applied", two="4"), field_manager="other", force=True).data == {
        "two": "4"
    }


def test_scale_status_and_generic_resources(client: Any) -> None:
    client.create(deployment("web"))
    scale = client.get(Deployment.Scale, "web")
    scale.spec = ScaleSpec(replicas=3)
    assert client.replace(scale, "web").spec.replicas == 3
    assert client.patch(Deployment.Scale, "web", {"spec": {"replicas": 2}}).spec.replicas == 2
    current = client.get(Deployment, "web")
    assert current.spec.replicas == 2
    current.status = DeploymentStatus(replicas=2, observedGeneration=current.metadata.generation)
    written = client.replace(Deployment.Status.from_dict(current.to_dict()), "web")
    assert written.status.replicas == 2
    generic = client.get(Generic, "web")
    assert generic.spec["replicas"] == 2
    generic.spec["replicas"] = 4
    assert client.replace(generic)["spec"]["replicas"] == 4


def test_watches_and_waits(client: Any) -> None:
    listing = client.list(ConfigMap, labels=OURS)
    assert names(listing) == []
    version = listing.resourceVersion
    seen: list[tuple[str, str]] = []

    def watch() -> None:
        for operation, obj in client.watch(ConfigMap, labels=OURS, resource_version=version):
            seen.append((operation, obj.metadata.name))
            if operation == "DELETED":
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    client.create(config_map("w"))
    client.patch(ConfigMap, "w", {"data": {"k": "v"}})
    client.delete(ConfigMap, "w")
    watcher.join(timeout=30)
    assert seen == [("ADDED", "w"), ("MODIFIED", "w"), ("DELETED", "w")]
    client.create(deployment("web"))
    ready = {"status": {"conditions": [{"type": "Available", "status": "True"}]}}
    client.patch(Deployment.Status, "web", ready, patch_type=PatchType.MERGE)
    met = client.wait(Deployment, "web", for_conditions=["Available"])
    assert met.metadata.name == "web"
    with pytest.raises(ApiError):
        list(client.log("none"))
    with pytest.raises(ApiError):
        client.get(Pod, "none")


def test_the_asynchronous_client(cluster: Cluster, user: Kubectl) -> None:
    config = KubeConfig.from_file(str(cluster.kubeconfig)).get(user.context)

    async def use() -> list[str]:
        client = AsyncClient(config=config, namespace=user.namespace)
        await client.create(config_map("a"))
        await client.patch(ConfigMap, "a", {"data": {"k": "v"}})
        found = [item.metadata.name async for item in client.list(ConfigMap, labels=OURS)]
        await client.delete(ConfigMap, "a")
        await client.close()
        return found

    assert asyncio.run(use()) == ["a"]
