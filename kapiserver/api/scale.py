"""The scale subresource: spec.replicas of anything that has replicas, as autoscaling/v1 Scale."""

from __future__ import annotations

from typing import Any

from kapiserver.api import metadata as meta
from kapiserver.api.apply.verb import apply_scale, is_apply
from kapiserver.api.call import Call
from kapiserver.api.decoding import read_placed, unusable
from kapiserver.api.options import WriteOptions, write_options
from kapiserver.api.patch import parse_plain_patch, patch_type
from kapiserver.api.scale_table import scale_answer
from kapiserver.api.write import AbsentError, Build, Update, wrong_uid
from kapiserver.errors import Conflict, Invalid
from kapiserver.request import Response
from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import invalid
from kapiserver.resources.names import dns1123_subdomain
from kapiserver.resources.printing import selector_text

_COPIED = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


async def scale(call: Call) -> Response:
    if call.context.info.verb == "get":
        stored = await call.scope.objects.get(call.namespace, call.name)
        if stored is None:
            raise call.not_found()
        return scale_answer(call, scale_of(stored.decoded()))
    if call.context.info.verb == "update":
        options = write_options(call.context.query, "UpdateOptions")
        sent = await read_placed(call, options)
        meta.match_name(sent["metadata"], call.name)
        uid = sent["metadata"].get("uid", "")
        return await _write(call, options, lambda obj: _replaced(call, obj, sent), uid)
    if is_apply(call):
        try:
            stored = await apply_scale(call)
        except AbsentError:
            raise call.not_found() from None
        return scale_answer(call, scale_of(stored.decoded()))
    patch_type(call)
    options = write_options(call.context.query, "PatchOptions")
    apply = await parse_plain_patch(call, options)
    return await _write(
        call, options, lambda obj: _with_scale(call, obj, _typed(call, apply(scale_of(obj))))
    )


async def _write(call: Call, options: WriteOptions, build: Build, uid: str = "") -> Response:
    try:
        stored = await Update(call, call.name, options, build).run()
    except AbsentError:
        if uid:
            raise wrong_uid(call, call.name, uid, "") from None
        raise call.not_found() from None
    return scale_answer(call, scale_of(stored.decoded()))


def scale_of(obj: Object) -> dict[str, Any]:
    """Zero replicas wanted are left out, as in Go; zero replicas that there are are not."""
    metadata, spec, status = obj["metadata"], obj.get("spec", {}), obj.get("status", {})
    selector = spec.get("selector")
    if selector is not None and not ("matchLabels" in selector or "matchExpressions" in selector):
        selector = {"matchLabels": selector}  # ReplicationController has a bare map
    wanted, text = spec.get("replicas"), selector_text(selector)
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {field: metadata[field] for field in _COPIED if field in metadata},
        "spec": {"replicas": wanted} if wanted else {},
        "status": {"replicas": status.get("replicas", 0), **({"selector": text} if text else {})},
    }


def _typed(call: Call, patched: Any) -> Object:
    """What a patch made of a Scale, if it still is one."""
    wanted = call.scope.body_type(call.subresource)
    findings = wanted.validator.check(patched)
    if findings.error:
        raise unusable(wanted, findings.error)
    scale: Object = patched
    return scale


def _replaced(call: Call, obj: Object, sent: Object) -> Object:
    """As with every PUT, the uid is compared before anything else is looked at."""
    given, known = sent["metadata"].get("uid", ""), obj["metadata"].get("uid", "")
    if given and given != known:
        raise wrong_uid(call, call.name, given, known)
    return _with_scale(call, obj, sent)


def _with_scale(call: Call, obj: Object, wanted: Object) -> Object:
    """The object with the replicas (and the resourceVersion, for the guard) of a Scale."""
    replicas = wanted.get("spec", {}).get("replicas", 0)
    metadata = wanted.get("metadata", {})
    placed = {"name": call.name, "namespace": call.namespace, **metadata}
    causes = meta.check_metadata(placed, namespaced=True, name_rule=dns1123_subdomain)
    if replicas < 0:
        detail = "must be greater than or equal to 0"
        causes.append(invalid("spec.replicas", replicas, detail))
    if causes:
        raise Invalid.of("autoscaling", "Scale", call.name, causes)
    uid, known = metadata.get("uid"), obj["metadata"].get("uid", "")
    if uid and uid != known:
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {known}"
        raise Conflict.of(call.scope.group, f"{call.scope.resource}/scale", call.name, why)
    obj.setdefault("spec", {})["replicas"] = replicas
    obj["metadata"]["resourceVersion"] = metadata.get("resourceVersion", "")
    return obj
