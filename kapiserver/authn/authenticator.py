"""Who is asking. In: a request. Out: UserInfo, or Unauthorized.

Authenticators are asked in order. One that finds its kind of credential returns the user, or
raises Unauthorized if the credential is wrong; one that finds nothing returns None. A wrong
credential does not spoil a good one of another kind (a token beside a certificate of a CA that is
not ours), but whoever sent one is never anonymous. What a credential depends on may have changed
elsewhere a moment ago: then the refusal is Unsettled, and is asked for once more when this node has
caught up.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Protocol

from kapiserver.errors import Unauthorized
from kapiserver.pipeline.context import RequestContext
from kapiserver.pipeline.stage import InstantStage
from kapiserver.request import AUTHENTICATED_CONNECTION, Request, UserInfo

AUTHENTICATED = "system:authenticated"
UNAUTHENTICATED = "system:unauthenticated"
ANONYMOUS = UserInfo("system:anonymous", groups=(UNAUTHENTICATED,))


class Unsettled(Unauthorized):
    """A refusal by what this node knows; after `settle` has been awaited, ask once more."""

    def __init__(self, settle: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self.settle = settle


class Authenticator(Protocol):
    def authenticate(self, request: Request) -> UserInfo | None: ...


class Anonymous:
    """The last in the chain, where requests without credentials are allowed."""

    def authenticate(self, request: Request) -> UserInfo | None:
        return ANONYMOUS


def no_remark(request: Request) -> str:
    return ""


class Authentication(InstantStage):
    """The stage: sets `context.user`, with system:authenticated added for everybody known.

    `remark` says what is wrong with a request in which nobody found a credential.
    """

    def __init__(
        self,
        authenticators: Sequence[Authenticator],
        remark: Callable[[Request], str] = no_remark,
    ) -> None:
        self._authenticators = tuple(authenticators)
        self._remark = remark

    def check(self, context: RequestContext) -> bool:
        try:
            self._identify(context)
        except Unsettled:
            return False
        return True

    async def wait(self, context: RequestContext) -> None:
        try:
            self._identify(context)
        except Unsettled as refusal:
            await refusal.settle()
            self._identify(context)

    def _identify(self, context: RequestContext) -> None:
        refusal: Unauthorized | None = None
        for authenticator in self._authenticators:
            try:
                user = authenticator.authenticate(context.request)
            except Unauthorized as error:
                if refusal is None or isinstance(error, Unsettled):
                    refusal = error
                continue
            if user is not None and user is not ANONYMOUS:
                context.user = user
                context.connection.memo[AUTHENTICATED_CONNECTION] = True
                return
            if user is ANONYMOUS and refusal is None:
                context.user = user
                context.warn(self._remark(context.request))
                return
        context.warn(self._remark(context.request))
        raise refusal or Unauthorized()


def authenticated(user: UserInfo) -> UserInfo:
    """The user as a member of system:authenticated."""
    if AUTHENTICATED in user.groups or UNAUTHENTICATED in user.groups:
        return user
    return replace(user, groups=(*user.groups, AUTHENTICATED))
