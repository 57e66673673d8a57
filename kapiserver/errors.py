"""Every failure that a client can see, as the Kubernetes Status it becomes.

One hierarchy: raise an `ApiError` subclass anywhere below the front end; the pipeline turns it into
an HTTP answer in one place (`ApiError.status()`). Codes, reasons and message wording follow
k8s.io/apimachinery/pkg/api/errors, because clients and people match on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

# Told of one object: more than anybody reads, and a small body cannot make a huge answer.
MAX_CAUSES = 1000


class Cause(NamedTuple):
    """One entry of Status.details.causes; `field` is the JSON path of the field at fault."""

    reason: str
    message: str
    field: str = ""

    def as_json(self) -> dict[str, str]:
        out = {"reason": self.reason, "message": self.message}
        if self.field:
            out["field"] = self.field
        return out


def qualified(group: str, resource: str) -> str:
    """`deployments.apps`, or `pods` for the core group: how messages name a resource."""
    return f"{resource}.{group}" if group else resource


class ApiError(Exception):
    """A failed request. `details` holds name, group, kind, uid, causes, retryAfterSeconds."""

    code = 500
    reason = "InternalError"
    empty_details = False  # answers that upstream's router makes have details, of nothing

    def __init__(
        self,
        message: str,
        *,
        name: str = "",
        group: str = "",
        kind: str = "",
        uid: str = "",
        causes: Iterable[Cause] = (),
        retry_after: int = 0,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.name = name
        self.group = group
        self.kind = kind
        self.uid = uid
        self.causes = tuple(causes)
        self.retry_after = retry_after
        self.headers = dict(headers or {})

    def details(self) -> dict[str, Any]:
        out: dict[str, Any] = {}
        if self.name:
            out["name"] = self.name
        if self.group:
            out["group"] = self.group
        if self.kind:
            out["kind"] = self.kind
        if self.uid:
            out["uid"] = self.uid
        if self.causes:
            out["causes"] = [cause.as_json() for cause in self.causes]
        if self.retry_after:
            out["retryAfterSeconds"] = self.retry_after
        return out

    def status(self) -> dict[str, Any]:
        out: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            out["reason"] = self.reason
        details = self.details()
        if details or self.empty_details:
            out["details"] = details
        out["code"] = self.code
        return out


class BadRequest(ApiError):
    code, reason = 400, "BadRequest"


class Unauthorized(ApiError):
    code, reason = 401, "Unauthorized"

    def __init__(self, message: str = "Unauthorized", **kw: Any) -> None:
        super().__init__(message, **kw)


class Forbidden(ApiError):
    code, reason = 403, "Forbidden"


class UnclassifiedError(ApiError):
    """500 without a reason: what upstream makes of failures that it has no class for."""

    code, reason = 500, ""


class NotFound(ApiError):
    code, reason = 404, "NotFound"

    @classmethod
    def of(cls, group: str, resource: str, name: str) -> NotFound:
        return cls(
            f'{qualified(group, resource)} "{name}" not found',
            name=name,
            group=group,
            kind=resource,
        )

    @classmethod
    def resource(cls) -> NotFound:
        """No such path: what a client sees for an unknown version or resource of a group."""
        error = cls("the server could not find the requested resource")
        error.empty_details = True
        return error


class MethodNotAllowed(ApiError):
    code, reason = 405, "MethodNotAllowed"
    empty_details = True

    def __init__(
        self,
        message: str = "the server does not allow this method on the requested resource",
        **kw: Any,
    ) -> None:
        super().__init__(message, **kw)


class NotAcceptable(ApiError):
    code, reason = 406, "NotAcceptable"


class AlreadyExists(ApiError):
    code, reason = 409, "AlreadyExists"

    @classmethod
    def of(cls, group: str, resource: str, name: str) -> AlreadyExists:
        return cls(
            f'{qualified(group, resource)} "{name}" already exists',
            name=name,
            group=group,
            kind=resource,
        )


class Conflict(ApiError):
    code, reason = 409, "Conflict"

    @classmethod
    def of(cls, group: str, resource: str, name: str, why: str) -> Conflict:
        return cls(
            f'Operation cannot be fulfilled on {qualified(group, resource)} "{name}": {why}',
            name=name,
            group=group,
            kind=resource,
        )


MODIFIED = (
    "the object has been modified; please apply your changes to the latest version and try again"
)


class Gone(ApiError):
    code, reason = 410, "Gone"


class Expired(ApiError):
    """A resourceVersion or continue token that is older than the kept history."""

    code, reason = 410, "Expired"


class RequestEntityTooLarge(ApiError):
    code, reason = 413, "RequestEntityTooLarge"

    def __init__(self, why: str, **kw: Any) -> None:
        super().__init__(f"Request entity too large: {why}", **kw)


class UnsupportedMediaType(ApiError):
    code, reason = 415, "UnsupportedMediaType"

    @classmethod
    def routed(cls) -> UnsupportedMediaType:
        """What upstream's router says, where routes are chosen by it."""
        error = cls("415: Unsupported Media Type")
        error.empty_details = True
        return error


class Invalid(ApiError):
    """422 with one cause per field error; kind here is the Kind, not the resource."""

    code, reason = 422, "Invalid"

    @classmethod
    def of(cls, group: str, kind: str, name: str, causes: Iterable[Cause]) -> Invalid:
        found = tuple(causes)
        listed = found[:MAX_CAUSES]
        # what two checks find is a cause each, and is read once
        said = (f"{c.field}: {c.message}" if c.field else c.message for c in listed)
        texts = list(dict.fromkeys(said))
        if len(found) > MAX_CAUSES:
            texts.append(f"and {len(found) - MAX_CAUSES} more")
        joined = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
        who = f"{kind}.{group}" if group else kind
        return cls(
            f'{who} "{name}" is invalid: {joined}',
            name=name,
            group=group,
            kind=kind,
            causes=listed,
        )


class TooManyRequests(ApiError):
    code, reason = 429, "TooManyRequests"


class InternalError(ApiError):
    code, reason = 500, "InternalError"


class ServiceUnavailable(ApiError):
    code, reason = 503, "ServiceUnavailable"


class Timeout(ApiError):
    """504: also the answer for a write whose outcome is unknown; the message says so."""

    code, reason = 504, "Timeout"
    empty_details = True
