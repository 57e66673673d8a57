"""`Authorization: Bearer …`, or a WebSocket's subprotocol: who knows the token is its owner.

In: a request, or a token that somebody wants reviewed. Out: its owner, or a refusal. Several kinds
of tokens are known; each is asked in turn and the first owner found counts. A token that no kind
knows is refused as one that a kind knows and does not accept.
"""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol

from kapiserver.authn.authenticator import Unsettled
from kapiserver.errors import Unauthorized
from kapiserver.request import Request, UserInfo
from kapiserver.websockets import asked_protocols, protocol_tokens

log = logging.getLogger(__name__)

INVALID = "invalid bearer token"
SPACE_IGNORED = (
    "the provided Authorization header contains extra space before the bearer token, and is ignored"
)


class Owner(NamedTuple):
    """Whose token it is, and for which of the audiences asked about it is good."""

    user: UserInfo
    audiences: tuple[str, ...] = ()


class TokenRefused(Exception):
    """The token is of a known kind and not good; the text says why, for reviews and logs."""


class TokenUnsettled(TokenRefused):
    """Refused by what this node knows, which may be behind the cluster.

    After `settle` has been awaited, the same question has a final answer.
    """

    def __init__(self, text: str, settle: Callable[[], Awaitable[None]]) -> None:
        super().__init__(text)
        self.settle = settle


class TokenAuthenticator(Protocol):
    """One kind of tokens. `audiences`: who is asking; None: this server.

    Returns None for a token of another kind. Raises TokenRefused.
    """

    def authenticate_token(self, token: bytes, audiences: Sequence[str] | None) -> Owner | None: ...


class BearerTokens:
    """An authenticator, and what TokenReview asks."""

    def __init__(self, kinds: Sequence[TokenAuthenticator]) -> None:
        self._kinds = tuple(kinds)

    def authenticate(self, request: Request) -> UserInfo | None:
        token = bearer_token(request)
        if token is None and request.upgradable:
            token = websocket_token(request)
        if token is None:
            return None
        try:
            return self._owner(token, None).user
        except TokenUnsettled as refusal:
            raise Unsettled(refusal.settle) from refusal
        except TokenRefused as refusal:
            log.debug("a request is refused: %s", refusal)  # the client is not told why
            raise Unauthorized() from refusal

    async def review(self, token: bytes, audiences: Sequence[str] | None) -> Owner:
        """Raises TokenRefused, in the words in which kube-apiserver reports a wrong token."""
        try:
            return self._owner(token, audiences)
        except TokenUnsettled as refusal:
            await refusal.settle()
        return self._owner(token, audiences)

    def _owner(self, token: bytes, audiences: Sequence[str] | None) -> Owner:
        refusals: list[TokenRefused] = []
        for kind in self._kinds:
            try:
                owner = kind.authenticate_token(token, audiences)
            except TokenRefused as error:
                refusals.append(error)
            else:
                if owner is not None:
                    return owner
        texts = list(dict.fromkeys([INVALID, *map(str, refusals)]))
        text = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
        for refusal in refusals:
            if isinstance(refusal, TokenUnsettled):
                raise TokenUnsettled(text, refusal.settle)
        raise TokenRefused(text)


def bearer_token(request: Request) -> bytes | None:
    """The token of a Bearer header; None where there is no such header or it is empty.

    As upstream reads it: the token ends at a space, and one behind two spaces is not looked at.
    """
    header = request.header(b"authorization")
    if header is None:
        return None
    scheme, _, rest = header.strip().partition(b" ")
    return rest.partition(b" ")[0] or None if scheme.lower() == b"bearer" else None


def remark(request: Request) -> str:
    """What is told of a header that `bearer_token` does not look at."""
    scheme, _, rest = (request.header(b"authorization") or b"").strip().partition(b" ")
    return SPACE_IGNORED if scheme.lower() == b"bearer" and rest.startswith(b" ") else ""


def websocket_token(request: Request) -> bytes | None:
    """The token that a browser sent as a subprotocol. Raises Unauthorized when it is malformed.

    Another subprotocol must be offered beside it: a browser wants one echoed, and not the token.
    """
    tokens = protocol_tokens(request)
    if not any(tokens):
        return None
    if len(tokens) > 1 or "=" in tokens[0] or not asked_protocols(request):
        raise Unauthorized()
    try:
        token = base64.b64decode(tokens[0] + "=" * (-len(tokens[0]) % 4), b"-_", validate=True)
        token.decode()
    except (binascii.Error, ValueError) as error:
        raise Unauthorized() from error
    return token or None
