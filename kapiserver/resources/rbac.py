"""rbac.authorization.k8s.io/v1: roles and bindings, in a namespace and cluster-wide."""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.errors import Cause
from kapiserver.resources.declare import Group
from kapiserver.resources.definition import (
    Column,
    Object,
    ResourceDefinition,
    Validate,
    WriteContext,
)
from kapiserver.resources.field_errors import invalid, not_supported, required
from kapiserver.resources.names import path_segment
from kapiserver.resources.printing import AGE, NAME, PLAIN, Cell, column, dig, items, text
from kapiserver.resources.strategies import set_default, without_status

GROUP_NAME = "rbac.authorization.k8s.io"
RBAC = Group(GROUP_NAME, "io.k8s.api.rbac")


def _binding_defaults(obj: Object, context: WriteContext) -> None:
    role = obj.get("roleRef")
    if isinstance(role, dict) and not role.get("apiGroup"):
        role["apiGroup"] = GROUP_NAME
    for subject in items(obj, "subjects"):
        if subject.get("kind") in ("User", "Group"):
            set_default(subject, "apiGroup", GROUP_NAME)


def _validate_rules(*, namespaced: bool) -> Validate:
    def validate(obj: Object, context: WriteContext) -> Sequence[Cause]:
        return [
            cause
            for position, rule in enumerate(items(obj, "rules"))
            for cause in _check_rule(rule, f"rules[{position}]", namespaced=namespaced)
        ]

    return validate


def _check_rule(rule: Object, here: str, *, namespaced: bool) -> list[Cause]:
    found: list[Cause] = []
    if not rule.get("verbs"):
        found.append(required(f"{here}.verbs", "verbs must contain at least one value"))
    urls = rule.get("nonResourceURLs")
    if urls:
        if namespaced:
            found.append(
                invalid(
                    f"{here}.nonResourceURLs",
                    urls,
                    "namespaced rules cannot apply to non-resource URLs",
                )
            )
        if rule.get("apiGroups") or rule.get("resources") or rule.get("resourceNames"):
            found.append(
                invalid(
                    f"{here}.nonResourceURLs",
                    urls,
                    "rules cannot apply to both regular resources and non-resource URLs",
                )
            )
        return found
    if not rule.get("apiGroups"):
        found.append(
            required(f"{here}.apiGroups", "resource rules must supply at least one api group")
        )
    if not rule.get("resources"):
        found.append(
            required(f"{here}.resources", "resource rules must supply at least one resource")
        )
    return found


def _validate_binding(*, namespaced: bool) -> Validate:
    kinds = ("Role", "ClusterRole") if namespaced else ("ClusterRole",)

    def validate(obj: Object, context: WriteContext) -> Sequence[Cause]:
        found: list[Cause] = []
        role = obj.get("roleRef") or {}
        if role.get("apiGroup") != GROUP_NAME:
            found.append(not_supported("roleRef.apiGroup", role.get("apiGroup", ""), (GROUP_NAME,)))
        if role.get("kind") not in kinds:
            found.append(not_supported("roleRef.kind", role.get("kind", ""), kinds))
        if not role.get("name"):
            found.append(required("roleRef.name"))
        for position, subject in enumerate(items(obj, "subjects")):
            found += _check_subject(subject, f"subjects[{position}]", namespaced=namespaced)
        return found

    return validate


def _check_subject(subject: Object, here: str, *, namespaced: bool) -> list[Cause]:
    found: list[Cause] = []
    if not subject.get("name"):
        found.append(required(f"{here}.name"))
    kind = subject.get("kind")
    if kind == "ServiceAccount":
        if not namespaced and not subject.get("namespace"):
            found.append(required(f"{here}.namespace"))
        if subject.get("apiGroup"):
            found.append(not_supported(f"{here}.apiGroup", subject["apiGroup"], ("",)))
    elif kind not in ("User", "Group"):
        found.append(not_supported(f"{here}.kind", kind, ("ServiceAccount", "User", "Group")))
    elif subject.get("apiGroup") != GROUP_NAME:
        found.append(not_supported(f"{here}.apiGroup", subject.get("apiGroup", ""), (GROUP_NAME,)))
    return found


def _role_stays(obj: Object, context: WriteContext) -> Sequence[Cause]:
    if context.old is not None and obj.get("roleRef") != context.old.get("roleRef"):
        return [invalid("roleRef", obj.get("roleRef"), "cannot change roleRef")]
    return ()


def _role(obj: Object, now: float) -> str:
    return f"{text(obj, 'roleRef', 'kind')}/{text(obj, 'roleRef', 'name')}"


def _subjects(kind: str) -> Cell:
    def cell(obj: Object, now: float) -> str:
        return ", ".join(
            f"{text(subject, 'namespace')}/{text(subject, 'name')}"
            if kind == "ServiceAccount"
            else text(subject, "name")
            for subject in items(obj, "subjects")
            if dig(subject, "kind") == kind
        )

    return cell


_BINDING_COLUMNS: tuple[Column, ...] = (
    NAME,
    column("Role", _role, "The role that is given."),
    AGE,
    column("Users", _subjects("User"), "Users who get the role.", wide=True),
    column("Groups", _subjects("Group"), "Groups that get the role.", wide=True),
    column(
        "ServiceAccounts",
        _subjects("ServiceAccount"),
        "Service accounts that get the role.",
        wide=True,
    ),
)


def _role_definition(kind: str, plural: str, *, namespaced: bool) -> ResourceDefinition:
    return RBAC.resource(
        kind,
        plural,
        namespaced=namespaced,
        name_rule=path_segment,
        strategy=without_status(
            validate=_validate_rules(namespaced=namespaced), create_on_update=True
        ),
        columns=PLAIN,
    )


def _binding_definition(kind: str, plural: str, *, namespaced: bool) -> ResourceDefinition:
    return RBAC.resource(
        kind,
        plural,
        namespaced=namespaced,
        name_rule=path_segment,
        strategy=without_status(
            defaults=_binding_defaults,
            validate=_validate_binding(namespaced=namespaced),
            validate_update=_role_stays,
            create_on_update=True,
        ),
        columns=_BINDING_COLUMNS,
    )


DEFINITIONS: tuple[ResourceDefinition, ...] = (
    _binding_definition("ClusterRoleBinding", "clusterrolebindings", namespaced=False),
    _role_definition("ClusterRole", "clusterroles", namespaced=False),
    _binding_definition("RoleBinding", "rolebindings", namespaced=True),
    _role_definition("Role", "roles", namespaced=True),
)
