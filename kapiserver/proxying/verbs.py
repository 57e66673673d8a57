"""The connect family as a table: who answers, by (resource, subresource)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from kapiserver.api.call import Call
from kapiserver.authz.authorizer import Authorizer
from kapiserver.proxying.kubelets import KubeletSettings
from kapiserver.proxying.pods import PodConnections
from kapiserver.proxying.proxies import Proxies
from kapiserver.request import Response

Verb = Callable[[Call], Awaitable[Response]]


def connect_verbs(settings: KubeletSettings, authorizer: Authorizer) -> dict[tuple[str, str], Verb]:
    pods, proxies = PodConnections(settings, authorizer), Proxies(settings)
    return {
        ("pods", "attach"): pods.attach,
        ("pods", "exec"): pods.execute,
        ("pods", "log"): pods.log,
        ("pods", "portforward"): pods.port_forward,
        ("nodes", "proxy"): proxies.to_node,
        ("pods", "proxy"): proxies.to_pod,
        ("services", "proxy"): proxies.to_service,
    }
