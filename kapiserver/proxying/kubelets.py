"""How a node's kubelet is reached.

In: the Node object and the node settings. Out: a `Target` for a path on its kubelet. Certificate
files are read at each connection, so that renewed ones are used.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kapiserver.api.call import Call
from kapiserver.errors import NotFound
from kapiserver.proxying.forward import ProxyFailed
from kapiserver.proxying.target import Target

KUBELET_PORT = 10250
ADDRESS_TYPES = ("Hostname", "InternalDNS", "InternalIP", "ExternalDNS", "ExternalIP")
_HOSTNAME_LABEL = "kubernetes.io/hostname"

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class KubeletSettings:
    """`address_types`: which of a node's addresses to use, best first. Without an authority the
    kubelet's certificate is not verified."""

    address_types: tuple[str, ...] = ADDRESS_TYPES
    client_certificate: Path | None = None
    client_key: Path | None = None
    certificate_authority: Path | None = None

    def context(self, *, verify: bool = True) -> ssl.SSLContext:
        """Raises ProxyFailed when a file cannot be used."""
        context = unverified_context()
        try:
            if self.certificate_authority is not None and verify:
                context.load_verify_locations(self.certificate_authority)
                context.verify_mode = ssl.CERT_REQUIRED
                context.check_hostname = True
            if self.client_certificate is not None:
                context.load_cert_chain(self.client_certificate, self.client_key)
        except (OSError, ssl.SSLError) as error:
            raise ProxyFailed(
                f"error loading the kubelet client's certificates: {error}"
            ) from error
        return context

    def insecure_context(self) -> ssl.SSLContext:
        return self.context(verify=False)


def unverified_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


async def node_of(call: Call, name: str) -> Object:
    stored = await call.services.scopes.stored("", "nodes").objects.get("", name)
    if stored is None:
        raise NotFound.of("", "nodes", name)
    return stored.decoded()


def kubelet(node: Object, settings: KubeletSettings, path: str, query: str = "") -> Target:
    return Target(_host(node, settings.address_types), _port(node), path, query, settings.context)


def _host(node: Object, address_types: tuple[str, ...]) -> str:
    addresses = node.get("status", {}).get("addresses") or ()
    for wanted in address_types:
        for address in addresses:
            if address.get("type") == wanted:
                return str(address.get("address", ""))
        if wanted == "Hostname":
            label = node["metadata"].get("labels", {}).get(_HOSTNAME_LABEL)
            if label:
                return str(label)
    known = " ".join(f"{{{a.get('type', '')} {a.get('address', '')}}}" for a in addresses)
    raise ProxyFailed(f"no preferred addresses found; known addresses: [{known}]")


def _port(node: Object) -> int:
    endpoint = node.get("status", {}).get("daemonEndpoints", {}).get("kubeletEndpoint", {})
    return int(endpoint.get("Port") or 0) or KUBELET_PORT
