"""pods/proxy, services/proxy and nodes/proxy: any request, to what the object names.

In: calls whose name may carry a scheme and a port (`https:web:8443`) and whose path goes on behind
`proxy`. Out: the backend's answer. Backends other than kubelets are not verified and are not shown
a certificate of ours; addresses that only this machine means are refused.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from kapiserver.api.call import Call
from kapiserver.errors import BadRequest, NotFound, ServiceUnavailable
from kapiserver.proxying.forward import forward, upgrade
from kapiserver.proxying.kubelets import KubeletSettings, kubelet, node_of, unverified_context
from kapiserver.proxying.pods import pod_of
from kapiserver.proxying.rewrite import Rewriter
from kapiserver.proxying.target import (
    Named,
    Target,
    is_public,
    parse_address,
    port_number,
    split_name,
)
from kapiserver.request import Response
from kapiserver.storage.object import Selection

_SERVICE_LABEL = "kubernetes.io/service-name"

Object = dict[str, Any]


class Proxies:
    """The verbs."""

    def __init__(self, settings: KubeletSettings) -> None:
        self._settings = settings

    async def to_node(self, call: Call) -> Response:
        named = _named(call, "node")
        node = await node_of(call, named.name)
        target = replace(kubelet(node, self._settings, ""), public=True)
        if named.port not in ("", str(target.port)):
            target = _backend(named.scheme, target.host, _port(named.port, call))
        return await _pass(call, target)

    async def to_pod(self, call: Call) -> Response:
        named = _named(call, "pod")
        pod = await pod_of(call, named.name)
        address = parse_address(_pod_addresses(pod)[0]) if _pod_addresses(pod) else None
        if address is None or not is_public(address):
            raise BadRequest("address not allowed")
        default = 443 if named.scheme == "https" else 80
        port = _port(named.port, call) if named.port else _first_port(pod) or default
        return await _pass(call, _backend(named.scheme, str(address), port))

    async def to_service(self, call: Call) -> Response:
        named = _named(call, "service")
        host, port = await _endpoint(call, named)
        return await _pass(call, _backend(named.scheme, host, port))


def _named(call: Call, what: str) -> Named:
    named = split_name(call.name)
    if named is None:
        raise BadRequest(f'invalid {what} request "{call.name}"')
    return named


def _port(text: str, call: Call) -> int:
    number = port_number(text)
    if number is None:
        raise ServiceUnavailable(
            f"error trying to reach service: dial tcp: lookup tcp/{text}: unknown port"
        )
    return number


def _backend(scheme: str, host: str, port: int) -> Target:
    tls = unverified_context if scheme == "https" else None
    return Target(host, port, "", "", tls, public=True)


async def _pass(call: Call, target: Target) -> Response:
    request, info = call.context.request, call.context.info
    path = "/".join(info.parts[3:])
    path = f"/{path}" if path else ""
    if request.path.endswith("/") and not path.endswith("/"):
        path += "/"
    target = replace(target, path=path, query=request.query.decode("latin-1"))
    if request.upgradable:
        return await upgrade(call, target)
    if not path and request.method in ("GET", "HEAD"):
        # relative links of the page would otherwise lead beside the proxy
        query = b"?" + request.query if request.query else b""
        return Response(301, [(b"location", request.path.encode() + b"/" + query)])
    host = (request.header(b"host") or b"").decode("latin-1")
    return await forward(call, target, Rewriter(request.path, path, (target.authority, host)))


def _first_port(pod: Object) -> int | None:
    for container in pod.get("spec", {}).get("containers") or ():
        for port in container.get("ports") or ():
            return int(port["containerPort"])
    return None


def _pod_addresses(pod: Object) -> list[str]:
    status = pod.get("status", {})
    found = [entry.get("ip", "") for entry in status.get("podIPs") or ()]
    return found or ([status["podIP"]] if status.get("podIP") else [])


async def _endpoint(call: Call, named: Named) -> tuple[str, int]:
    """An address behind the service, picked at random among those that have the port."""
    name, port_name = named.name, named.port
    service = await _read(call, "", "services", name)
    if port_name.isdigit():
        if service is None:
            raise NotFound.of("", "services", name)
        ports = service.get("spec", {}).get("ports") or ()
        wanted = next((p for p in ports if p.get("port") == int(port_name)), None)
        if wanted is None:
            raise ServiceUnavailable(f'no service port {port_name} found for service "{name}"')
        port_name = wanted.get("name", "")
    if service is None:
        raise NotFound.of("", "endpoints", name)
    subsets = await _subsets(call, name)
    random.shuffle(subsets)
    for addresses, ports in subsets:
        port = next((p["port"] for p in ports if (p.get("name") or "") == port_name), None)
        if port is None:
            continue
        random.shuffle(addresses)
        for address, reference in addresses:
            if await _is_pod(call, address, reference):
                return address, int(port)
    raise ServiceUnavailable(f'no endpoints available for service "{call.name}"')


Subset = tuple[list[tuple[str, Object]], list[Object]]


async def _subsets(call: Call, name: str) -> list[Subset]:
    """From the Endpoints of the service, or from its EndpointSlices."""
    endpoints = await _read(call, "", "endpoints", name)
    if endpoints is not None:
        return [
            (
                [(a["ip"], a.get("targetRef") or {}) for a in subset.get("addresses") or ()],
                subset.get("ports") or [],
            )
            for subset in endpoints.get("subsets") or ()
        ]
    scope = call.services.scopes.stored("discovery.k8s.io", "endpointslices")
    found: list[Subset] = []
    for stored in scope.objects.select(Selection(call.namespace)):
        if stored.labels.get(_SERVICE_LABEL) != name:
            continue
        slice_ = stored.decoded()
        ready = [
            (address, endpoint.get("targetRef") or {})
            for endpoint in slice_.get("endpoints") or ()
            if endpoint.get("conditions", {}).get("ready", True)
            for address in endpoint.get("addresses") or ()
        ]
        found.append((ready, slice_.get("ports") or []))
    return found


async def _is_pod(call: Call, address: str, reference: Object) -> bool:
    """Endpoints can be written by users: only addresses of pods of the namespace are followed."""
    if not reference.get("name") or reference.get("namespace") != call.namespace:
        return False
    pod = await _read(call, "", "pods", reference["name"])
    return pod is not None and address in _pod_addresses(pod)


async def _read(call: Call, group: str, resource: str, name: str) -> Object | None:
    stored = await call.services.scopes.stored(group, resource).objects.get(call.namespace, name)
    return None if stored is None else stored.decoded()
