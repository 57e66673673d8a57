"""Objects as a controller or a node would write them: the e2e cluster has neither."""

from __future__ import annotations

import json
from typing import Any

from e2e_kubectl import Kubectl

Object = dict[str, Any]


def template(image: str, app: str, **labels: str) -> Object:
    return {
        "metadata": {"labels": {"app": app, **labels}},
        "spec": {"containers": [{"name": "main", "image": image}]},
    }


def workload(kind: str, name: str, image: str, **spec: Any) -> Object:
    selector = {"matchLabels": {"app": name}}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {"selector": selector, "template": template(image, name), **spec},
    }


def owned_by(owner: Object) -> list[Object]:
    metadata = owner["metadata"]
    reference = {"name": metadata["name"], "uid": metadata["uid"], "controller": True}
    return [{"apiVersion": owner["apiVersion"], "kind": owner["kind"], **reference}]


def replica_set(deployment: Object, revision: int, image: str, replicas: int = 0) -> Object:
    """What the deployment controller leaves of a revision."""
    name, digest = deployment["metadata"]["name"], f"h{revision}"
    labels = {"app": name, "pod-template-hash": digest}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{name}-{digest}",
            "labels": labels,
            "annotations": {"deployment.kubernetes.io/revision": str(revision)},
            "ownerReferences": owned_by(deployment),
        },
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": template(image, name, **{"pod-template-hash": digest}),
        },
    }


def controller_revision(owner: Object, revision: int, image: str) -> Object:
    """What the controllers of stateful and daemon sets leave of a revision."""
    name = owner["metadata"]["name"]
    patch = {"spec": {"template": {**template(image, name), "$patch": "replace"}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": f"{name}-{revision}",
            "labels": {"app": name},
            "ownerReferences": owned_by(owner),
        },
        "revision": revision,
        "data": patch,
    }


def pod(name: str, *, node: str = "", owner: Object | None = None, app: str = "web") -> Object:
    spec: Object = {"containers": [{"name": "main", "image": "nginx"}]}
    if node:
        spec["nodeName"] = node
    metadata: Object = {"name": name, "labels": {"app": app}}
    if owner is not None:
        metadata["ownerReferences"] = owned_by(owner)
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def node(name: str, **labels: str) -> Object:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}


def create(kubectl: Kubectl, *objects: Object) -> list[Object]:
    """Create them, and give back what was stored."""
    stored = []
    for obj in objects:
        made = kubectl("create", "-f", "-", "-o", "json", stdin=json.dumps(obj))
        stored.append(json.loads(made))
    return stored


def set_status(kubectl: Kubectl, what: str, **status: Any) -> None:
    patch = json.dumps({"status": status})
    kubectl("patch", what, "--subresource=status", "--type=merge", "-p", patch)
