"""Claims on devices: which devices are asked for, and what is known of those that were given.

Selectors are expressions; here they are only required and measured, not compiled.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import orjson

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import (
    forbidden,
    invalid,
    required,
    too_long,
    too_many,
    unsupported,
)
from kapiserver.resources.names import dns1123_subdomain
from kapiserver.resources.validation.conditions import check_conditions
from kapiserver.resources.validation.devices import (
    MAX_CONDITIONS,
    by_name,
    check_binding_conditions,
    check_driver_name,
    check_full_name,
    check_given_driver,
    check_given_pool,
    check_list,
    check_name,
    check_pool_name,
    check_set,
    check_toleration,
    check_uuid,
)
from kapiserver.resources.validation.formats import Found
from kapiserver.resources.validation.internals import NIL
from kapiserver.resources.validation.ip_syntax import parse_cidr, parse_ip
from kapiserver.resources.validation.label_syntax import qualified_name
from kapiserver.resources.validation.same import same
from kapiserver.resources.validation.scheduling import check_node_selector

_MANY = 32
_MAX_ALTERNATIVES = 8
_MAX_RESERVED = 256
_MAX_ADDRESSES = 16
_MAX_TEXT = 10 * 1024
_MAX_INTERFACE = 256
_MAX_HARDWARE_ADDRESS = 128
_MODES = ("All", "ExactCount")
_SOURCES = ("FromClaim", "FromClass")
_ONE_KIND = "exactly one of `exactly` or `firstAvailable` is required"
_BAD_REFERENCE = (
    "must be the name of a request in the claim or the name of a request and a subrequest "
    "separated by '/'"
)
_NO_ATTRIBUTE = (
    'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are '
    "set"
)

RequestNames = dict[str, set[str]]


def check_device_claim(found: Found, claim: Object, path: str) -> None:
    names = _request_names(claim)
    requests = claim.get("requests") or []
    check_set(found, requests, _MANY, _check_request, f"{path}.requests", by_name)

    def check_constraint(found: Found, constraint: Object, path: str) -> None:
        _check_references(found, constraint, names, path)
        for field in ("matchAttribute", "distinctAttribute"):
            if constraint.get(field) is not None:
                check_full_name(found, constraint[field], f"{path}.{field}")
                return
        found.append(required(path, _NO_ATTRIBUTE))

    def check_config(found: Found, config: Object, path: str) -> None:
        _check_references(found, config, names, path)
        _check_opaque(found, config, path)

    constraints, configs = claim.get("constraints") or [], claim.get("config") or []
    check_list(found, constraints, _MANY, check_constraint, f"{path}.constraints")
    check_list(found, configs, _MANY, check_config, f"{path}.config")


def _request_names(claim: Object) -> RequestNames:
    return {
        request.get("name") or "": {
            each.get("name") or "" for each in request.get("firstAvailable") or ()
        }
        for request in claim.get("requests") or ()
    }


def _check_request(found: Found, request: Object, path: str) -> None:
    check_name(found, request.get("name") or "", f"{path}.name")
    exactly, alternatives = request.get("exactly"), request.get("firstAvailable") or []
    if exactly is None and not alternatives:
        found.append(required(path, _ONE_KIND))
    elif exactly is not None and alternatives:
        found.append(invalid(path, NIL, f"{_ONE_KIND}, but multiple fields are set"))
    elif exactly is not None:
        _check_asked(found, exactly, f"{path}.exactly")
    else:
        here = f"{path}.firstAvailable"
        check_set(found, alternatives, _MAX_ALTERNATIVES, _check_alternative, here, by_name)


def _check_alternative(found: Found, request: Object, path: str) -> None:
    check_name(found, request.get("name") or "", f"{path}.name")
    _check_asked(found, request, path)


def _check_asked(found: Found, asked: Object, path: str) -> None:
    name, here = asked.get("deviceClassName") or "", f"{path}.deviceClassName"
    if not name:
        found.append(required(here))
    else:
        found += [invalid(here, name, problem) for problem in dns1123_subdomain(name)]
    check_selectors(found, asked.get("selectors") or [], f"{path}.selectors", stored=False)
    mode, count = asked.get("allocationMode") or "", asked.get("count") or 0
    if mode not in _MODES:
        found.append(unsupported(f"{path}.allocationMode", mode, _MODES))
    elif mode == "All" and count:
        detail = f"must not be specified when allocationMode is '{mode}'"
        found.append(invalid(f"{path}.count", count, detail))
    elif mode == "ExactCount" and count <= 0:
        found.append(invalid(f"{path}.count", count, "must be greater than zero"))
    tolerations = asked.get("tolerations") or []
    check_list(found, tolerations, -1, check_toleration, f"{path}.tolerations")


def check_selectors(found: Found, selectors: list[Any], path: str, *, stored: bool) -> None:
    def check(found: Found, selector: Object, path: str) -> None:
        cel = selector.get("cel")
        if cel is None:
            found.append(required(f"{path}.cel"))
        elif not stored and len((cel.get("expression") or "").encode()) > _MAX_TEXT:
            found.append(too_long(f"{path}.cel.expression", _MAX_TEXT))

    check_list(found, selectors, _MANY, check, path)


def _check_references(found: Found, owner: Object, names: RequestNames, path: str) -> None:
    def check(found: Found, name: str, path: str) -> None:
        _check_reference(found, name, names, path)

    check_set(found, owner.get("requests") or [], _MANY, check, f"{path}.requests")


def _check_reference(found: Found, name: str, names: RequestNames, path: str) -> None:
    request, slash, alternative = name.partition("/")
    if "/" in alternative:
        found.append(invalid(path, name, _BAD_REFERENCE))
        return
    check_name(found, request, path)
    if slash:
        check_name(found, alternative, path)
    if request not in names or (slash and alternative not in names[request]):
        found.append(invalid(path, name, _BAD_REFERENCE))


def _check_opaque(found: Found, config: Object, path: str, *, stored: bool = False) -> None:
    opaque, here = config.get("opaque"), f"{path}.opaque"
    if opaque is None:
        found.append(required(here))
        return
    check_given_driver(found, opaque.get("driver") or "", f"{here}.driver")
    _check_raw(found, opaque.get("parameters"), f"{here}.parameters", stored=stored)


def _check_raw(found: Found, value: Any, path: str, *, stored: bool = False) -> None:
    if value is None:
        found.append(required(path))
    elif not stored and len(orjson.dumps(value)) > _MAX_TEXT:
        found.append(too_long(path, _MAX_TEXT))
    elif not isinstance(value, dict):
        found.append(invalid(path, "<value omitted>", "must be a valid JSON object"))


def check_device_class(found: Found, spec: Object, old: Object | None) -> None:
    """What an old class said already need not be measured again."""

    def kept(field: str) -> bool:
        return old is not None and same(spec.get(field), old.get(field))

    stored = kept("selectors")
    check_selectors(found, spec.get("selectors") or [], "spec.selectors", stored=stored)

    def check_config(found: Found, config: Object, path: str) -> None:
        _check_opaque(found, config, path, stored=kept("config"))

    check_list(found, spec.get("config") or [], _MANY, check_config, "spec.config")
    name, path = spec.get("extendedResourceName"), "spec.extendedResourceName"
    if name is None or kept("extendedResourceName"):
        return
    if "/" not in name:
        detail = "a name must be a domain-prefixed path, such as 'example.com/my-prop'"
        found.append(invalid(path, name, detail))
    elif "kubernetes.io/" in name:
        found.append(invalid(path, name, 'must not have "kubernetes.io/" domain'))
    if name.startswith("requests."):
        found.append(invalid(path, name, 'must not have "requests." prefix'))
    found += [invalid(path, name, problem) for problem in qualified_name(f"requests.{name}")]


def device_identity(device: Object) -> tuple[str, ...]:
    fields = ("driver", "pool", "device", "shareID")
    return tuple(device.get(field) or "" for field in fields)


def check_claim_status(found: Found, claim: Object, old: Object) -> None:
    status, before = claim.get("status") or {}, old.get("status") or {}
    names = _request_names((claim.get("spec") or {}).get("devices") or {})
    reserved, allocation = status.get("reservedFor") or [], status.get("allocation")
    check_set(found, reserved, _MAX_RESERVED, _check_consumer, "status.reservedFor", _by_uid)
    results = ((allocation or {}).get("devices") or {}).get("results") or []
    allocated = {device_identity(result) for result in results}

    def check_device(found: Found, device: Object, path: str) -> None:
        _check_device_status(found, device, path, allocated)

    check_set(
        found, status.get("devices") or [], -1, check_device, "status.devices", device_identity
    )
    if reserved:
        _check_reserved(found, claim, reserved, before.get("reservedFor") or [])
    kept = before.get("allocation")
    if allocation is not None and kept is not None:
        if not same(allocation, kept):
            detail = "field cannot be modified once set"
            found.append(invalid("status.allocation", NIL, detail))
    elif allocation is not None:
        _check_allocation(found, allocation, names, "status.allocation")


def _check_reserved(found: Found, claim: Object, reserved: list[Any], before: list[Any]) -> None:
    path = "status.reservedFor"
    if (claim.get("status") or {}).get("allocation") is None:
        found.append(forbidden(path, "may not be specified when `allocated` is not set"))
    elif (claim.get("metadata") or {}).get("deletionTimestamp") and any(
        consumer not in before for consumer in reserved
    ):
        detail = (
            "new entries may not be added while `deallocationRequested` or `deletionTimestamp` "
            "are set"
        )
        found.append(forbidden(path, detail))


def _by_uid(consumer: Object) -> Hashable:
    return consumer.get("uid") or ""


def _check_consumer(found: Found, consumer: Object, path: str) -> None:
    for field in ("resource", "name", "uid"):
        if not consumer.get(field):
            found.append(required(f"{path}.{field}"))


def _check_allocation(found: Found, allocation: Object, names: RequestNames, path: str) -> None:
    devices = allocation.get("devices") or {}

    def check_result(found: Found, result: Object, path: str) -> None:
        _check_reference(found, result.get("request") or "", names, f"{path}.request")
        check_given_driver(found, result.get("driver") or "", f"{path}.driver")
        check_given_pool(found, result.get("pool") or "", f"{path}.pool")
        check_name(found, result.get("device") or "", f"{path}.device")
        check_binding_conditions(found, result, path)
        tolerations = result.get("tolerations") or []
        check_list(found, tolerations, -1, check_toleration, f"{path}.tolerations")
        if result.get("shareID") is not None:
            check_uuid(found, result["shareID"], f"{path}.shareID")

    def check_config(found: Found, config: Object, path: str) -> None:
        source = config.get("source") or ""
        if not source:
            found.append(required(f"{path}.source"))
        elif source not in _SOURCES:
            found.append(unsupported(f"{path}.source", source, _SOURCES))
        _check_references(found, config, names, path)
        _check_opaque(found, config, path)

    results, configs = devices.get("results") or [], devices.get("config") or []
    check_list(found, results, _MANY, check_result, f"{path}.devices.results")
    check_list(found, configs, 2 * _MANY, check_config, f"{path}.devices.config")
    if allocation.get("nodeSelector") is not None:
        check_node_selector(found, allocation["nodeSelector"], f"{path}.nodeSelector")


def _check_device_status(
    found: Found, device: Object, path: str, allocated: set[tuple[str, ...]]
) -> None:
    check_driver_name(found, device.get("driver") or "", f"{path}.driver")
    check_pool_name(found, device.get("pool") or "", f"{path}.pool")
    check_name(found, device.get("device") or "", f"{path}.device")
    if device.get("shareID") is not None:
        check_uuid(found, device["shareID"], f"{path}.shareID")
    if device_identity(device) not in allocated:
        # kube-apiserver shows the identity without what is in it
        shown: Object = {"Driver": {}, "Pool": {}, "Device": {}, "ShareID": {}}
        found.append(invalid(path, shown, "must be an allocated device in the claim"))
    conditions = device.get("conditions") or []
    if len(conditions) > MAX_CONDITIONS:
        found.append(too_many(f"{path}.conditions", len(conditions), MAX_CONDITIONS))
    check_conditions(found, conditions, f"{path}.conditions")
    if device.get("data") is not None:
        _check_raw(found, device["data"], f"{path}.data")
    network = device.get("networkData") or {}
    here = f"{path}.networkData"
    for field, most in (
        ("interfaceName", _MAX_INTERFACE),
        ("hardwareAddress", _MAX_HARDWARE_ADDRESS),
    ):
        if len((network.get(field) or "").encode()) > most:
            found.append(too_long(f"{here}.{field}", most))
    check_set(found, network.get("ips") or [], _MAX_ADDRESSES, _check_address, f"{here}.ips")


def _check_address(found: Found, text: str, path: str) -> None:
    """An address with the size of its network, as an interface has it."""
    network = parse_cidr(text)
    if network is None:
        detail = "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)"
        found.append(invalid(path, text, detail))
        return
    canonical = f"{parse_ip(text.partition('/')[0])}/{network.prefixlen}"
    if canonical != text:
        found.append(invalid(path, text, f'must be in canonical form ("{canonical}")'))
