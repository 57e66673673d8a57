"""Regular expressions that users give. In: a pattern. Out: what Go's regexp package says of it.

The engine is RE2, as in Go: linear time, no backtracking, no lookaround. Only what the two
libraries call the same fault differs; the words here are Go's.
"""

from __future__ import annotations

import re2  # type: ignore[import-untyped]

from kapiserver.remembering import remembered

_IN_GO = {
    "invalid escape sequence": "invalid escape sequence",
    "invalid character class": "invalid character class",
    "invalid character class range": "invalid character class range",
    "missing ]": "missing closing ]",
    "missing )": "missing closing )",
    "unexpected )": "unexpected )",
    "trailing \\": "trailing backslash at end of expression",
    "no argument for repetition operator": "missing argument to repetition operator",
    "invalid repetition size": "invalid repeat count",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid UTF-8": "invalid UTF-8",
    "invalid named capture group": "invalid named capture",
}
_QUIET = re2.Options()
_QUIET.log_errors = False


@remembered(4096)
def pattern_problem(pattern: str) -> str:
    """Why the pattern does not compile, or nothing."""
    try:
        re2.compile(pattern, _QUIET)
    except re2.error as error:
        fault, _, where = _text(error).partition(": ")
        if not where:  # Go shows no place for a backslash that ends the expression
            return f"error parsing regexp: {_IN_GO.get(fault, fault)}: ``"
        return f"error parsing regexp: {_IN_GO.get(fault, fault)}: `{where}`"
    return ""


def matches(pattern: str, text: str) -> bool:
    """Whether the pattern is found in the text; one that does not compile matches nothing."""
    if pattern_problem(pattern):
        return False
    return re2.search(pattern, text, options=_QUIET) is not None


def _text(error: BaseException) -> str:
    reason = error.args[0]
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
