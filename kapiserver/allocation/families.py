"""Which IP families a service has: ipFamilyPolicy, ipFamilies and clusterIPs made to fit. Pure.

In: the families that the cluster is configured for, the first being the default; a service, and on
an update what it was before. Out: the service's families filled in, in place; or Invalid with
every finding. The rules are upstream's, one by one: a service never goes between single-stack and
dual-stack unless the client says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kapiserver.allocation.ranges import IPV4, IPV6, family_of, parse_address
from kapiserver.errors import Cause, Invalid
from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import invalid
from kapiserver.resources.service_addresses import check_cluster_ips
from kapiserver.resources.service_kinds import EXTERNAL_NAME, HEADLESS

SINGLE, PREFER_DUAL, REQUIRE_DUAL = "SingleStack", "PreferDualStack", "RequireDualStack"

_POLICY = "spec.ipFamilyPolicy"
_OTHER = {IPV4: IPV6, IPV6: IPV4}
_MULTIPLE = "must be 'RequireDualStack' or 'PreferDualStack' when multiple {} are specified".format


def addresses_of(spec: Object) -> list[str]:
    return list(spec.get("clusterIPs") or ())


def families_of(spec: Object) -> list[str]:
    return list(spec.get("ipFamilies") or ())


def keeps_dual_stack(spec: Object, before: Object | None) -> bool:
    """A PreferDualStack service that says nothing new stays as it is, even in a changed cluster."""
    return (
        before is not None
        and spec.get("type") == before.get("type")
        and spec.get("type") != EXTERNAL_NAME
        and spec.get("ipFamilyPolicy") == PREFER_DUAL
        and before.get("ipFamilyPolicy", PREFER_DUAL) == PREFER_DUAL
        and addresses_of(spec) == addresses_of(before)
        and families_of(spec) == families_of(before)
    )


def settle_families(service: Object, old: Object | None, configured: Sequence[str]) -> None:
    """Raises Invalid."""
    spec = service["spec"]
    before: Object | None = None if old is None else old.get("spec") or {}
    if spec.get("type") == EXTERNAL_NAME or keeps_dual_stack(spec, before):
        return
    bare = spec.get("clusterIP") == HEADLESS and not spec.get("selector")
    if "ipFamilyPolicy" not in spec:
        spec["ipFamilyPolicy"] = _policy(before, bare=bare)
    _refuse(service, check_cluster_ips(spec, before))
    found = _narrow(spec, before) if before is not None else []
    found += _check_single(spec)
    found += _infer(spec, configured)
    _refuse(service, found)
    families = families_of(spec)
    if not bare:
        _refuse(service, _check_configured(spec, families, configured))
    families = families or [configured[0]]
    dual = spec["ipFamilyPolicy"] != SINGLE and len(families) == 1
    if dual and (bare or len(configured) == 2):
        families.append(_OTHER[families[0]])
    spec["ipFamilies"] = families


def _policy(before: Object | None, *, bare: bool) -> str:
    if before is not None and "ipFamilyPolicy" in before:
        return str(before["ipFamilyPolicy"])
    # without a selector it is somebody else who fills in the endpoints, of any family
    return REQUIRE_DUAL if bare else SINGLE


def _narrow(spec: Object, before: Object) -> list[Cause]:
    """SingleStack says clearly that the second address may go; nothing else does."""
    found = []
    for field, what in (("clusterIPs", "cluster IP"), ("ipFamilies", "IP family")):
        now, was = list(spec.get(field) or ()), list(before.get(field) or ())
        if spec["ipFamilyPolicy"] == SINGLE:
            if now == was and len(now) > 1:
                spec[field] = now[:1]
        elif now and len(now) < len(was):
            why = f"must be 'SingleStack' to release the secondary {what}"
            found.append(invalid(_POLICY, spec["ipFamilyPolicy"], why))
    return found


def _check_single(spec: Object) -> list[Cause]:
    if spec["ipFamilyPolicy"] != SINGLE:
        return []
    return [
        invalid(_POLICY, SINGLE, _MULTIPLE(what))
        for values, what in (
            (addresses_of(spec), "cluster IPs"),
            (families_of(spec), "IP families"),
        )
        if len(values) == 2
    ]


def _infer(spec: Object, configured: Sequence[str]) -> list[Cause]:
    """An address says its family."""
    families, found = families_of(spec), []
    for position, text in enumerate(addresses_of(spec)):
        address = parse_address(text)
        if address is None:
            break
        if position >= len(families):
            family = family_of(address)
            if family in configured:
                families.append(family)
            else:
                why = f"{family} is not configured on this cluster"
                found.append(invalid(f"spec.clusterIPs[{position}]", spec["clusterIPs"], why))
    if families:
        spec["ipFamilies"] = families
    return found


def _check_configured(
    spec: Object, families: Sequence[str], configured: Sequence[str]
) -> list[Cause]:
    found: list[Cause] = []
    policy: Any = spec["ipFamilyPolicy"]
    if policy == REQUIRE_DUAL and len(configured) < 2:
        why = "this cluster is not configured for dual-stack services"
        found.append(invalid(_POLICY, policy, why))
    found += [
        invalid(f"spec.ipFamilies[{position}]", family, "not configured on this cluster")
        for position, family in enumerate(families)
        if family not in configured
    ]
    return found


def _refuse(service: Object, found: Sequence[Cause]) -> None:
    if found:
        raise Invalid.of("", "Service", service["metadata"].get("name", ""), found)
