"""Static bearer tokens, from a file as kube-apiserver's --token-auth-file reads it.

CSV: token,user,uid[,"group1,group2"]. Tokens are compared by their hash through a dictionary, so
that how long a look-up takes says nothing about any token.
"""

from __future__ import annotations

import csv
import hashlib
import secrets
from collections.abc import Iterable, Sequence

from kapiserver.authn.authenticator import authenticated
from kapiserver.authn.bearer import Owner
from kapiserver.request import UserInfo


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
    """A fixed set of tokens. `audiences`: what this server calls itself; none: anything will do."""

    def __init__(self, users: dict[str, UserInfo], audiences: Sequence[str] = ()) -> None:
        self._key = secrets.token_bytes(32)  # so that nobody can aim at a bucket of the dictionary
        self._users = {self._digest(token.encode()): user for token, user in users.items()}
        self._audiences = tuple(audiences)

    def _digest(self, token: bytes) -> bytes:
        return hashlib.blake2b(token, key=self._key).digest()

    def authenticate_token(self, token: bytes, audiences: Sequence[str] | None) -> Owner | None:
        """These tokens are for this server only: good where it is one of the audiences."""
        user = self._users.get(self._digest(token))
        if user is None:
            return None
        if audiences is None:
            return Owner(user, self._audiences)
        common = tuple(name for name in self._audiences if name in audiences)
        return Owner(user, common) if common or not self._audiences else None
