"""Acting as somebody else (`kubectl --as`), for those who may.

In: the Impersonate- headers of a request whose user is known. Out: `context.user` is who was asked
for, `context.impersonator` who asks. Each part of the wish is a permission of its own: the verb
`impersonate` on users, groups, uids, service accounts and extra fields. What may not happen: a
request with such a header that is answered with the rights of whoever sent it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

from kapiserver.authz.authorizer import Attributes, Authorizer, Decision, forbidden
from kapiserver.errors import BadRequest
from kapiserver.pipeline.context import RequestContext
from kapiserver.pipeline.stage import InstantStage
from kapiserver.request import Headers, UserInfo

_PREFIX = b"impersonate-"
_EXTRA = "impersonate-extra-"
_SERVICE_ACCOUNT = "system:serviceaccount:"
_IDENTITY = "authentication.k8s.io"
_ANONYMOUS = "system:anonymous"
_KNOWN, _UNKNOWN = "system:authenticated", "system:unauthenticated"


@dataclass(slots=True)
class Wish:
    """Who a client wants to be."""

    name: str = ""
    uid: str = ""
    groups: list[str] = field(default_factory=list)
    extra: dict[str, list[str]] = field(default_factory=dict)


class Impersonation(InstantStage):
    """Raises Forbidden for the first part that is not allowed."""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    def check(self, context: RequestContext) -> bool:
        wish = wish_of(context.request.headers)
        if wish is None:
            return True
        if not wish.name:
            raise BadRequest("requested groups, uid or extra without impersonating a user name")
        for attributes in _questions(context.user, wish):
            decision, reason = self._authorizer.authorize(attributes)
            if decision is not Decision.ALLOW:
                raise forbidden(attributes, reason)
        context.impersonator = context.user
        context.user = UserInfo(
            wish.name,
            wish.uid,
            _groups(wish),
            {key: tuple(values) for key, values in wish.extra.items()},
        )
        return True


def wish_of(headers: Headers) -> Wish | None:
    """None: the client is who it is."""
    wish: Wish | None = None
    for name, sent in headers:
        if not name.startswith(_PREFIX):
            continue
        wish = wish or Wish()
        header, value = name.decode("latin-1"), sent.decode("utf-8", "replace")
        if header == "impersonate-user":
            wish.name = wish.name or value
        elif header == "impersonate-uid":
            wish.uid = wish.uid or value
        elif header == "impersonate-group":
            wish.groups.append(value)
        elif header.startswith(_EXTRA):
            wish.extra.setdefault(unquote(header.removeprefix(_EXTRA)), []).append(value)
    return None if wish == Wish() else wish


def _questions(user: UserInfo, wish: Wish) -> Iterator[Attributes]:
    account = _service_account(wish.name)
    if account is not None:
        yield _may(user, "serviceaccounts", account[1], namespace=account[0])
    else:
        yield _may(user, "users", wish.name)
    for group in wish.groups:
        yield _may(user, "groups", group)
    for key, values in wish.extra.items():
        for value in values:
            yield _may(user, "userextras", value, group=_IDENTITY, subresource=key)
    if wish.uid:
        yield _may(user, "uids", wish.uid, group=_IDENTITY)


def _may(
    user: UserInfo,
    resource: str,
    name: str,
    *,
    group: str = "",
    namespace: str = "",
    subresource: str = "",
) -> Attributes:
    return Attributes(
        user,
        "impersonate",
        True,
        group=group,
        version="v1",
        namespace=namespace,
        resource=resource,
        subresource=subresource,
        name=name,
    )


def _service_account(name: str) -> tuple[str, str] | None:
    """(namespace, name) of `system:serviceaccount:ns:name`."""
    if not name.startswith(_SERVICE_ACCOUNT):
        return None
    namespace, _, account = name.removeprefix(_SERVICE_ACCOUNT).partition(":")
    return (namespace, account) if namespace and account and ":" not in account else None


def _groups(wish: Wish) -> tuple[str, ...]:
    """The groups asked for and those that everybody of that name is in."""
    groups = list(wish.groups)
    account = _service_account(wish.name)
    if account is not None and not groups:
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{account[0]}"]
    if wish.name == _ANONYMOUS:
        if _UNKNOWN not in groups:
            groups.append(_UNKNOWN)
    elif _KNOWN not in groups and _UNKNOWN not in groups:
        groups.append(_KNOWN)
    return tuple(groups)
