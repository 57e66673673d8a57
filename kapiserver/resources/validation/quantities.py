"""Resource requirements: names of resources, amounts, and requests against limits."""

from __future__ import annotations

from collections.abc import Callable, Collection
from fractions import Fraction
from functools import lru_cache
from typing import Any

from kapiserver.remembering import remembered
from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import (
    duplicate,
    forbidden,
    invalid,
    not_found,
    required,
    unsupported,
)
from kapiserver.resources.schema.quantity import quantity_value
from kapiserver.resources.validation.formats import NON_NEGATIVE, Found, check_label
from kapiserver.resources.validation.label_syntax import qualified_name

HUGE_PAGES = "hugepages-"
_NATIVE_DOMAIN = "kubernetes.io/"
_COMPUTE = ("cpu", "memory", "ephemeral-storage")
_COUNTED = frozenset(
    (
        "pods",
        "services",
        "replicationcontrollers",
        "resourcequotas",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
        "services.nodeports",
        "services.loadbalancers",
    )
)
# Names without a domain that mean something somewhere: quotas, nodes, claims, containers.
_STANDARD = _COUNTED | frozenset(
    (
        *_COMPUTE,
        *(f"{side}.{name}" for side in ("requests", "limits") for name in _COMPUTE),
        "storage",
        "requests.storage",
    )
)
_POD_LEVEL = ("cpu", "memory")


@lru_cache(8192)
def amount(text: Any) -> Fraction:
    """The value of a quantity; what is no quantity was refused before, and counts as none."""
    return quantity_value(str(text)) or Fraction(0)


def is_native(name: str) -> bool:
    return "/" not in name or _NATIVE_DOMAIN in name


@remembered(1024)
def is_extended(name: str) -> bool:
    if is_native(name) or name.startswith("requests."):
        return False
    return not qualified_name(f"requests.{name}")


def _is_whole(name: str) -> bool:
    return name in _COUNTED or is_extended(name)


def overcommits(name: str) -> bool:
    return is_native(name) and not name.startswith(HUGE_PAGES)


@remembered(1024)
def resource_name(name: str) -> tuple[str, ...]:
    """What is wrong with the name of something that there are amounts of."""
    problems = qualified_name(name)
    if problems:
        return problems
    standard = name in _STANDARD or name.startswith((HUGE_PAGES, "requests." + HUGE_PAGES))
    if "/" not in name and not standard:
        return ("must be a standard resource type or fully qualified",)
    return ()


@remembered(1024)
def container_resource(name: str) -> tuple[str, ...]:
    """What is wrong with the name of something that a container can ask for."""
    problems = resource_name(name)
    if "/" not in name:
        if name not in _COMPUTE and not name.startswith(HUGE_PAGES):
            return (*problems, "must be a standard resource for containers")
    elif not is_native(name) and not is_extended(name):
        return (*problems, "doesn't follow extended resource name standard")
    return problems


def _check_container_name(found: Found, name: str, path: str) -> None:
    if problems := container_resource(name):
        found += [invalid(path, name, problem) for problem in problems]


def _check_pod_name(found: Found, name: str, path: str) -> None:
    problems = resource_name(name)
    found += [invalid(path, name, problem) for problem in problems]
    if not problems and name not in _POD_LEVEL and not name.startswith(HUGE_PAGES):
        found.append(unsupported(path, name, ("cpu", "hugepages-", "memory")))


def check_amount(
    found: Found, name: str, quantity: Any, path: str, *, partial_pages: bool = False
) -> None:
    value = amount(quantity)
    if value < 0:
        found.append(invalid(path, quantity, NON_NEGATIVE))
    if value.denominator != 1 and _is_whole(name):
        found.append(invalid(path, quantity, "must be an integer"))
    if name.startswith(HUGE_PAGES) and not partial_pages:
        page = quantity_value(name.removeprefix(HUGE_PAGES))
        if not page or value % page:
            detail = f"{quantity} is not positive integer multiple of {name}"
            found.append(invalid(path, quantity, detail))


def check_container_resources(
    found: Found,
    resources: Object,
    path: str,
    claims: Collection[str] = (),
    *,
    partial_pages: bool = False,
) -> None:
    _check_requirements(found, resources, path, claims, _check_container_name, partial_pages)


def check_pod_requirements(
    found: Found,
    resources: Object,
    path: str,
    claims: Collection[str],
    *,
    partial_pages: bool,
) -> None:
    """spec.resources of a pod: fewer resources than for a container."""
    _check_requirements(found, resources, path, claims, _check_pod_name, partial_pages)


def _check_requirements(
    found: Found,
    resources: Object,
    path: str,
    claims: Collection[str],
    check_name: Callable[[Found, str, str], None],
    partial_pages: bool,
) -> None:
    limits = resources.get("limits") or {}
    requests = resources.get("requests") or {}
    for name, quantity in limits.items():
        here = f"{path}.limits[{name}]"
        check_name(found, name, here)
        check_amount(found, name, quantity, here, partial_pages=partial_pages)
    for name, quantity in requests.items():
        here = f"{path}.requests[{name}]"
        check_name(found, name, here)
        check_amount(found, name, quantity, here, partial_pages=partial_pages)
        limit = limits.get(name)
        if limit is None:
            if not overcommits(name):
                detail = "Limit must be set for non overcommitable resources"
                found.append(required(f"{path}.limits", detail))
        elif limit != quantity:
            asked, allowed = amount(quantity), amount(limit)
            if asked != allowed and not overcommits(name):
                detail = f"must be equal to {name} limit of {limit}"
                found.append(invalid(f"{path}.requests", quantity, detail))
            elif asked > allowed:
                detail = f"must be less than or equal to {name} limit of {limit}"
                found.append(invalid(f"{path}.requests", quantity, detail))
    if limits or requests:
        names = {*limits, *requests}
        pages = any(name.startswith(HUGE_PAGES) for name in names)
        if pages and not names & {"cpu", "memory"}:
            found.append(forbidden(path, "HugePages require cpu or memory"))
    if resources.get("claims"):
        _check_claims(found, resources["claims"], f"{path}.claims", claims)


def _check_claims(found: Found, used: Any, path: str, claims: Collection[str]) -> None:
    seen: set[str] = set()
    detail = "must be one of the names in pod.spec.resourceClaims"
    detail += f": {', '.join(sorted(claims))}" if claims else " which is empty"
    in_part: set[str] = set()  # claims of which one request is used
    for position, claim in enumerate(used):
        here = f"{path}[{position}]"
        name, request = claim.get("name", ""), claim.get("request", "")
        if not name:
            found.append(required(here))
            continue
        if name in seen:
            found.append(duplicate(here, name))
        else:
            key = name
            if request:
                check_label(found, request, f"{here}.request")
                key = f"{name}/{request}"
            if key in seen:
                found.append(duplicate(here, key))
            elif name in in_part and not request:
                found.append(duplicate(here, name))
            seen.add(key)
            if request:
                in_part.add(name)
        if name not in claims:
            found.append(not_found(here, name, detail))
