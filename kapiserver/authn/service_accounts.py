"""Service account tokens: made for TokenRequest, accepted for as long as what they name exists.

In: a signing key and the keys to verify with, the issuers, and a way to look objects up. Out: new
tokens, and the owner of a token. A signature is verified once per token and remembered, within a
bound; times, audiences and the objects behind a token are checked every time, so that deleting an
account, or the pod that a token is bound to, ends the token.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import jwt
import orjson
from jwt.exceptions import PyJWTError
from jwt.utils import base64url_decode

from kapiserver.authn.bearer import Owner, TokenRefused, TokenUnsettled
from kapiserver.authn.claims import Account, Bound, Claims, Reference, claims_of, new_payload
from kapiserver.pki import SigningKey, VerifyingKey
from kapiserver.storage import ObjectStore, StoredObject

# Clocks may differ this much, and an object may be marked as deleted for as long.
LEEWAY_SECONDS = 60.0
# Verified tokens remembered: far more than pods on a cluster that one process serves.
REMEMBERED = 4096
_LONGEST = 16 << 10  # bytes of a token; longer ones are nobody's
_LONGEST_HEADER = 1 << 10  # of which its first part, which is parsed before anything is verified

INVALIDATED = "service account token has been invalidated"
_NO_KEYS = "invalid signature, no keys found"
_BAD_SIGNATURE = "go-jose/go-jose: error in cryptographic primitive"


class StoredObjects:
    """What tokens depend on, as this node knows it. `settle` waits until it knows the newest.

    An object is decoded once per revision: the tokens of programs come with every request.
    """

    def __init__(
        self, objects: Callable[[str], ObjectStore], settle: Callable[[], Awaitable[None]]
    ) -> None:
        self._objects = objects
        self._decoded: OrderedDict[bytes, tuple[StoredObject, Mapping[str, Any]]] = OrderedDict()
        self.settle = settle

    def metadata(self, plural: str, namespace: str, name: str) -> Mapping[str, Any] | None:
        stored = self._objects(plural).get_now(namespace, name)
        if stored is None:
            return None
        known = self._decoded.get(stored.key)
        if known is not None and known[0] is stored:
            return known[1]
        metadata: Mapping[str, Any] = stored.decoded()["metadata"]
        self._decoded[stored.key] = stored, metadata
        self._decoded.move_to_end(stored.key)
        if len(self._decoded) > REMEMBERED:
            self._decoded.popitem(last=False)
        return metadata


class ServiceAccountTokens:
    """`issuers`: the first is written into new tokens, all are accepted. `audiences`: what this
    server calls itself, for tokens that do not say whom they are for."""

    def __init__(
        self,
        signing: SigningKey,
        verifying: Sequence[VerifyingKey],
        issuers: Sequence[str],
        audiences: Sequence[str],
        objects: StoredObjects,
    ) -> None:
        self.audiences = tuple(audiences)
        self.keys = tuple({key.kid: key for key in verifying}.values())
        self.issuer = issuers[0]
        self._signing = signing
        self._by_id = {key.kid: key for key in self.keys}
        self._issuers = frozenset(issuers)
        self._objects = objects
        self._jws = jwt.PyJWS()
        self._salt = secrets.token_bytes(32)
        self._verified: OrderedDict[bytes, Claims] = OrderedDict()

    # -- making ---------------------------------------------------------------------------------

    def issue(
        self,
        account: Account,
        bound: Bound,
        audiences: Sequence[str],
        *,
        now: int,
        seconds: int,
        warn_after: int = 0,
    ) -> str:
        """A new token."""
        payload = new_payload(
            self.issuer, account, bound, audiences, now=now, seconds=seconds, warn_after=warn_after
        )
        public = self._signing.public
        return self._jws.encode(
            orjson.dumps(payload),
            self._signing.key,
            algorithm=public.algorithm,
            headers={"typ": "", "kid": public.kid},  # kube-apiserver's tokens have no typ
        )

    # -- accepting ------------------------------------------------------------------------------

    def authenticate_token(self, token: bytes, audiences: Sequence[str] | None) -> Owner | None:
        claims = self._claims(token)
        if claims is None:
            return None
        wanted = self.audiences if audiences is None else tuple(audiences)
        given = claims.audiences or self.audiences
        common = tuple(name for name in given if name in wanted)
        if not common:
            raise TokenRefused(
                f"token audiences {_go_list(given)} is invalid for the target audiences "
                f"{_go_list(wanted)}"
            )
        now = time.time()
        _check_times(claims, now)
        self._check_objects(claims, now)
        return Owner(claims.user(), common)

    def _claims(self, token: bytes) -> Claims | None:
        """The claims of a token that we have signed; None for tokens of other issuers."""
        key = hashlib.blake2b(token, key=self._salt).digest()
        known = self._verified.get(key)
        if known is not None:
            self._verified.move_to_end(key)
            return known
        if len(token) > _LONGEST or self._issuer_of(token) not in self._issuers:
            return None
        claims = self._verify(token)
        self._verified[key] = claims
        if len(self._verified) > REMEMBERED:
            self._verified.popitem(last=False)
        return claims

    def _issuer_of(self, token: bytes) -> str:
        """What the token says, unverified: whether it is any of our business."""
        parts = token.split(b".")
        if len(parts) != 3 or len(parts[0]) > _LONGEST_HEADER:
            return ""
        try:
            payload = orjson.loads(base64url_decode(parts[1]))
        except ValueError:
            return ""
        issuer = payload.get("iss") if isinstance(payload, dict) else None
        return issuer if isinstance(issuer, str) else ""

    def _verify(self, token: bytes) -> Claims:
        try:
            kid = jwt.get_unverified_header(token).get("kid", "")
        except PyJWTError as error:
            raise TokenRefused(_BAD_SIGNATURE) from error
        candidates = self.keys if not kid else filter(None, [self._by_id.get(kid)])
        refusal = _NO_KEYS
        for key in candidates:
            try:
                content = self._jws.decode(token, key.key, algorithms=[key.algorithm])
                return claims_of(orjson.loads(content))
            except (PyJWTError, ValueError):
                refusal = _BAD_SIGNATURE
        raise TokenRefused(refusal)

    def _check_objects(self, claims: Claims, now: float) -> None:
        account, bound = claims.account, claims.bound
        check = partial(self._check_object, now=now)
        namespace = account.namespace
        found = self._objects.metadata("serviceaccounts", namespace, account.name)
        if found is None:
            raise self._unsettled(f'serviceaccounts "{account.name}" not found')
        if found["uid"] != account.uid:
            raise self._unsettled(
                f"service account UID ({found['uid']}) does not match claim ({account.uid})"
            )
        if _long_deleted(found, now):
            raise TokenRefused(f"service account {namespace}/{account.name} has been deleted")
        if bound.secret is not None:
            check("secret", namespace, bound.secret)
        if bound.pod is not None:
            check("pod", namespace, bound.pod)
        elif bound.node is not None:
            check("node", "", bound.node)

    def _check_object(self, kind: str, namespace: str, claimed: Reference, *, now: float) -> None:
        found = self._objects.metadata(f"{kind}s", namespace, claimed.name)
        if found is None:
            raise self._unsettled(INVALIDATED)
        if found["uid"] != claimed.uid:
            raise self._unsettled(
                f"{kind} UID ({found['uid']}) does not match service account {kind} ref claim "
                f"({claimed.uid})"
            )
        if _long_deleted(found, now):
            raise TokenRefused(INVALIDATED)

    def _unsettled(self, text: str) -> TokenUnsettled:
        return TokenUnsettled(text, self._objects.settle)


def _check_times(claims: Claims, now: float) -> None:
    if claims.not_before is not None and now + LEEWAY_SECONDS < claims.not_before:
        raise TokenRefused("service account token is not valid yet")
    if claims.expires is not None and now - LEEWAY_SECONDS > claims.expires:
        raise TokenRefused("service account token has expired")
    if claims.issued_at is not None and now + LEEWAY_SECONDS < claims.issued_at:
        raise TokenRefused("service account token is issued in the future")


def _long_deleted(metadata: Mapping[str, Any], now: float) -> bool:
    deleted = metadata.get("deletionTimestamp")
    if deleted is None:
        return False
    at = datetime.strptime(deleted, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return at.timestamp() < now - LEEWAY_SECONDS


def _go_list(names: Sequence[str]) -> str:
    return f"[{' '.join(orjson.dumps(name).decode() for name in names)}]"
