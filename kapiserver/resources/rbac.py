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
from kapiserver.resources.names import path_segment
from kapiserver.resources.printing import AGE, NAME, PLAIN, Cell, column, dig, doc, items, text
from kapiserver.resources.strategies import without_status
from kapiserver.resources.validation.roles import (
    RBAC_GROUP,
    check_aggregation,
    check_binding,
    check_rules,
)

GROUP_NAME = RBAC_GROUP
RBAC = Group(GROUP_NAME, "io.k8s.api.rbac")


def _binding_defaults(obj: Object, context: WriteContext) -> None:
    role = obj.get("roleRef")
    if isinstance(role, dict) and not role.get("apiGroup"):
        role["apiGroup"] = GROUP_NAME
    for subject in items(obj, "subjects"):
        if subject.get("kind") in ("User", "Group") and not subject.get("apiGroup"):
            subject["apiGroup"] = GROUP_NAME


def _validate_role(*, namespaced: bool) -> Validate:
    def validate(obj: Object, context: WriteContext) -> Sequence[Cause]:
        found: list[Cause] = []
        check_rules(found, obj.get("rules"), namespaced=namespaced)
        if not namespaced:
            old = None if context.old is None else context.old.get("aggregationRule")
            check_aggregation(found, obj.get("aggregationRule"), old)
        return found

    return validate


def _validate_binding(*, namespaced: bool) -> Validate:
    def validate(obj: Object, context: WriteContext) -> Sequence[Cause]:
        found: list[Cause] = []
        check_binding(found, obj, context.old, namespaced=namespaced)
        return found

    return validate


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


def _binding_columns(kind: str) -> tuple[Column, ...]:
    noun = kind[0].lower() + kind[1:]
    return (
        NAME,
        column("Role", _role, doc(f"rbac.v1.{kind}.roleRef")),
        AGE,
        column("Users", _subjects("User"), f"Users in the {noun}", wide=True),
        column("Groups", _subjects("Group"), f"Groups in the {noun}", wide=True),
        column(
            "ServiceAccounts",
            _subjects("ServiceAccount"),
            f"ServiceAccounts in the {noun}",
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
            validate=_validate_role(namespaced=namespaced), complete=True, create_on_update=True
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
            complete=True,
            create_on_update=True,
        ),
        columns=_binding_columns(kind),
    )


DEFINITIONS: tuple[ResourceDefinition, ...] = (
    _binding_definition("ClusterRoleBinding", "clusterrolebindings", namespaced=False),
    _role_definition("ClusterRole", "clusterroles", namespaced=False),
    _binding_definition("RoleBinding", "rolebindings", namespaced=True),
    _role_definition("Role", "roles", namespaced=True),
)
