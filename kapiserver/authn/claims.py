"""What a service account token says: kube-apiserver's claims, as plain values. Pure.

In: the account, what the token is bound to, for how long. Out: the payload of a JWT; and back from
a payload to the same values. Signatures are not checked here, nor whether anything exists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import uuid4

from kapiserver.authn.authenticator import AUTHENTICATED
from kapiserver.authn.x509 import CREDENTIAL_ID
from kapiserver.request import UserInfo

EXTRA_PREFIX = "authentication.kubernetes.io/"
ALL_ACCOUNTS = "system:serviceaccounts"


class Reference(NamedTuple):
    """An object, so that another one of the same name is not it."""

    name: str
    uid: str = ""


class Account(NamedTuple):
    """A service account."""

    namespace: str
    name: str
    uid: str

    @property
    def username(self) -> str:
        return f"system:serviceaccount:{self.namespace}:{self.name}"


class Bound(NamedTuple):
    """What a token is bound to: it ends with these. A pod's node is there for information."""

    pod: Reference | None = None
    secret: Reference | None = None
    node: Reference | None = None


class Claims(NamedTuple):
    """A token's content. Times are unix seconds; a time that is not there is None."""

    account: Account
    bound: Bound
    audiences: tuple[str, ...]
    issuer: str = ""
    token_id: str = ""
    issued_at: float | None = None
    not_before: float | None = None
    expires: float | None = None

    def user(self) -> UserInfo:
        account, bound = self.account, self.bound
        extra: dict[str, tuple[str, ...]] = {}
        if self.token_id:
            extra[CREDENTIAL_ID] = (f"JTI={self.token_id}",)
        if bound.node is not None:
            extra[EXTRA_PREFIX + "node-name"] = (bound.node.name,)
            if bound.node.uid:
                extra[EXTRA_PREFIX + "node-uid"] = (bound.node.uid,)
        if bound.pod is not None and bound.pod.name and bound.pod.uid:
            extra[EXTRA_PREFIX + "pod-name"] = (bound.pod.name,)
            extra[EXTRA_PREFIX + "pod-uid"] = (bound.pod.uid,)
        groups = (ALL_ACCOUNTS, f"{ALL_ACCOUNTS}:{account.namespace}", AUTHENTICATED)
        return UserInfo(account.username, account.uid, groups, extra)


def new_payload(
    issuer: str,
    account: Account,
    bound: Bound,
    audiences: Sequence[str],
    *,
    now: int,
    seconds: int,
    warn_after: int = 0,
) -> dict[str, Any]:
    """The payload of a new token. `warn_after`: seconds after which its use is worth a remark."""
    private: dict[str, Any] = {"namespace": account.namespace}
    for name in ("node", "pod", "secret"):
        reference: Reference | None = getattr(bound, name)
        if reference is not None:
            private[name] = _shown(reference)
    private["serviceaccount"] = _shown(Reference(account.name, account.uid))
    if warn_after:
        private["warnafter"] = now + warn_after
    return {
        "aud": list(audiences),
        "exp": now + seconds,
        "iat": now,
        "iss": issuer,
        "jti": str(uuid4()),
        "kubernetes.io": private,
        "nbf": now,
        "sub": account.username,
    }


def _shown(reference: Reference) -> dict[str, str]:
    return {field: value for field, value in reference._asdict().items() if value}


def claims_of(payload: Mapping[str, Any]) -> Claims:
    """Raises ValueError for a payload that is not of this shape."""
    private = payload.get("kubernetes.io", {})
    if not isinstance(private, dict):
        raise ValueError("the claim kubernetes.io is no object")
    account = _reference(private.get("serviceaccount")) or Reference("")
    audiences = payload.get("aud", [])
    if isinstance(audiences, str):
        audiences = [audiences]
    if not isinstance(audiences, list):
        raise ValueError("the claim aud is neither a string nor a list")
    return Claims(
        Account(_text(private.get("namespace", "")), account.name, account.uid),
        Bound(
            _reference(private.get("pod")),
            _reference(private.get("secret")),
            _reference(private.get("node")),
        ),
        tuple(map(_text, audiences)),
        _text(payload.get("iss", "")),
        _text(payload.get("jti", "")),
        _time(payload.get("iat")),
        _time(payload.get("nbf")),
        _time(payload.get("exp")),
    )


def _reference(value: Any) -> Reference | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ValueError("a reference is no object")
    return Reference(_text(value.get("name", "")), _text(value.get("uid", "")))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a claim is no string")
    return value


def _time(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a time is no number")
    return float(value)
