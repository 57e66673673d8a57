"""clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy: each by itself, one with another, and what
of them may change. In: the spec of a service, and of the stored one. Out: findings. Pure."""

from __future__ import annotations

from kapiserver.errors import Cause
from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import duplicate, invalid, required, unsupported
from kapiserver.resources.printing import items
from kapiserver.resources.service_kinds import EXTERNAL_NAME, HEADLESS, is_headless
from kapiserver.resources.validation.ip_syntax import ip_problems, parse_ip
from kapiserver.resources.validation.repeats import repeated

_FAMILIES = ("IPv4", "IPv6")
_POLICIES = ("PreferDualStack", "RequireDualStack", "SingleStack")
_SET_ONCE = "may not change once set"
_FIELD = "spec.clusterIPs"


def check_cluster_ips(spec: Object, before: Object | None = None) -> list[Cause]:
    if spec.get("type") == EXTERNAL_NAME:
        return []
    addresses, families = items(spec, "clusterIPs"), items(spec, "ipFamilies")
    found: list[Cause] = []
    if spec.get("clusterIP"):
        if not addresses:
            found.append(required(_FIELD))
        elif addresses[0] != spec["clusterIP"]:
            found.append(invalid(_FIELD, addresses, "first value must match `clusterIP`"))
    elif addresses:
        why = "must be empty when `clusterIP` is not specified"
        found.append(invalid(_FIELD, addresses, why))
    again = repeated(families)
    for position, family in enumerate(families):
        here = f"spec.ipFamilies[{position}]"
        if family not in _FAMILIES:
            found.append(unsupported(here, family, _FAMILIES))
        if position in again:
            found.append(duplicate(here, family))
    policy = spec.get("ipFamilyPolicy")
    if policy is not None and policy not in _POLICIES:
        found.append(unsupported("spec.ipFamilyPolicy", policy, _POLICIES))
    broken = _check_addresses(found, addresses, items(before, "clusterIPs"))
    if len(addresses) > 2:
        found.append(invalid(_FIELD, addresses, "may only hold up to 2 values"))
    if not broken:
        _check_versions(found, spec, addresses, families)
    return found


def _check_addresses(found: list[Cause], addresses: list[str], known: list[str]) -> bool:
    """Whether one is no address at all; those that are stored are."""
    broken = False
    for position, address in enumerate(addresses):
        if position == 0 and address == HEADLESS:
            if len(addresses) > 1:
                broken = True
                why = "'None' must be the first and only value"
                found.append(invalid(_FIELD, addresses, why))
        elif address not in known:
            problems = ip_problems(address)
            broken = broken or bool(problems)
            found += [invalid(f"{_FIELD}[{position}]", address, why) for why in problems]
    return broken


def _check_versions(
    found: list[Cause], spec: Object, addresses: list[str], families: list[str]
) -> None:
    if is_headless(spec):
        return
    versions = [family_name(address) for address in addresses]
    if len(addresses) > 1 and len(set(versions)) < 2:
        why = "may specify no more than one IP for each IP family"
        found.append(invalid(_FIELD, addresses, why))
    for position, (version, family) in enumerate(zip(versions, families, strict=False)):
        if version != family and family in _FAMILIES:
            why = f"expected an {family} value as indicated by `ipFamilies[{position}]`"
            found.append(invalid(f"{_FIELD}[{position}]", addresses[position], why))


def family_name(address: str) -> str:
    parsed = parse_ip(address)
    return f"IPv{parsed.version}" if parsed is not None else "IPv4"


# -- what an update may change ------------------------------------------------------------------


def check_addresses_stay(spec: Object, before: Object) -> list[Cause]:
    if is_headless(spec) and is_headless(before):
        return []
    now, was = items(spec, "clusterIPs"), items(before, "clusterIPs")
    shown = spec.get("clusterIPs")
    found: list[Cause] = []
    if len(now) == len(was):
        return [
            invalid(f"{_FIELD}[{position}]", shown, _SET_ONCE)
            for position, (ours, theirs) in enumerate(zip(now, was, strict=True))
            if ours != theirs
        ]
    if was and not now:
        found.append(invalid(f"{_FIELD}[0]", shown, "primary clusterIP can not be unset"))
    if was and now and now[0] != was[0]:
        found.append(invalid(f"{_FIELD}[0]", shown, _SET_ONCE))
    if len(now) == 1 and len(was) > 1 and spec.get("ipFamilyPolicy") != "SingleStack":
        why = "must be set to 'SingleStack' when releasing the secondary clusterIP"
        found.append(invalid("spec.ipFamilyPolicy", spec.get("ipFamilyPolicy"), why))
    return found


def check_families_stay(spec: Object, before: Object) -> list[Cause]:
    """Families that are missing are filled in later, and are no release."""
    if is_headless(spec) or is_headless(before):
        return []
    now, was = items(spec, "ipFamilies"), items(before, "ipFamilies")
    field = "spec.ipFamilies[0]"
    if len(now) == len(was):
        return [
            invalid(field, spec.get("ipFamilies"), _SET_ONCE)
            for ours, theirs in zip(now, was, strict=True)
            if ours != theirs
        ]
    found: list[Cause] = []
    if now and was and now[0] != was[0]:
        found.append(invalid(field, spec.get("clusterIPs"), _SET_ONCE))
    if len(now) == 1 and len(was) > 1 and spec.get("ipFamilyPolicy") != "SingleStack":
        why = "must be set to 'SingleStack' when releasing the secondary ipFamily"
        found.append(invalid("spec.ipFamilyPolicy", spec.get("ipFamilyPolicy"), why))
    return found
