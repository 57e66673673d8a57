"""Quantities: `100m`, `1.5Gi`, `1e3`. In: text. Out: an exact value, or the canonical text.

Canonical means: no fraction, the largest suffix of the given family (binary, decimal, exponent)
that keeps every digit, at most nano precision (rounded up), as k8s.io/apimachinery's resource
package defines it. Pure.
"""

from __future__ import annotations

import re
from fractions import Fraction

_FORM = re.compile(
    r"([+-]?)(\d+\.?\d*|\.\d+)(?:(Ki|Mi|Gi|Ti|Pi|Ei)|([numkMGTPE]?)|[eE]([+-]?\d{1,4}))",
    re.ASCII,
)
_ROUGHLY = re.compile(r"[+-]?([0-9]*(?:\.[0-9]*)?)([eEinumkKMGTP]*[+-]?[0-9]*)")
_EXPONENT = re.compile(r"[eE][+-]?[0-9]+")
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_MAX_DIGITS = 4096  # longer ones are hostile: the work on them grows with the square
_BINARY_DOWN = sorted(_BINARY.items(), key=lambda pair: -pair[1])
_DECIMAL_DOWN = sorted(_DECIMAL.items(), key=lambda pair: -pair[1])
_LARGEST = 2**63 - 1  # values beyond are capped, as upstream does
_NANO = 10**9


def _parse(text: str) -> tuple[Fraction, str] | None:
    """The value and its family: binary, decimal or exponent."""
    match = _FORM.fullmatch(text) if len(text) <= _MAX_DIGITS else None
    if match is None:
        return None
    sign, digits, binary, decimal, exponent = match.groups()
    value = Fraction(digits)
    family = "decimal"
    if binary:
        value *= 2 ** _BINARY[binary]
        family = "binary"
    elif exponent is not None:
        value *= Fraction(10) ** max(-400, min(400, int(exponent)))
        family = "exponent"
    elif decimal:
        value *= Fraction(10) ** _DECIMAL[decimal]
    value = min(value, Fraction(_LARGEST))
    return (-value if sign == "-" else value), family


def quantity_problem(text: str) -> str:
    """Why a text is no quantity, in the words of Go's parser."""
    match = _ROUGHLY.fullmatch(text) if text else None
    if match is not None:
        digits, suffix = match.groups()
        if suffix not in _BINARY and suffix not in _DECIMAL and not _EXPONENT.fullmatch(suffix):
            return "unable to parse quantity's suffix"
        if not digits.strip("."):
            return "unable to parse numeric part of quantity"
    return (
        "quantities must match the regular expression "
        "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
    )


def quantity_value(text: str) -> Fraction | None:
    """The exact value; None when the text is not a quantity."""
    parsed = _parse(text)
    return parsed[0] if parsed is not None else None


def canonical_quantity(text: str) -> str | None:
    """The text that kube-apiserver stores for this quantity; None when it is none."""
    parsed = _parse(text)
    if parsed is None:
        return None
    value, family = parsed
    sign = "-" if value < 0 else ""
    nanos = -(-abs(value) * _NANO // 1)  # precision ends at nano; the rest is rounded up
    if nanos == 0:
        return "0"
    if family == "binary" and nanos >= 1024 * _NANO and nanos % _NANO == 0:
        whole = nanos // _NANO
        for suffix, power in _BINARY_DOWN:
            if whole % 2**power == 0:
                return f"{sign}{whole >> power}{suffix}"
        return f"{sign}{whole}"
    for suffix, power in _DECIMAL_DOWN:
        if nanos % 10 ** (power + 9) == 0:
            if family == "exponent":
                suffix = f"e{power}" if power else ""
            return f"{sign}{nanos // 10 ** (power + 9)}{suffix}"
    raise AssertionError("a whole number of nanos always has a suffix")
