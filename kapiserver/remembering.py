"""Results of pure functions of what clients send, remembered within bounds.

`lru_cache` bounds how many results are kept, not how large what they are results of may be: a few
thousand texts of a megabyte would fill the memory. Long texts are looked at each time instead.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from inspect import signature
from typing import Any, Concatenate, ParamSpec, TypeVar

LONGEST = 512

Text = TypeVar("Text", str, bytes)
P = ParamSpec("P")
R = TypeVar("R")

_Function = Callable[Concatenate[Text, P], R]


def remembered(most: int) -> Callable[[_Function[Text, P, R]], _Function[Text, P, R]]:
    """For functions of a text (and maybe of little else); `most` results are kept."""

    def decorate(function: _Function[Text, P, R]) -> _Function[Text, P, R]:
        kept = lru_cache(most)(function)
        if len(signature(function).parameters) == 1:  # most are: a call less deep
            return _of_text_alone(function, kept)

        @wraps(function)
        def look(text: Text, /, *args: P.args, **more: P.kwargs) -> R:
            if len(text) > LONGEST:
                return function(text, *args, **more)
            return kept(text, *args, **more)  # type: ignore[arg-type]

        return look

    return decorate


def _of_text_alone(function: Callable[..., Any], kept: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def look(text: Any, /) -> Any:
        return kept(text) if len(text) <= LONGEST else function(text)

    return look
