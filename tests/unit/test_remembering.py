"""What is remembered of texts that clients send, and what is not."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable

import pytest

from kapiserver.api.accept import check_routed, clauses
from kapiserver.api.negotiation import ROUTED, negotiate
from kapiserver.errors import NotAcceptable
from kapiserver.remembering import LONGEST, remembered
from kapiserver.resources.image_names import image_tag


class Looked:
    """A result that can be seen to go."""


@remembered(10)
def look(text: str, *, kind: str = "") -> Looked:
    return Looked()


def test_short_texts_are_looked_at_once() -> None:
    assert look("a") is look("a")
    assert look("a", kind="b") is look("a", kind="b")
    assert look("a") is not look("a", kind="b")
    assert look("x" * LONGEST) is look("x" * LONGEST)


def test_of_long_texts_nothing_stays() -> None:
    found = look("x" * (LONGEST + 1))
    gone = weakref.ref(found)
    del found
    assert gone() is None


def _routed(header: bytes) -> None:
    with pytest.raises(NotAcceptable):
        check_routed(header, ROUTED)


def _negotiated(header: bytes) -> None:
    with pytest.raises(NotAcceptable):
        negotiate(header)


# How many comparisons sorting by insertion would take of this header: some 25 million.
LONG_HEADER = b",".join(b"a/b;q=0.%04d" % number for number in range(5_000))


@pytest.mark.parametrize("read", [clauses, _routed, _negotiated])
def test_long_headers_cost_what_they_hold(read: Callable[[bytes], object]) -> None:
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        read(LONG_HEADER)
    finally:
        sys.setprofile(None)
    assert calls < 1_000_000


def test_clauses_of_long_headers_are_in_order_too() -> None:
    found = clauses(b"*/*," + LONG_HEADER)
    assert (found[0].kind, found[0].quality) == ("*", 1.0)
    assert [clause.quality for clause in found[1:]] == sorted(
        (clause.quality for clause in found[1:]), reverse=True
    )


def test_names_of_images_that_are_too_long_are_none() -> None:
    assert image_tag("a" * 2000) is None
    assert image_tag("a") == "latest"
