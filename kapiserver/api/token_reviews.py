"""TokenReview: whose token is this? Asked by servers that leave authentication to us."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from kapiserver.api.call import Call
from kapiserver.api.reviews import read_review, respond_review, user_info
from kapiserver.authn.bearer import BearerTokens, TokenRefused
from kapiserver.errors import BadRequest
from kapiserver.request import Response


def token_review_verb(bearer: BearerTokens) -> Callable[[Call], Awaitable[Response]]:
    """For the router."""

    async def review_token(call: Call) -> Response:
        review = await read_review(call)
        spec = review.get("spec", {})
        token = spec.get("token", "")
        if not token:
            raise BadRequest("token is required for TokenReview in authentication")
        status: dict[str, Any]
        try:
            owner = await bearer.review(token.encode(), spec.get("audiences") or None)
        except TokenRefused as refusal:
            status = {"user": {}, "error": str(refusal)}
        else:
            status = {"authenticated": True, "user": user_info(owner.user)}
            if owner.audiences:
                status["audiences"] = list(owner.audiences)
        return respond_review(call, review, status)

    return review_token
