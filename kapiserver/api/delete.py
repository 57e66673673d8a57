"""DELETE of one object. What it means is planned in `deletion`; here it is carried out."""

from __future__ import annotations

from functools import partial
from typing import Any

from kapiserver.admission.chain import DELETE
from kapiserver.api.answers import object_answer
from kapiserver.api.body import BODY_LIMIT, BodyError, parse_body, summarized
from kapiserver.api.call import Call
from kapiserver.api.decoding import no_type
from kapiserver.api.deletion import Step, check_preconditions, plan
from kapiserver.api.large_bodies import apart
from kapiserver.api.negotiation import body_media_type
from kapiserver.api.options import DeleteOptions, delete_options
from kapiserver.api.render import output_of, respond
from kapiserver.api.write import ATTEMPTS
from kapiserver.errors import MODIFIED, BadRequest, Conflict, UnclassifiedError
from kapiserver.request import Response
from kapiserver.storage import GuardMoved, RevisionConflict, StoredObject
from kapiserver.storage.together import NOTHING

# Known to the scheme that DeleteOptions are read with.
_OTHER_OPTIONS = ("CreateOptions", "UpdateOptions", "PatchOptions", "GetOptions", "ListOptions")
_SCHEME = "k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27"
_DELETE_OPTIONS = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"


async def delete(call: Call) -> Response:
    output = output_of(call.context)
    options = await read_delete_options(call)
    stored, deleted = await delete_object(call, call.name, options)
    status = 202 if not deleted and options.orphan_dependents is False else 200
    if not deleted or call.scope.definition.returns_deleted:
        return object_answer(call, stored, output, status)
    # a Status is never a Table, also for those who ask for one
    return respond(_success(call, stored), output, status)


async def read_delete_options(call: Call) -> DeleteOptions:
    """From the body if there is one, else from the query."""
    options = await _sent_options(call)
    if options.propagation_policy is None and options.orphan_dependents is None:
        call.context.warn(call.scope.definition.propagation_warning)
    return options


async def _sent_options(call: Call) -> DeleteOptions:
    request = call.context.request
    body = await request.body(BODY_LIMIT)
    if not body:
        return delete_options(call.context.query, None)
    media_type = body_media_type(request.header(b"content-type"))
    message = call.services.scopes.messages.get(_DELETE_OPTIONS)
    try:
        work = partial(parse_body, body, media_type, strict=False, message=message)
        document = await apart(len(body), work)
    except BodyError as error:
        raise BadRequest(
            "the object provided is unrecognized (must be of type DeleteOptions): "
            f"{error.problem} ({summarized(body)})"
        ) from error
    value = {} if document.value is None else document.value
    if not isinstance(value, dict):
        raise UnclassifiedError(no_type(value))
    _check_type(value)
    return delete_options(call.context.query, value)


def _check_type(sent: dict[str, Any]) -> None:
    """DeleteOptions are of any version, or say nothing. Upstream has no class for other kinds."""
    for field in ("apiVersion", "kind"):
        if not isinstance(sent.get(field), str | None):
            raise UnclassifiedError(no_type(sent[field], field))
    kind = sent.get("kind") or "DeleteOptions"
    if kind in _OTHER_OPTIONS:
        raise UnclassifiedError("decoded object cannot be converted to DeleteOptions")
    if kind != "DeleteOptions":
        version = sent.get("apiVersion") or "meta.k8s.io/v1"
        raise UnclassifiedError(
            f'no kind "{kind}" is registered for version "{version}" in scheme "{_SCHEME}"'
        )


async def delete_object(call: Call, name: str, options: DeleteOptions) -> tuple[StoredObject, bool]:
    """(last state, whether it is gone). Raises NotFound and Conflict."""
    scope = call.scope
    current = await scope.objects.get(call.namespace, name)
    for _ in range(ATTEMPTS):
        if current is None:
            raise call.not_found(name)
        old = current.decoded()
        check_preconditions(options, old["metadata"], scope.definition)
        grace = scope.strategy.graceful_deletion_seconds
        propagation = scope.definition.default_propagation
        terminating = scope.strategy.terminating_phase
        planned = plan(current.decoded(), options, grace, propagation, terminating)
        if planned.step is Step.PENDING:
            return current, False
        attributes = call.admission_attributes(DELETE, name, dry_run=options.dry_run, old=old)
        await call.services.admission.mutate(attributes)
        await call.services.admission.validate(attributes)
        if options.dry_run:
            preview = scope.objects.preview(call.namespace, name, planned.obj, current.revision)
            return preview, planned.step is Step.REMOVE
        try:
            if planned.marked:
                current = await scope.objects.update(current, planned.obj)
            if planned.step is Step.REMOVE:
                released = NOTHING if call.companion is None else call.companion.delete(old)
                return await scope.objects.delete(current, together=released), True
            return await scope.objects.update(current, planned.obj), False
        except RevisionConflict as conflict:
            current = conflict.latest
        except GuardMoved:
            current = await scope.objects.get(call.namespace, name)
    raise Conflict.of(scope.group, scope.resource, name, MODIFIED)


def _success(call: Call, stored: StoredObject) -> dict[str, Any]:
    details = {"name": stored.name}
    if call.scope.group:
        details["group"] = call.scope.group
    details["kind"] = call.scope.resource
    details["uid"] = stored.decoded()["metadata"].get("uid", "")
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": details,
    }
