"""May they? In: the attributes of a request. Out: a decision with a reason, never an exception.

Authorizers are asked in order until one allows or denies; no opinion from all of them is a no. The
stage turns a no into 403 with upstream's sentence. `Attributes` is what RBAC needs. Each can also
say by which rules it decides for a user (`kubectl auth can-i --list`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from kapiserver.api.go_text import quoted
from kapiserver.authz.rules import PathRule, ResourceRule, Rules
from kapiserver.errors import Forbidden, qualified
from kapiserver.pipeline.context import RequestContext
from kapiserver.pipeline.stage import InstantStage
from kapiserver.request import UserInfo


class Decision(Enum):
    ALLOW = "allow"
    DENY = "deny"
    NO_OPINION = "no opinion"


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is asked for, by whom. For other paths `resource_request` is False and `path` counts."""

    user: UserInfo
    verb: str
    resource_request: bool
    path: str = ""
    group: str = ""
    version: str = ""
    namespace: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""


Verdict = tuple[Decision, str]
NO_OPINION: Verdict = (Decision.NO_OPINION, "")


class Authorizer(Protocol):
    def authorize(self, attributes: Attributes) -> Verdict: ...

    def rules_for(self, user: UserInfo, namespace: str) -> Rules: ...


class AuthorizerChain:
    """The first opinion counts; the reasons of those without one are collected."""

    def __init__(self, authorizers: Sequence[Authorizer]) -> None:
        self._authorizers = tuple(authorizers)

    def authorize(self, attributes: Attributes) -> Verdict:
        reasons: list[str] = []
        for authorizer in self._authorizers:
            decision, reason = authorizer.authorize(attributes)
            if decision is not Decision.NO_OPINION:
                return decision, reason
            if reason:
                reasons.append(reason)
        return Decision.NO_OPINION, ", ".join(reasons)

    def rules_for(self, user: UserInfo, namespace: str) -> Rules:
        found = [authorizer.rules_for(user, namespace) for authorizer in self._authorizers]
        return Rules(
            tuple(rule for rules in found for rule in rules.resources),
            tuple(rule for rules in found for rule in rules.paths),
            any(rules.incomplete for rules in found),
        )


class PrivilegedGroup:
    """Members may do everything: system:masters."""

    def __init__(self, group: str = "system:masters") -> None:
        self._group = group

    def authorize(self, attributes: Attributes) -> Verdict:
        if self._group in attributes.user.groups:
            return Decision.ALLOW, ""
        return NO_OPINION

    def rules_for(self, user: UserInfo, namespace: str) -> Rules:
        if self._group not in user.groups:
            return Rules()
        return Rules((ResourceRule(("*",), ("*",), ("*",)),), (PathRule(("*",), ("*",)),))


class Paths:
    """Members of a group may GET some paths that are no resources. `/x/*` means all below."""

    _VERBS = ("get",)

    def __init__(self, group: str, paths: Sequence[str]) -> None:
        self._group = group
        self._paths = tuple(paths)
        self._exact = frozenset(path for path in paths if not path.endswith("*"))
        self._below = tuple(path[:-1] for path in paths if path.endswith("*"))

    def authorize(self, attributes: Attributes) -> Verdict:
        if attributes.resource_request or attributes.verb not in self._VERBS:
            return NO_OPINION
        if self._group not in attributes.user.groups:
            return NO_OPINION
        if attributes.path in self._exact or attributes.path.startswith(self._below):
            return Decision.ALLOW, ""
        return NO_OPINION

    def rules_for(self, user: UserInfo, namespace: str) -> Rules:
        if self._group not in user.groups:
            return Rules()
        return Rules((), (PathRule(self._VERBS, self._paths),))


class Questions:
    """Everybody known may ask what they themselves may do: system:basic-user."""

    _RESOURCES = frozenset(
        [
            ("authorization.k8s.io", "selfsubjectaccessreviews"),
            ("authorization.k8s.io", "selfsubjectrulesreviews"),
            ("authentication.k8s.io", "selfsubjectreviews"),
        ]
    )

    def authorize(self, attributes: Attributes) -> Verdict:
        asked = (attributes.group, attributes.resource)
        if attributes.verb != "create" or asked not in self._RESOURCES or attributes.subresource:
            return NO_OPINION
        if "system:authenticated" in attributes.user.groups:
            return Decision.ALLOW, ""
        return NO_OPINION

    def rules_for(self, user: UserInfo, namespace: str) -> Rules:
        if "system:authenticated" not in user.groups:
            return Rules()
        return Rules(
            tuple(
                ResourceRule(("create",), (group,), (resource,))
                for group, resource in sorted(self._RESOURCES)
            )
        )


_HEALTH = ("/healthz", "/livez", "/readyz", "/version", "/version/")
_DISCOVERY = ("/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*")
_ISSUER = (
    "/.well-known/openid-configuration",
    "/.well-known/openid-configuration/",
    "/openid/v1/jwks",
    "/openid/v1/jwks/",
)


def default_authorizers() -> list[Authorizer]:
    """The bootstrap rules that do not depend on RBAC objects."""
    return [
        PrivilegedGroup(),
        Paths("system:unauthenticated", _HEALTH),  # system:public-info-viewer
        Paths("system:authenticated", (*_HEALTH, *_DISCOVERY)),  # and system:discovery
        Paths("system:serviceaccounts", _ISSUER),  # system:service-account-issuer-discovery
        Questions(),
    ]


def attributes_of(context: RequestContext) -> Attributes:
    info = context.info
    if not info.is_resource_request:
        return Attributes(context.user, info.verb, False, path=info.path)
    return Attributes(
        context.user,
        info.verb,
        True,
        info.path,
        info.group,
        info.version,
        info.namespace,
        info.resource,
        info.subresource,
        info.name,
    )


class Authorization(InstantStage):
    """The stage: raises Forbidden unless the request is allowed."""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    def check(self, context: RequestContext) -> bool:
        attributes = attributes_of(context)
        decision, reason = self._authorizer.authorize(attributes)
        if decision is Decision.ALLOW:
            return True
        raise forbidden(attributes, reason)


# What is told of a request holds parts of it, and browsers are not to take them for markup.
_HTML = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"))


def forbidden(attributes: Attributes, reason: str = "") -> Forbidden:
    user = quoted(attributes.user.name)
    if not attributes.resource_request:
        text = f"User {user} cannot {attributes.verb} path {quoted(attributes.path)}"
        who = "forbidden"
    else:
        resource = attributes.resource
        if attributes.subresource:
            resource += f"/{attributes.subresource}"
        text = (
            f"User {user} cannot {attributes.verb} resource {quoted(resource)} "
            f"in API group {quoted(attributes.group)} "
        )
        if attributes.namespace:
            text += f"in the namespace {quoted(attributes.namespace)}"
        else:
            text += "at the cluster scope"
        who = qualified(attributes.group, attributes.resource)
        if attributes.name:
            who += f" {quoted(attributes.name)}"
        who += " is forbidden"
    for character, entity in _HTML:
        text = text.replace(character, entity)
    if reason:
        text += f": {reason}"
    error = Forbidden(
        f"{who}: {text}",
        name=attributes.name,
        group=attributes.group,
        kind=attributes.resource,
        headers={"X-Content-Type-Options": "nosniff"},
    )
    error.empty_details = True
    return error
