"""Warnings about labels of nodes that have been renamed or mean nothing any more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kapiserver.resources.definition import Object

DEPRECATED_NODE_LABELS = {
    "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
    "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
    "failure-domain.beta.kubernetes.io/region": (
        'deprecated since v1.17; use "topology.kubernetes.io/region" instead'
    ),
    "failure-domain.beta.kubernetes.io/zone": (
        'deprecated since v1.17; use "topology.kubernetes.io/zone" instead'
    ),
    "beta.kubernetes.io/instance-type": (
        'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead'
    ),
    "app.kubernetes.io/created-by": "deprecated since v1.9",
    "scheduler.alpha.kubernetes.io/preferAvoidPods": (
        "deprecated since v1.22; use Taints and Tolerations instead"
    ),
    "node-role.kubernetes.io/master": 'use "node-role.kubernetes.io/control-plane" instead',
}
# What the renamed ones are called today.
RENAMED_NODE_LABELS = {
    "beta.kubernetes.io/arch": "kubernetes.io/arch",
    "beta.kubernetes.io/os": "kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "beta.kubernetes.io/instance-type": "node.kubernetes.io/instance-type",
}


def expression_warnings(expressions: Any, path: str) -> Iterator[str]:
    """`expressions` are matchExpressions, `path` is theirs."""
    for position, expression in enumerate(expressions or ()):
        label = expression.get("key", "")
        if label in DEPRECATED_NODE_LABELS:
            yield f"{path}[{position}].key: {label} is {DEPRECATED_NODE_LABELS[label]}"


def selector_warnings(selector: Object | None, path: str) -> Iterator[str]:
    """Of a label selector that selects nodes."""
    if not selector:
        return
    yield from expression_warnings(selector.get("matchExpressions"), f"{path}.matchExpressions")
    for label in selector.get("matchLabels") or ():
        if label in DEPRECATED_NODE_LABELS:
            yield f"{path}.matchLabels.{label}: {DEPRECATED_NODE_LABELS[label]}"
