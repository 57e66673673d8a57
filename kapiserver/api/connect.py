"""Subresources that are answered by a kubelet or an endpoint, where there is none.

This server has no nodes behind it. The answers are those of kube-apiserver for a pod that is not
scheduled, a node or an endpoint that cannot be reached.
"""

from __future__ import annotations

from kapiserver.api.call import Call
from kapiserver.errors import BadRequest, ServiceUnavailable
from kapiserver.request import Response


async def logs(call: Call) -> Response:
    """The log of a pod that never started is empty."""
    node = await _node_of_pod(call)
    if node:
        raise _unreachable(node)
    return Response(200, [(b"content-type", b"text/plain")], b"")


async def to_pod(call: Call) -> Response:
    node = await _node_of_pod(call)
    if node:
        raise _unreachable(node)
    raise BadRequest(f"pod {call.name} does not have a host assigned")


async def to_node(call: Call) -> Response:
    await _object(call, call.name)
    raise _unreachable(call.name)


async def to_service(call: Call) -> Response:
    name = call.name.partition(":")[0] if call.name.count(":") == 1 else call.name
    await _object(call, name)
    raise ServiceUnavailable(f'no endpoints available for service "{call.name}"')


async def _object(call: Call, name: str) -> dict[str, object]:
    stored = await call.scope.objects.get(call.namespace, name)
    if stored is None:
        raise call.not_found(name)
    return stored.decoded()


async def _node_of_pod(call: Call) -> str:
    pod = await _object(call, call.name)
    spec = pod.get("spec")
    node = spec.get("nodeName") if isinstance(spec, dict) else None
    return node if isinstance(node, str) else ""


def _unreachable(node: str) -> ServiceUnavailable:
    return ServiceUnavailable(
        f'error dialing backend: the node "{node}" cannot be reached: this control plane has no '
        "connection to kubelets"
    )
