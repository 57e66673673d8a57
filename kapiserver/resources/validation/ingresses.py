"""Ingresses and their classes. Worded as upstream's. Pure."""

from __future__ import annotations

from typing import NamedTuple

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import (
    forbidden,
    invalid,
    required,
    too_long,
    unsupported,
)
from kapiserver.resources.names import (
    dns1123_label,
    dns1123_subdomain,
    path_segment,
    wildcard_subdomain,
)
from kapiserver.resources.printing import items, text
from kapiserver.resources.validation.formats import (
    Found,
    check_domain_prefixed,
    check_label,
    check_port,
    check_subdomain,
    port_name,
)
from kapiserver.resources.validation.ip_syntax import parse_ip

_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
_SCOPES = ("Cluster", "Namespace")
_MAX_CONTROLLER = 250
_BAD_SEQUENCES = ("//", "/./", "/../", "%2f", "%2F")
_BAD_ENDS = ("/..", "/.")


class Leniency(NamedTuple):
    """What an update may keep, because the stored ingress has it."""

    secret_names: bool = False
    wildcard_rules: bool = False


def leniency(before: Object | None) -> Leniency:
    if before is None:
        return Leniency()
    return Leniency(
        any(_secret_problems(text(entry, "secretName")) for entry in items(before, "tls")),
        any("*" in text(rule, "host") and _rule_findings(rule) for rule in items(before, "rules")),
    )


def _rule_findings(rule: Object) -> Found:
    found: Found = []
    _check_rule(found, rule, "")
    return found


def check_ingress(found: Found, spec: Object, before: Object | None) -> None:
    kept = leniency(before)
    if not spec.get("rules") and spec.get("defaultBackend") is None:
        detail = "either `defaultBackend` or `rules` must be specified"
        found.append(invalid("spec", spec.get("rules"), detail))
    if spec.get("defaultBackend") is not None:
        _check_backend(found, spec["defaultBackend"], "spec.defaultBackend")
    for position, rule in enumerate(items(spec, "rules")):
        path, host = f"spec.rules[{position}]", text(rule, "host")
        if host and parse_ip(host) is not None:
            found.append(invalid(f"{path}.host", host, "must be a DNS name, not an IP address"))
        if host:
            _check_host(found, host, f"{path}.host")
        if "*" not in host or not kept.wildcard_rules:
            _check_rule(found, rule, path)
    for number, entry in enumerate(items(spec, "tls")):
        path = f"spec.tls[{number}]"
        for position, host in enumerate(items(entry, "hosts")):
            _check_host(found, host, f"{path}.hosts[{position}]")
        name = text(entry, "secretName")
        if not kept.secret_names:
            found += [invalid(f"{path}.secretName", name, why) for why in _secret_problems(name)]
    if spec.get("ingressClassName") is not None:
        check_subdomain(found, spec["ingressClassName"], "spec.ingressClassName")


def _secret_problems(name: str) -> list[str]:
    return dns1123_subdomain(name) if name else []


def _check_host(found: Found, host: str, path: str) -> None:
    rule = wildcard_subdomain if "*" in host else dns1123_subdomain
    found += [invalid(path, host, problem) for problem in rule(host)]


def _check_rule(found: Found, rule: Object, path: str) -> None:
    http = rule.get("http")
    if http is None:
        return
    if not items(http, "paths"):
        found.append(required(f"{path}.http.paths"))
    for position, entry in enumerate(items(http, "paths")):
        _check_path(found, entry, f"{path}.http.paths[{position}]")


def _check_path(found: Found, entry: Object, here: str) -> None:
    kind, path, field = entry.get("pathType"), text(entry, "path"), f"{here}.path"
    if kind is None:
        found.append(required(f"{here}.pathType", "pathType must be specified"))
        return
    if kind in ("Exact", "Prefix"):
        if not path.startswith("/"):
            found.append(invalid(field, path, "must be an absolute path"))
        found += [
            invalid(field, path, f"must not contain '{part}'")
            for part in _BAD_SEQUENCES
            if part in path
        ]
        found += [
            invalid(field, path, f"cannot end with '{end}'")
            for end in _BAD_ENDS
            if path.endswith(end)
        ]
    elif kind == "ImplementationSpecific":
        if path and not path.startswith("/"):
            found.append(invalid(field, path, "must be an absolute path"))
    else:
        found.append(unsupported(f"{here}.pathType", kind, _PATH_TYPES))
    _check_backend(found, entry.get("backend") or {}, f"{here}.backend")


def _check_backend(found: Found, backend: Object, path: str) -> None:
    service, resource = backend.get("service"), backend.get("resource")
    if service is not None and resource is not None:
        found.append(invalid(path, "", "cannot set both resource and service backends"))
    elif resource is not None:
        check_reference(found, resource, f"{path}.resource")
    elif service is not None:
        _check_service(found, service, path)
    else:
        found.append(invalid(path, "", "resource or service backend is required"))


def _check_service(found: Found, service: Object, path: str) -> None:
    name, port = text(service, "name"), service.get("port") or {}
    if name:
        check_label(found, name, f"{path}.service.name")
    else:
        found.append(required(f"{path}.service.name"))
    port_text, number = text(port, "name"), port.get("number") or 0
    if port_text and number:
        found.append(invalid(path, "", "cannot set both port name & port number"))
    elif port_text:
        here = f"{path}.service.port.name"
        found += [invalid(here, port_text, problem) for problem in port_name(port_text)]
    elif number:
        check_port(found, number, f"{path}.service.port.number")
    else:
        found.append(required(path, "port name or number is required"))


def check_reference(found: Found, reference: Object, path: str) -> None:
    """An object of any kind, by group, kind and name."""
    if reference.get("apiGroup") is not None:
        check_subdomain(found, reference["apiGroup"], f"{path}.apiGroup")
    for field in ("kind", "name"):
        check_segment(found, text(reference, field), f"{path}.{field}")


def check_segment(found: Found, value: str, path: str) -> None:
    """A name that has to be there, and fits into one segment of a URL path."""
    if not value:
        found.append(required(path))
    found += [invalid(path, value, problem) for problem in path_segment(value)]


def check_class(found: Found, spec: Object) -> None:
    controller = text(spec, "controller")
    if len(controller.encode()) > _MAX_CONTROLLER:
        found.append(too_long("spec.controller", _MAX_CONTROLLER))
    check_domain_prefixed(found, controller, "spec.controller")
    parameters, path = spec.get("parameters"), "spec.parameters"
    if parameters is None:
        return
    check_reference(found, parameters, path)
    scope, namespace = parameters.get("scope"), parameters.get("namespace")
    if scope is None:
        found.append(required(f"{path}.scope"))
    elif scope not in _SCOPES:
        found.append(unsupported(f"{path}.scope", scope, _SCOPES))
    elif scope == "Cluster" and namespace is not None:
        found.append(forbidden(f"{path}.namespace", "`parameters.scope` is set to 'Cluster'"))
    elif scope == "Namespace" and namespace is None:
        found.append(required(f"{path}.namespace", "`parameters.scope` is set to 'Namespace'"))
    elif scope == "Namespace":
        problems = dns1123_label(namespace)
        found += [invalid(f"{path}.namespace", namespace, problem) for problem in problems]
