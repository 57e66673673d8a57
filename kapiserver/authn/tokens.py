"""Static bearer tokens, from a file as kube-apiserver's --token-auth-file reads it.

CSV: token,user,uid[,"group1,group2"]. Tokens are compared by their hash through a dictionary, so
that how long a look-up takes says nothing about any token.
"""

from __future__ import annotations

import csv
import hashlib
import secrets
from collections.abc import Iterable

from kapiserver.authn.authenticator import authenticated
from kapiserver.errors import Unauthorized
from kapiserver.request import Request, UserInfo


class TokenFileError(ValueError):
    """The file is not a token file; says which line."""


def read_tokens(lines: Iterable[str]) -> dict[str, UserInfo]:
    """Token → user. Blank lines are skipped; a later line for the same token wins, as upstream."""
    users: dict[str, UserInfo] = {}
    for number, fields in enumerate(csv.reader(lines, skipinitialspace=True), start=1):
        if not fields or not any(fields):
            continue
        if len(fields) < 3:
            raise TokenFileError(
                f"line {number} must have at least 3 columns (token, user name, user uid), "
                f"found {len(fields)}"
            )
        token, name, uid, *rest = (field.strip() for field in fields)
        if not token:
            raise TokenFileError(f"line {number} has an empty token")
        groups = tuple(g for g in rest[0].split(",") if g) if rest else ()
        users[token] = authenticated(UserInfo(name, uid=uid, groups=groups))
    return users


class StaticTokens:
    """Authenticates `Authorization: Bearer …` against a fixed set of tokens."""

    def __init__(self, users: dict[str, UserInfo]) -> None:
        self._key = secrets.token_bytes(32)  # so that nobody can aim at a bucket of the dictionary
        self._users = {self._digest(token.encode()): user for token, user in users.items()}

    def _digest(self, token: bytes) -> bytes:
        return hashlib.blake2b(token, key=self._key).digest()

    def authenticate(self, request: Request) -> UserInfo | None:
        token = bearer_token(request)
        if token is None:
            return None
        user = self._users.get(self._digest(token))
        if user is None:
            raise Unauthorized()
        return user


def bearer_token(request: Request) -> bytes | None:
    """The token of a Bearer header; None where there is no such header or it is empty."""
    header = request.header(b"authorization")
    if header is None:
        return None
    scheme, _, token = header.strip().partition(b" ")
    token = token.strip()
    return token if scheme.lower() == b"bearer" and token else None
