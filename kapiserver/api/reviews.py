"""Questions about access, answered by the authorizer that guards the server itself.

SubjectAccessReview and its relatives are never stored: a POST is the question, the answer comes
back in `status`. Who may ask about others is a matter of authorization, like any other request.
"""

from __future__ import annotations

from typing import Any

from kapiserver.api.call import Call
from kapiserver.api.decoding import read_object
from kapiserver.api.metadata import timestamp
from kapiserver.api.options import write_options
from kapiserver.api.render import respond_json
from kapiserver.api.router import Verb
from kapiserver.authz.authorizer import Attributes, Authorizer, Decision
from kapiserver.errors import BadRequest
from kapiserver.request import Response, UserInfo
from kapiserver.resources.definition import Object


def review_verbs(authorizer: Authorizer) -> dict[str, Verb]:
    """By qualified resource name, for the router."""

    async def about_somebody(call: Call) -> Response:
        review = await _read(call)
        return _answer(call, authorizer, review, _subject(review.get("spec", {})))

    async def about_oneself(call: Call) -> Response:
        return _answer(call, authorizer, await _read(call), call.context.user)

    async def in_namespace(call: Call) -> Response:
        review = await _read(call)
        resource = review.get("spec", {}).get("resourceAttributes") or {}
        if resource.get("namespace", "") != call.namespace:
            raise BadRequest(
                f'spec.resourceAttributes.namespace must match namespace: "{call.namespace}"'
            )
        return _answer(call, authorizer, review, _subject(review.get("spec", {})))

    return {
        "subjectaccessreviews.authorization.k8s.io": about_somebody,
        "selfsubjectaccessreviews.authorization.k8s.io": about_oneself,
        "localsubjectaccessreviews.authorization.k8s.io": in_namespace,
        "selfsubjectreviews.authentication.k8s.io": who_am_i,
    }


async def who_am_i(call: Call) -> Response:
    """SelfSubjectReview: `kubectl auth whoami`."""
    review = await _read(call)
    user = call.context.user
    info: dict[str, Any] = {"username": user.name, "groups": list(user.groups)}
    if user.uid:
        info["uid"] = user.uid
    if user.extra:
        info["extra"] = {key: list(values) for key, values in user.extra.items()}
    return _respond(call, review, {"userInfo": info})


async def _read(call: Call) -> Object:
    options = write_options(call.context.query, "CreateOptions")
    return await read_object(call, options.field_validation)


def _subject(spec: dict[str, Any]) -> UserInfo:
    extra = {key.lower(): tuple(values) for key, values in (spec.get("extra") or {}).items()}
    return UserInfo(
        spec.get("user", ""), spec.get("uid", ""), tuple(spec.get("groups") or ()), extra
    )


def _answer(call: Call, authorizer: Authorizer, review: Object, user: UserInfo) -> Response:
    spec = review.get("spec", {})
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if (resource is None) == (path is None):
        raise BadRequest(
            "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        )
    if path is not None:
        asked = Attributes(user, path.get("verb", ""), False, path=path.get("path", ""))
    else:
        assert resource is not None
        asked = Attributes(
            user,
            resource.get("verb", ""),
            True,
            "",
            resource.get("group", ""),
            resource.get("version", ""),
            resource.get("namespace", ""),
            resource.get("resource", ""),
            resource.get("subresource", ""),
            resource.get("name", ""),
        )
    decision, reason = authorizer.authorize(asked)
    status: dict[str, Any] = {"allowed": decision is Decision.ALLOW}
    if decision is Decision.DENY:
        status["denied"] = True
    if reason:
        status["reason"] = reason
    return _respond(call, review, status)


def _respond(call: Call, review: Object, status: dict[str, Any]) -> Response:
    metadata = {**(review.get("metadata") or {}), "creationTimestamp": timestamp()}
    body = {
        "kind": call.scope.kind,
        "apiVersion": call.scope.api_version,
        "metadata": metadata,
        "spec": review.get("spec", {}),
        "status": status,
    }
    return respond_json(body, call.context, 201)
