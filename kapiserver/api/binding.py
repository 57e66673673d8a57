"""pods/binding: a scheduler puts a pod on a node. Once only; the answer is a Status."""

from __future__ import annotations

from typing import Any

from kapiserver.admission.chain import CREATE
from kapiserver.api.call import Call
from kapiserver.api.decoding import read_placed
from kapiserver.api.options import WriteOptions, write_options
from kapiserver.api.pod_conditions import set_true
from kapiserver.api.render import respond_json
from kapiserver.api.write import AbsentError, Ownership, Update
from kapiserver.errors import BadRequest, Conflict, Invalid
from kapiserver.request import Response
from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import required, unsupported

_TARGETS = ("Node", "")


def success(code: int) -> dict[str, Any]:
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": code}


async def bind(call: Call) -> Response:
    options = write_options(call.context.query, "CreateOptions")
    binding = await read_placed(call, options)
    if binding["metadata"].get("name", "") != call.name:
        raise BadRequest("name in URL does not match name in Binding object")
    return await _bind(call, call.name, binding, options)


async def bind_named(call: Call) -> Response:
    """POST bindings, from before there were subresources: the body names the pod."""
    options = write_options(call.context.query, "CreateOptions")
    binding = await read_placed(call, options)
    name = binding["metadata"].get("name", "")
    pods = Call(call.services, call.context, call.services.scopes.stored("", "pods"))
    pods.subresource = "binding"
    return await _bind(pods, name, binding, options)


async def _bind(call: Call, name: str, binding: Object, options: WriteOptions) -> Response:
    attributes = call.admission_attributes(CREATE, name, dry_run=options.dry_run, obj=binding)
    await call.services.admission.mutate(attributes)
    target = binding.get("target") or {}
    causes = []
    if target.get("kind", "") not in _TARGETS:
        causes.append(unsupported("target.kind", target["kind"], ("Node", "<empty>")))
    if not target.get("name"):
        causes.append(required("target.name"))
    if causes:
        raise Invalid.of("", "Binding", name, causes)
    await call.services.admission.validate(attributes)
    metadata, node = binding["metadata"], target["name"]

    def assign(pod: Object) -> Object:
        _check_preconditions(call, name, metadata, pod["metadata"])
        spec = pod.setdefault("spec", {})
        if "deletionTimestamp" in pod["metadata"]:
            raise _conflict(name, f"pod {name} is being deleted, cannot be assigned to a host")
        if spec.get("nodeName"):
            why = f'pod {name} is already assigned to node "{spec["nodeName"]}"'
            raise _conflict(name, why)
        if spec.get("schedulingGates"):
            raise _conflict(name, f"pod {name} has non-empty .spec.schedulingGates")
        spec["nodeName"] = node
        pod.setdefault("status", {}).pop("nominatedNodeName", None)
        set_true(pod, "PodScheduled")
        for field in ("annotations", "labels"):
            if metadata.get(field):
                pod["metadata"].setdefault(field, {}).update(metadata[field])
        return pod

    try:
        await Update(call, name, options, assign, ownership=Ownership.UNTOUCHED).run()
    except AbsentError:
        raise call.not_found(name) from None
    return respond_json(success(201), call.context, 201)


def _check_preconditions(call: Call, name: str, wanted: Object, metadata: Object) -> None:
    """A binding that names a uid or a resourceVersion is about that pod, in that state, only."""
    for field, shown in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        given, known = wanted.get(field), metadata.get(field, "")
        if given and given != known:
            key = f"/registry/pods/{call.namespace}/{name}"
            why = (
                f"StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, "
                f"AdditionalErrorMsg: Precondition failed: {shown} in precondition: {given}, "
                f"{shown} in object meta: {known}"
            )
            raise Conflict.of("", "pods", name, why)


def _conflict(name: str, why: str) -> Conflict:
    return Conflict.of("", "pods/binding", name, why)
