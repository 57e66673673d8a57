"""The rules of a resource, run as the write path runs them: defaults, prepare, validate."""

from __future__ import annotations

import copy
from typing import Any

from kapiserver.request import UserInfo
from kapiserver.resources.definition import Object, Strategy, WriteContext
from kapiserver.resources.registry import builtin_registry

REGISTRY = builtin_registry()
Cases = list[tuple[str, Any, list[tuple[str, str]]]]

CONTAINER = {"name": "c", "image": "web:1"}
POD: Object = {"metadata": {"name": "web"}, "spec": {"containers": [CONTAINER]}}
TEMPLATE: Object = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [CONTAINER]},
}
DEPLOYMENT: Object = {
    "metadata": {"name": "web"},
    "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE},
}
JOB: Object = {
    "metadata": {"name": "j", "uid": "u-1"},
    "spec": {"template": {"spec": {"containers": [CONTAINER], "restartPolicy": "Never"}}},
}
CRON_JOB: Object = {
    "metadata": {"name": "tick"},
    "spec": {"schedule": "*/5 * * * *", "jobTemplate": {"spec": JOB["spec"]}},
}
AUTOSCALER: Object = {
    "metadata": {"name": "web"},
    "spec": {
        "maxReplicas": 3,
        "scaleTargetRef": {"kind": "Deployment", "name": "web", "apiVersion": "apps/v1"},
    },
}


def strategy(resource: str) -> Strategy:
    plural, _, group = resource.partition(".")
    definition = REGISTRY.resource(group, plural)
    assert definition is not None
    return definition.strategy


def context(old: Object | None = None, subresource: str = "") -> WriteContext:
    return WriteContext(UserInfo("jane"), "default", subresource, dry_run=False, old=old)


def created(
    resource: str, obj: Object, told: WriteContext | None = None
) -> tuple[Object, list[tuple[str, str]]]:
    """The object with its defaults, and what the rules say of it."""
    made, hooks, told = copy.deepcopy(obj), strategy(resource), told or context()
    for hook in (hooks.defaults, hooks.prepare_for_create):
        if hook is not None:
            hook(made, told)
    assert hooks.validate_create is not None
    return made, [(c.field, c.message) for c in hooks.validate_create(made, told)]


def refused(resource: str, obj: Object) -> list[tuple[str, str]]:
    return created(resource, obj)[1]


def stored(resource: str, obj: Object, told: WriteContext | None = None) -> Object:
    made, findings = created(resource, obj, told)
    assert findings == []
    return made


def update_refused(
    resource: str, old: Object, new: Object, subresource: str = ""
) -> list[tuple[str, str]]:
    made, hooks, told = copy.deepcopy(new), strategy(resource), context(old, subresource)
    for hook in (hooks.defaults, hooks.prepare_for_update):
        if hook is not None:
            hook(made, told)
    assert hooks.validate_update is not None
    return [(c.field, c.message) for c in hooks.validate_update(made, told)]


def warned(resource: str, obj: Object) -> list[str]:
    warnings = strategy(resource).warnings
    assert warnings is not None
    told = context()
    return list(warnings(stored(resource, obj, told), told))


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
