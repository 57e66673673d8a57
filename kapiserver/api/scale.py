"""The scale subresource: spec.replicas of anything that has replicas, as autoscaling/v1 Scale."""

from __future__ import annotations

from typing import Any

import orjson

from kapiserver.api import metadata as meta
from kapiserver.api.apply.verb import apply_scale, is_apply
from kapiserver.api.binding import read_small_object
from kapiserver.api.call import Call
from kapiserver.api.options import WriteOptions, write_options
from kapiserver.api.patch import parse_plain_patch
from kapiserver.api.render import respond_json
from kapiserver.api.write import AbsentError, Build, Update
from kapiserver.errors import BadRequest, Invalid
from kapiserver.request import Response
from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import invalid
from kapiserver.resources.printing import format_selector

_COPIED = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


async def scale(call: Call) -> Response:
    if call.context.info.verb == "get":
        stored = await call.scope.objects.get(call.namespace, call.name)
        if stored is None:
            raise call.not_found()
        return respond_json(scale_of(stored.decoded()), call.context)
    if call.context.info.verb == "update":
        options = write_options(call.context.query, "UpdateOptions")
        sent = await read_small_object(call, "Scale")
        meta.match_name(sent["metadata"], call.name)
        return await _write(call, options, lambda obj: _with_scale(call, obj, sent))
    if is_apply(call):
        try:
            stored = await apply_scale(call)
        except AbsentError:
            raise call.not_found() from None
        return respond_json(scale_of(stored.decoded()), call.context)
    options = write_options(call.context.query, "PatchOptions")
    apply = await parse_plain_patch(call, options)
    return await _write(call, options, lambda obj: _with_scale(call, obj, apply(scale_of(obj))))


async def _write(call: Call, options: WriteOptions, build: Build) -> Response:
    try:
        stored = await Update(call, call.name, options, build).run()
    except AbsentError:
        raise call.not_found() from None
    return respond_json(scale_of(stored.decoded()), call.context)


def scale_of(obj: Object) -> dict[str, Any]:
    metadata, spec, status = obj["metadata"], obj.get("spec", {}), obj.get("status", {})
    selector = spec.get("selector")
    if selector is not None and not ("matchLabels" in selector or "matchExpressions" in selector):
        selector = {"matchLabels": selector}  # ReplicationController has a bare map
    out: dict[str, Any] = {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {field: metadata[field] for field in _COPIED if field in metadata},
        "spec": {"replicas": spec.get("replicas", 0)},
        "status": {"replicas": status.get("replicas", 0)},
    }
    if selector:
        out["status"]["selector"] = format_selector(selector)
    return out


def _with_scale(call: Call, obj: Object, wanted: Any) -> Object:
    """The object with the replicas (and the resourceVersion, for the guard) of a Scale."""
    if not isinstance(wanted, dict) or not isinstance(wanted.get("spec", {}), dict):
        raise BadRequest("the object provided is unrecognized (must be of type Scale)")
    replicas = wanted.get("spec", {}).get("replicas", 0)
    if type(replicas) is not int:
        raise BadRequest(
            'Scale in version "v1" cannot be handled as a Scale: json: cannot unmarshal '
            f"{orjson.dumps(replicas).decode()} into Go struct field ScaleSpec.spec.replicas of "
            "type int32"
        )
    if not 0 <= replicas < 1 << 31:
        detail = "must be greater than or equal to 0"
        cause = invalid("spec.replicas", replicas, detail)
        raise Invalid.of("autoscaling", "Scale", call.name, [cause])
    obj.setdefault("spec", {})["replicas"] = replicas
    metadata = wanted.get("metadata") or {}
    obj["metadata"]["resourceVersion"] = metadata.get("resourceVersion", "")
    return obj
