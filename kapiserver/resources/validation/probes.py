"""Probes and lifecycle hooks of containers, and the actions that both are made of."""

from __future__ import annotations

from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import forbidden, invalid, required, unsupported
from kapiserver.resources.validation.formats import (
    Found,
    check_non_negative,
    check_port,
    check_port_or_name,
    header_name,
)

_SCHEMES = ("HTTP", "HTTPS")
_SIGNALS_NEED_OS = "may not be set for containers with empty `spec.os.name`"


def check_probes(found: Found, container: Object, path: str, grace: int | None) -> None:
    probe = container.get("livenessProbe")
    if probe is not None:
        _check_probe(found, probe, f"{path}.livenessProbe", grace)
        _check_one_success(found, probe, f"{path}.livenessProbe")
    probe = container.get("readinessProbe")
    if probe is not None:
        here = f"{path}.readinessProbe"
        _check_probe(found, probe, here, grace)
        seconds = probe.get("terminationGracePeriodSeconds")
        if seconds is not None:
            field = f"{here}.terminationGracePeriodSeconds"
            found.append(invalid(field, seconds, "must not be set for readinessProbes"))
    probe = container.get("startupProbe")
    if probe is not None:
        _check_probe(found, probe, f"{path}.startupProbe", grace)
        _check_one_success(found, probe, f"{path}.startupProbe")


def _check_one_success(found: Found, probe: Object, path: str) -> None:
    threshold = probe.get("successThreshold", 0)
    if threshold != 1:
        found.append(invalid(f"{path}.successThreshold", threshold, "must be 1"))


def _check_probe(found: Found, probe: Object, path: str, grace: int | None) -> None:
    _check_handler(found, probe, path, grace)
    check_non_negative(
        found,
        probe,
        path,
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    )
    seconds = probe.get("terminationGracePeriodSeconds")
    if seconds is not None and seconds <= 0:
        field = f"{path}.terminationGracePeriodSeconds"
        found.append(invalid(field, seconds, "must be greater than 0"))


def check_lifecycle(
    found: Found, lifecycle: Object, path: str, grace: int | None, operating_system: str
) -> None:
    for moment in ("postStart", "preStop"):
        handler = lifecycle.get(moment)
        if handler is not None:
            _check_handler(found, handler, f"{path}.{moment}", grace)
    if lifecycle.get("stopSignal") and not operating_system:
        found.append(forbidden(f"{path}.stopSignal", _SIGNALS_NEED_OS))


def _check_handler(found: Found, handler: Object, path: str, grace: int | None) -> None:
    count = 0
    for kind, check in _HANDLERS.items():
        action = handler.get(kind)
        if action is None:
            continue
        count += 1
        if count > 1:
            detail = "may not specify more than 1 handler type"
            found.append(forbidden(f"{path}.{kind}", detail))
        else:
            check(found, action, f"{path}.{kind}", grace)
    if count == 0:
        found.append(required(path, "must specify a handler type"))


def _check_exec(found: Found, action: Object, path: str, grace: int | None) -> None:
    if not action.get("command"):
        found.append(required(f"{path}.command"))


def _check_http(found: Found, action: Object, path: str, grace: int | None) -> None:
    if not action.get("path"):
        found.append(required(f"{path}.path"))
    check_port_or_name(found, action.get("port"), f"{path}.port")
    scheme = action.get("scheme", "")
    if scheme not in _SCHEMES:
        found.append(unsupported(f"{path}.scheme", scheme, _SCHEMES))
    for header in action.get("httpHeaders") or ():
        name = header.get("name", "")
        found += [invalid(f"{path}.httpHeaders", name, why) for why in header_name(name)]


def _check_tcp(found: Found, action: Object, path: str, grace: int | None) -> None:
    check_port_or_name(found, action.get("port"), f"{path}.port")


def _check_grpc(found: Found, action: Object, path: str, grace: int | None) -> None:
    check_port(found, action.get("port", 0), f"{path}.port")


def _check_sleep(found: Found, action: Object, path: str, grace: int | None) -> None:
    seconds: Any = action.get("seconds", 0)
    if grace is not None and not 0 <= seconds <= grace:
        detail = f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
        found.append(invalid(path, seconds, detail))


_HANDLERS = {
    "exec": _check_exec,
    "httpGet": _check_http,
    "tcpSocket": _check_tcp,
    "grpc": _check_grpc,
    "sleep": _check_sleep,
}
