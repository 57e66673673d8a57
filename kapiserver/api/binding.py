"""pods/binding: a scheduler puts a pod on a node. Once only; the answer is a Status."""

from __future__ import annotations

from typing import Any

from kapiserver.api.body import BODY_LIMIT, BodyError, parse_body
from kapiserver.api.call import Call
from kapiserver.api.metadata import match_name, match_namespace, metadata_of, timestamp
from kapiserver.api.negotiation import body_media_type
from kapiserver.api.options import write_options
from kapiserver.api.render import respond_json
from kapiserver.api.write import AbsentError, Ownership, Update
from kapiserver.errors import BadRequest, Conflict, Invalid
from kapiserver.request import Response
from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import not_supported, required

_DEFINITIONS = {
    "Binding": "io.k8s.api.core.v1.Binding",
    "Eviction": "io.k8s.api.policy.v1.Eviction",
    "Scale": "io.k8s.api.autoscaling.v1.Scale",
    "TokenRequest": "io.k8s.api.authentication.v1.TokenRequest",
}


async def read_small_object(call: Call, kind: str) -> Object:
    """The body of a subresource that has its own kind (Binding, Eviction)."""
    request = call.context.request
    media_type = body_media_type(request.header(b"content-type"))
    message = call.services.scopes.messages.get(_DEFINITIONS[kind])
    body = await request.body(BODY_LIMIT)
    try:
        obj = parse_body(body, media_type, strict=False, message=message).value
    except BodyError as error:
        raise BadRequest(
            f"the object provided is unrecognized (must be of type {kind}): {error}"
        ) from error
    if not isinstance(obj, dict) or obj.get("kind", kind) != kind:
        raise BadRequest(f"the object provided is unrecognized (must be of type {kind})")
    metadata = metadata_of(obj)
    if not isinstance(metadata, dict):
        raise BadRequest(f"{kind}: metadata must be an object")
    match_namespace(metadata, call.namespace)
    return obj


def success(code: int) -> dict[str, Any]:
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": code}


async def bind(call: Call) -> Response:
    options = write_options(call.context.query, "CreateOptions")
    binding = await read_small_object(call, "Binding")
    match_name(binding["metadata"], call.name)
    target = binding.get("target") or {}
    causes = []
    if target.get("kind", "Node") not in ("Node", "Minion", ""):
        causes.append(not_supported("target.kind", target["kind"], ("Node", "<empty>")))
    if not target.get("name"):
        causes.append(required("target.name"))
    if causes:
        raise Invalid.of("", "Binding", call.name, causes)
    node = target["name"]

    def assign(pod: Object) -> Object:
        spec = pod.setdefault("spec", {})
        if "deletionTimestamp" in pod["metadata"]:
            raise _conflict(call, f"pod {call.name} is being deleted, cannot be assigned to a host")
        if spec.get("nodeName"):
            why = f'pod {call.name} is already assigned to node "{spec["nodeName"]}"'
            raise _conflict(call, why)
        spec["nodeName"] = node
        _note_scheduled(pod)
        annotations = binding["metadata"].get("annotations")
        if annotations:
            pod["metadata"].setdefault("annotations", {}).update(annotations)
        return pod

    try:
        await Update(call, call.name, options, assign, ownership=Ownership.UNTOUCHED).run()
    except AbsentError:
        raise call.not_found() from None
    return respond_json(success(201), call.context, 201)


def _note_scheduled(pod: Object) -> None:
    conditions = pod.setdefault("status", {}).setdefault("conditions", [])
    conditions[:] = [c for c in conditions if c.get("type") != "PodScheduled"]
    conditions.append(
        {
            "type": "PodScheduled",
            "status": "True",
            "lastProbeTime": None,
            "lastTransitionTime": timestamp(),
        }
    )


def _conflict(call: Call, why: str) -> Conflict:
    return Conflict.of("", "pods/binding", call.name, why)
