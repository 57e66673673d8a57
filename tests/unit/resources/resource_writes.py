"""The write hooks of a resource, run in the order of the write path, for the tests around here."""

from __future__ import annotations

import copy
from typing import Any

from kapiserver.errors import Cause
from kapiserver.request import UserInfo
from kapiserver.resources.definition import Object, Strategy, WriteContext
from kapiserver.resources.registry import builtin_registry

REGISTRY = builtin_registry()
JANE = UserInfo("jane", groups=("ops",))


def strategy(resource: str) -> Strategy:
    plural, _, group = resource.partition(".")
    definition = REGISTRY.resource(group, plural)
    assert definition is not None
    return definition.strategy


def context(old: Object | None, subresource: str) -> WriteContext:
    return WriteContext(JANE, "default", subresource, dry_run=False, old=old)


def create(resource: str, obj: Object) -> Object:
    """Run the hooks of a create, in the write path's order; raises on findings."""
    made = copy.deepcopy(obj)
    findings = create_findings(resource, made)
    assert not findings, findings
    return made


def refused(resource: str, obj: Object) -> list[tuple[str, str]]:
    return [(c.field, c.message) for c in create_findings(resource, copy.deepcopy(obj))]


def create_findings(resource: str, obj: Object) -> list[Cause]:
    hooks, told = strategy(resource), context(None, "")
    for hook in (hooks.defaults, hooks.prepare_for_create):
        if hook is not None:
            hook(obj, told)
    return list(hooks.validate_create(obj, told)) if hooks.validate_create else []


def update(resource: str, old: Object, new: Object, subresource: str = "") -> Object:
    made, findings = update_findings(resource, old, new, subresource)
    assert not findings, findings
    return made


def update_refused(
    resource: str, old: Object, new: Object, subresource: str = ""
) -> list[tuple[str, str]]:
    return [(c.field, c.message) for c in update_findings(resource, old, new, subresource)[1]]


def update_findings(
    resource: str, old: Object, new: Object, sub: str
) -> tuple[Object, list[Cause]]:
    made, before = copy.deepcopy(new), copy.deepcopy(old)
    hooks, told = strategy(resource), context(before, sub)
    for hook in (hooks.defaults, hooks.prepare_for_update):
        if hook is not None:
            hook(made, told)
    assert before == old, "a hook changed the old object"
    return made, list(hooks.validate_update(made, told)) if hooks.validate_update else []


def changed(obj: Object, path: str, value: Any) -> Object:
    """A copy with the value at a dotted path replaced, or removed when it is None."""
    made = copy.deepcopy(obj)
    *steps, last = path.split(".")
    target: Any = made
    for step in steps:
        target = target[int(step)] if step.isdigit() else target.setdefault(step, {})
    if value is None:
        target.pop(last, None)
    else:
        target[last] = value
    return made


POD = {"metadata": {"name": "web"}, "spec": {"containers": [{"name": "c", "image": "web:1"}]}}
TEMPLATE = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [{"name": "c", "image": "web"}]},
}
DEPLOYMENT = {
    "metadata": {"name": "web"},
    "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE},
}
SERVICE = {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}], "selector": {"a": "b"}}}
JOB = {
    "metadata": {"name": "j", "uid": "u-1"},
    "spec": {"template": changed(TEMPLATE, "spec.restartPolicy", "Never")},
}

MINIMAL: dict[str, Object] = {
    "pods": POD,
    "services": SERVICE,
    "deployments.apps": DEPLOYMENT,
    "replicasets.apps": DEPLOYMENT,
    "daemonsets.apps": DEPLOYMENT,
    "statefulsets.apps": DEPLOYMENT,
    "jobs.batch": JOB,
    "cronjobs.batch": {"spec": {"schedule": "@daily", "jobTemplate": {"spec": JOB["spec"]}}},
    "persistentvolumeclaims": {
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        }
    },
    "replicationcontrollers": {"spec": {"template": TEMPLATE}},
    "horizontalpodautoscalers.autoscaling": {
        "spec": {
            "maxReplicas": 3,
            "scaleTargetRef": {"kind": "Deployment", "name": "d", "apiVersion": "apps/v1"},
        }
    },
    "storageclasses.storage.k8s.io": {"provisioner": "p"},
    "ingresses.networking.k8s.io": {
        "spec": {"defaultBackend": {"service": {"name": "s", "port": {"number": 80}}}}
    },
    "rolebindings.rbac.authorization.k8s.io": {
        "roleRef": {"kind": "Role", "name": "r"},
        "subjects": [{"kind": "User", "name": "u"}],
    },
    "customresourcedefinitions.apiextensions.k8s.io": {
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "names": {"plural": "widgets", "kind": "Widget"},
            "scope": "Namespaced",
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object"}},
                }
            ],
        },
    },
    "namespaces": {"metadata": {"name": "prod"}},
    "nodes": {"metadata": {"name": "n1"}},
    "configmaps": {"data": {"k": "v"}},
    "secrets": {"stringData": {"k": "v"}},
    "networkpolicies.networking.k8s.io": {"spec": {}},
}
