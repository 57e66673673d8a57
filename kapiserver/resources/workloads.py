"""What every workload with a pod template has in common: replicas, selector, template.

Selectors decide which pods a workload owns, so they must select its own template, and most kinds
may not change them afterwards.
"""

from __future__ import annotations

from kapiserver.errors import Cause
from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import forbidden, invalid, not_supported, required
from kapiserver.resources.pod_defaults import default_pod_spec
from kapiserver.resources.pod_rules import check_pod_spec
from kapiserver.resources.printing import dig, items, text

NON_NEGATIVE = "must be greater than or equal to 0"


def default_template(spec: Object) -> None:
    """Defaults of spec.template, when there is one."""
    template = spec.get("template")
    if isinstance(template, dict):
        default_pod_spec(template.setdefault("spec", {}))


def check_replicas(spec: Object, path: str) -> list[Cause]:
    return check_non_negative(spec, path, "replicas", "minReadySeconds", "revisionHistoryLimit")


def check_non_negative(spec: Object, path: str, *fields: str) -> list[Cause]:
    return [
        invalid(f"{path}.{field}", spec[field], NON_NEGATIVE)
        for field in fields
        if isinstance(spec.get(field), int) and spec[field] < 0
    ]


def check_template(
    template: Object, path: str, *, claimed: frozenset[str] = frozenset()
) -> list[Cause]:
    return check_pod_spec(template.get("spec") or {}, f"{path}.spec", claimed=claimed)


def check_long_running(
    template: Object, path: str, owner: str, *, claimed: frozenset[str] = frozenset()
) -> list[Cause]:
    """Pods that are replaced when they end: they restart always and have no deadline."""
    found = check_template(template, path, claimed=claimed)
    policy = dig(template, "spec", "restartPolicy")
    if policy not in (None, "Always"):
        found.append(not_supported(f"{path}.spec.restartPolicy", policy, ("Always",)))
    if dig(template, "spec", "activeDeadlineSeconds") is not None:
        found.append(
            forbidden(
                f"{path}.spec.activeDeadlineSeconds",
                f"activeDeadlineSeconds in {owner} is not Supported",
            )
        )
    return found


def check_selected_template(spec: Object, owner: str) -> list[Cause]:
    """spec.selector is there, is not empty, and selects spec.template."""
    found: list[Cause] = []
    selector = spec.get("selector")
    template = spec.get("template")
    if selector is None:
        found.append(required("spec.selector"))
    elif not selector.get("matchLabels") and not selector.get("matchExpressions"):
        found.append(
            invalid("spec.selector", selector, f"empty selector is invalid for {owner.lower()}")
        )
    if not isinstance(template, dict):
        found.append(required("spec.template"))
        return found
    labels = dig(template, "metadata", "labels") or {}
    if selector and not selects(selector, labels):
        found.append(
            invalid(
                "spec.template.metadata.labels",
                labels,
                "`selector` does not match template `labels`",
            )
        )
    claimed = frozenset(
        text(claim, "metadata", "name") for claim in items(spec, "volumeClaimTemplates")
    )
    return found + check_long_running(template, "spec.template", owner, claimed=claimed)


def selects(selector: Object, labels: Object) -> bool:
    """Whether a label selector object selects a set of labels."""
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    return all(_meets(expression, labels) for expression in items(selector, "matchExpressions"))


def _meets(expression: Object, labels: Object) -> bool:
    key, values = text(expression, "key"), items(expression, "values")
    operator = text(expression, "operator")
    if operator == "In":
        return key in labels and labels[key] in values
    if operator == "NotIn":
        return key not in labels or labels[key] not in values
    if operator == "Exists":
        return key in labels
    return operator == "DoesNotExist" and key not in labels
