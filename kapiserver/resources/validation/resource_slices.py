"""Resource slices: the devices that a driver offers, where they are, and what they share."""

from __future__ import annotations

import re
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import (
    forbidden,
    immutable,
    invalid,
    required,
    too_long,
    too_many,
)
from kapiserver.resources.names import dns1123_subdomain
from kapiserver.resources.validation.device_capacity import check_request_policy
from kapiserver.resources.validation.devices import (
    by_name,
    check_binding_conditions,
    check_driver_name,
    check_list,
    check_name,
    check_needed_name,
    check_pool_name,
    check_qualified_name,
    check_set,
    check_taint,
)
from kapiserver.resources.validation.formats import Found
from kapiserver.resources.validation.internals import NIL
from kapiserver.resources.validation.same import same
from kapiserver.resources.validation.scheduling import check_node_selector

_MAX_DEVICES = 128
_MAX_DEVICES_THAT_SHARE = 64
_MAX_COUNTER_SETS = 8
_MAX_COUNTERS = 32
_MAX_CONSUMPTIONS = 2
_MAX_ATTRIBUTES = 32
_MAX_TAINTS = 16
_MAX_TEXT = 64
_MAX_SHOWN_KEY = 63 + 1 + 32
_MAX_SHOWN_COUNTER = 63
_ATTRIBUTE_KINDS = ("int", "bool", "string", "version", "ints", "bools", "strings", "versions")
_ONE_OF_KINDS = ", ".join(f"`{kind}`" for kind in _ATTRIBUTE_KINDS)
_ONE_PLACE = (
    "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"
)
_ONE_PLACE_EACH = (
    "exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when "
    "`perDeviceNodeSelection` is set to true in the ResourceSlice spec"
)
_NO_PLACE_EACH = (
    "`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set "
    "to true in the ResourceSlice spec"
)
_NUMBER = r"(0|[1-9]\d*)"
_BEFORE = r"(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)"
_BUILD = "[0-9a-zA-Z-]+"
_semver = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(-{_BEFORE}(\.{_BEFORE})*)?(\+{_BUILD}(\.{_BUILD})*)?",
    re.ASCII,
)


def check_slice(found: Found, spec: Object, old: Object | None) -> None:
    pool = spec.get("pool") or {}
    check_driver_name(found, spec.get("driver") or "", "spec.driver")
    check_pool_name(found, pool.get("name") or "", "spec.pool.name")
    count, generation = pool.get("resourceSliceCount") or 0, pool.get("generation") or 0
    if count <= 0:
        found.append(invalid("spec.pool.resourceSliceCount", count, "must be greater than zero"))
    if generation < 0:
        detail = "must be greater than or equal to zero"
        found.append(invalid("spec.pool.generation", generation, detail))
    if old is not None:
        _check_stays(found, spec, old)
    _check_place(found, spec)
    devices: list[Any] = spec.get("devices") or []
    if spec.get("sharedCounters") is not None and spec.get("devices") is not None:
        found.append(invalid("spec", "", "only one of `sharedCounters` or `devices` is allowed"))
    before = {device.get("name"): device for device in (old or {}).get("devices") or ()}
    each = spec.get("perDeviceNodeSelection") is True

    def check_device(found: Found, device: Object, path: str) -> None:
        _check_device(found, device, before.get(device.get("name")), path, each=each)

    shares = any(device.get("taints") or device.get("consumesCounters") for device in devices)
    most = _MAX_DEVICES_THAT_SHARE if shares else _MAX_DEVICES
    check_set(found, devices, most, check_device, "spec.devices", by_name, shows_key=True)
    counters = spec.get("sharedCounters") or []
    check_set(found, counters, _MAX_COUNTER_SETS, _check_counters, "spec.sharedCounters", by_name)


def _check_stays(found: Found, spec: Object, old: Object) -> None:
    name, known = ((each.get("pool") or {}).get("name") for each in (spec, old))
    if not same(name, known):
        found.append(immutable("spec.pool.name", name or ""))
    for field, absent in (("driver", ""), ("nodeName", NIL)):
        if not same(spec.get(field), old.get(field)):
            found.append(immutable(f"spec.{field}", spec.get(field, absent)))


def _check_node_name(found: Found, name: str, path: str, empty: str, chosen: list[str]) -> None:
    if not name:
        found.append(invalid(path, name, empty))
        return
    chosen.append("`nodeName`")
    found += [invalid(path, name, problem) for problem in dns1123_subdomain(name)]


def _check_flag(found: Found, value: Any, name: str, path: str, chosen: list[str]) -> None:
    if value:
        chosen.append(f"`{name}`")
    elif value is not None:
        found.append(invalid(f"{path}.{name}", value, "must be either unset or set to true"))


def _check_place(found: Found, spec: Object) -> None:
    """Which nodes can use the devices: one way to say it."""
    chosen: list[str] = []
    if spec.get("nodeName") is not None:
        empty = "must be either unset or set to a non-empty string"
        _check_node_name(found, spec["nodeName"], "spec.nodeName", empty, chosen)
    selector = spec.get("nodeSelector")
    if selector is not None:
        chosen.append("`nodeSelector`")
        check_node_selector(found, selector, "spec.nodeSelector")
        terms = selector.get("nodeSelectorTerms")
        if len(terms or ()) != 1:
            path = "spec.nodeSelector.nodeSelectorTerms"
            found.append(invalid(path, terms, "must have exactly one node selector term"))
    for name in ("allNodes", "perDeviceNodeSelection"):
        _check_flag(found, spec.get(name), name, "spec", chosen)
    if not chosen:
        found.append(required("spec", _ONE_PLACE))
    elif len(chosen) > 1:
        detail = f"{_ONE_PLACE}, but multiple fields are set"
        found.append(invalid("spec", f"{{{', '.join(chosen)}}}", detail))


def _check_device_place(found: Found, device: Object, path: str) -> None:
    chosen: list[str] = []
    if device.get("nodeName") is not None:
        here = f"{path}.nodeName"
        _check_node_name(found, device["nodeName"], here, "must not be empty", chosen)
    if device.get("nodeSelector") is not None:
        chosen.append("`nodeSelector`")
        check_node_selector(found, device["nodeSelector"], f"{path}.nodeSelector")
    _check_flag(found, device.get("allNodes"), "allNodes", path, chosen)
    if not chosen:
        found.append(required(path, _ONE_PLACE_EACH))
    elif len(chosen) > 1:
        found.append(invalid(path, f"{{{', '.join(chosen)}}}", _ONE_PLACE_EACH))


def _check_device(
    found: Found, device: Object, old: Object | None, path: str, *, each: bool
) -> None:
    check_name(found, device.get("name") or "", f"{path}.name")
    attributes: Object = device.get("attributes") or {}
    capacity: Object = device.get("capacity") or {}
    total = len(attributes) + len(capacity)
    if total > _MAX_ATTRIBUTES:
        detail = f"the total number of attributes and capacities must not exceed {_MAX_ATTRIBUTES}"
        found.append(invalid(path, total, detail))
    for name, attribute in attributes.items():
        check_qualified_name(found, name, f"{path}.attributes")
        _check_attribute(found, attribute, f"{path}.attributes[{_cut(name, _MAX_SHOWN_KEY)}]")
    if old is None or not same(old.get("capacity"), device.get("capacity")):
        _check_capacity(found, device, capacity, f"{path}.capacity")
    if old is None or not same(old.get("taints"), device.get("taints")):
        taints = device.get("taints") or []
        check_list(found, taints, _MAX_TAINTS, check_taint, f"{path}.taints")
    consumed = device.get("consumesCounters") or []
    here = f"{path}.consumesCounters"
    check_set(found, consumed, _MAX_CONSUMPTIONS, _check_consumption, here, _counter_set)
    if each:
        _check_device_place(found, device, path)
    elif any(device.get(field) is not None for field in ("nodeName", "nodeSelector", "allNodes")):
        found.append(invalid(path, NIL, _NO_PLACE_EACH))
    check_binding_conditions(found, device, path)


def _cut(text: str, most: int) -> str:
    """Keys that are too long are shown without their middle."""
    if len(text) <= most:
        return text
    kept = most - 3
    return f"{text[: (kept + 1) // 2]}...{text[len(text) - kept // 2 :]}"


def _check_attribute(found: Found, attribute: Object, path: str) -> None:
    if attribute.get("string") is not None and len(attribute["string"].encode()) > _MAX_TEXT:
        found.append(too_long(f"{path}.string", _MAX_TEXT))
    version = attribute.get("version")
    if version is not None:
        if not _semver.fullmatch(version):
            detail = "must be a string compatible with semver.org spec 2.0.0"
            found.append(invalid(f"{path}.version", version, detail))
        if len(version.encode()) > _MAX_TEXT:
            found.append(too_long(f"{path}.version", _MAX_TEXT))
    chosen = [kind for kind in _ATTRIBUTE_KINDS if attribute.get(kind) is not None]
    if not chosen:
        found.append(invalid(path, "", f"must specify one of: {_ONE_OF_KINDS}"))
    elif len(chosen) > 1:
        shown = ", ".join(f"`{kind}`" for kind in chosen)
        detail = f"must specify exactly one of: {_ONE_OF_KINDS}"
        found.append(invalid(path, f"{{{shown}}}", detail))


def _check_capacity(found: Found, device: Object, capacity: Object, path: str) -> None:
    for name, offered in capacity.items():
        check_qualified_name(found, name, path)
        policy = offered.get("requestPolicy")
        here = f"{path}[{_cut(name, _MAX_SHOWN_KEY)}].requestPolicy"
        if policy is None:
            continue
        if device.get("allowMultipleAllocations"):
            check_request_policy(found, offered.get("value") or "0", policy, here)
        else:
            found.append(forbidden(here, "allowMultipleAllocations must be true"))


def _check_counters(found: Found, counters: Object, path: str) -> None:
    check_needed_name(found, counters.get("name") or "", f"{path}.name")
    _check_counter_names(found, counters, f"{path}.counters")


def _counter_set(consumption: Object) -> str:
    name: str = consumption.get("counterSet") or ""
    return name


def _check_consumption(found: Found, consumption: Object, path: str) -> None:
    check_needed_name(found, _counter_set(consumption), f"{path}.counterSet")
    _check_counter_names(found, consumption, f"{path}.counters")


def _check_counter_names(found: Found, owner: Object, path: str) -> None:
    counters: Object = owner.get("counters") or {}
    if not counters:
        found.append(required(path))
    elif len(counters) > _MAX_COUNTERS:
        found.append(too_many(path, len(counters), _MAX_COUNTERS))
    else:
        for name in counters:
            check_name(found, name, path)
