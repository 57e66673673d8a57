"""Questions about access, answered by the authorizer that guards the server itself.

SubjectAccessReview and its relatives are never stored: a POST is the question, the answer comes
back in `status`. Who may ask about others is a matter of authorization, like any other request.
"""

from __future__ import annotations

from typing import Any

from kapiserver.api.apply.tracking import track_create
from kapiserver.api.call import Call
from kapiserver.api.decoding import read_placed
from kapiserver.api.metadata import drop_system_fields, metadata_of, timestamp
from kapiserver.api.options import write_options
from kapiserver.api.render import respond_json
from kapiserver.api.review_selectors import evaluation_error
from kapiserver.api.router import Verb
from kapiserver.authz.authorizer import Attributes, Authorizer, Decision
from kapiserver.errors import BadRequest, Cause, Invalid
from kapiserver.request import Response, UserInfo
from kapiserver.resources.definition import Object
from kapiserver.resources.validation.access_reviews import (
    check_metadata,
    check_place,
    check_question,
    check_subject,
)


def review_verbs(authorizer: Authorizer) -> dict[str, Verb]:
    """By qualified resource name, for the router."""

    async def about_somebody(call: Call) -> Response:
        review = await read_review(call)
        spec = review.get("spec", {})
        _refuse(call, [*check_question(spec), *check_subject(spec), *check_metadata(review)])
        return _answer(call, authorizer, review, _subject(spec))

    async def about_oneself(call: Call) -> Response:
        review = await read_review(call)
        _refuse(call, [*check_question(review.get("spec", {})), *check_metadata(review)])
        return _answer(call, authorizer, review, call.context.user)

    async def in_namespace(call: Call) -> Response:
        review = await read_review(call)
        spec = review.get("spec", {})
        _refuse(
            call,
            [
                *check_question(spec),
                *check_subject(spec),
                *check_metadata(review, "namespace"),
                *check_place(spec, call.namespace),
            ],
        )
        return _answer(call, authorizer, review, _subject(spec))

    async def rules_of_oneself(call: Call) -> Response:
        review = await read_review(call)
        namespace = review.get("spec", {}).get("namespace", "")
        if not namespace:
            raise BadRequest("no namespace on request")
        rules = authorizer.rules_for(call.context.user, namespace)
        status = {
            "resourceRules": [rule.shown() for rule in rules.resources],
            "nonResourceRules": [rule.shown() for rule in rules.paths],
            "incomplete": rules.incomplete,
        }
        return respond_review(call, {"metadata": {}, "spec": {}}, status)

    return {
        "subjectaccessreviews.authorization.k8s.io": about_somebody,
        "selfsubjectaccessreviews.authorization.k8s.io": about_oneself,
        "selfsubjectrulesreviews.authorization.k8s.io": rules_of_oneself,
        "localsubjectaccessreviews.authorization.k8s.io": in_namespace,
        "selfsubjectreviews.authentication.k8s.io": who_am_i,
    }


async def who_am_i(call: Call) -> Response:
    """SelfSubjectReview: `kubectl auth whoami`."""
    await read_review(call)
    answer = {"metadata": {"creationTimestamp": timestamp()}}
    return respond_review(call, answer, {"userInfo": user_info(call.context.user)})


def user_info(user: UserInfo) -> dict[str, Any]:
    """As authentication.k8s.io has it."""
    info: dict[str, Any] = {"username": user.name}
    if user.uid:
        info["uid"] = user.uid
    if user.groups:
        info["groups"] = list(user.groups)
    if user.extra:
        info["extra"] = {key: list(values) for key, values in user.extra.items()}
    return info


async def read_review(call: Call) -> Object:
    """The question in a request's body, with the record of who asks."""
    options = write_options(call.context.query, "CreateOptions")
    review = await read_placed(call, options)
    drop_system_fields(metadata_of(review))
    track_create(call, review, options)
    return review


def _refuse(call: Call, causes: list[Cause]) -> None:
    """Raises Invalid if anything is wrong with the question."""
    if causes:
        raise Invalid.of(call.scope.group, call.scope.kind, "", causes)


def _subject(spec: dict[str, Any]) -> UserInfo:
    extra = {key: tuple(values or ()) for key, values in (spec.get("extra") or {}).items()}
    return UserInfo(
        spec.get("user", ""), spec.get("uid", ""), tuple(spec.get("groups") or ()), extra
    )


def _answer(call: Call, authorizer: Authorizer, review: Object, user: UserInfo) -> Response:
    spec = review.get("spec", {})
    path, trouble = spec.get("nonResourceAttributes"), ""
    if path is not None:
        asked = Attributes(user, path.get("verb", ""), False, path=path.get("path", ""))
    else:
        resource = spec["resourceAttributes"]
        trouble = evaluation_error(resource)
        asked = Attributes(
            user,
            resource.get("verb", ""),
            True,
            "",
            resource.get("group", ""),
            resource.get("version") or "*",
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
    if trouble:
        status["evaluationError"] = trouble
    return respond_review(call, review, status)


def respond_review(call: Call, review: Object, status: dict[str, Any]) -> Response:
    """The question with its answer."""
    body = {
        "kind": call.scope.kind,
        "apiVersion": call.scope.api_version,
        "metadata": metadata_of(review),
    }
    if "spec" in review:
        body["spec"] = review["spec"]
    body["status"] = status
    return respond_json(body, call.context, 201)
