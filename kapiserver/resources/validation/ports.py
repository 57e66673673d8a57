"""Ports of containers."""

from __future__ import annotations

from typing import Any

from kapiserver.resources.field_errors import duplicate, invalid, required, unsupported
from kapiserver.resources.validation.formats import Found, check_port, port_name

PROTOCOLS = ("SCTP", "TCP", "UDP")


def check_ports(found: Found, ports: Any, path: str) -> None:
    names: set[str] = set()
    for position, port in enumerate(ports):
        name = port.get("name", "")
        if name:
            if problems := port_name(name):
                here = f"{path}[{position}].name"
                found += [invalid(here, name, problem) for problem in problems]
            elif name in names:
                found.append(duplicate(f"{path}[{position}].name", name))
            names.add(name)
        number = port.get("containerPort", 0)
        if number == 0:
            found.append(required(f"{path}[{position}].containerPort"))
        elif not 1 <= number <= 65535:
            check_port(found, number, f"{path}[{position}].containerPort")
        host_port = port.get("hostPort", 0)
        if host_port:
            check_port(found, host_port, f"{path}[{position}].hostPort")
        protocol = port.get("protocol", "")
        if not protocol:
            found.append(required(f"{path}[{position}].protocol"))
        elif protocol not in PROTOCOLS:
            found.append(unsupported(f"{path}[{position}].protocol", protocol, PROTOCOLS))


def check_host_ports(found: Found, containers: Any, path: str) -> None:
    """No two of these containers claim the same port of their node."""
    claimed: set[str] = set()
    for index, container in enumerate(containers):
        for position, port in enumerate(container.get("ports") or ()):
            number = port.get("hostPort")
            if not number:
                continue
            claim = f"{port.get('protocol', '')}/{port.get('hostIP', '')}/{number}"
            if claim in claimed:
                here = f"{path}[{index}].ports[{position}].hostPort"
                found.append(duplicate(here, claim))
            claimed.add(claim)


def check_host_network(found: Found, containers: Any, path: str, *, is_pod: bool) -> None:
    """With the node's network a container's port is the node's; templates may leave it open."""
    for index, container in enumerate(containers):
        for position, port in enumerate(container.get("ports") or ()):
            host_port, number = port.get("hostPort", 0), port.get("containerPort", 0)
            if (is_pod or host_port) and host_port != number:
                here = f"{path}[{index}].ports[{position}].hostPort"
                detail = "must match `containerPort` when `hostNetwork` is true"
                found.append(invalid(here, host_port, detail))
