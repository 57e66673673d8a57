"""Quantities: `100m`, `1.5Gi`, `1e3`. In: text. Out: an exact value, or the text that is stored.

That is the canonical form: no fraction, the largest suffix of the given family (binary, decimal,
exponent) that keeps every digit, at most nano precision (rounded up), as k8s.io/apimachinery's
resource package defines it. A text that is plainly as short as its canonical form (`+5`, `1.125k`,
`1E3`) is stored as it was given: upstream does not look closer. Pure.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

_FORM = re.compile(
    r"([+-]?)(\d*)(?:\.(\d*))?(?:(Ki|Mi|Gi|Ti|Pi|Ei)|([numkMGTPE]?)|[eE]([+-]?\d{1,4}))",
    re.ASCII,
)
_ROUGHLY = re.compile(r"[+-]?([0-9]*(?:\.[0-9]*)?)([eEinumkKMGTP]*[+-]?[0-9]*)")
_EXPONENT = re.compile(r"[eE][+-]?[0-9]+")
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
# Longer ones are hostile: the work on them grows with the square, and with the powers of ten that
# count (`_VAST`) Python would not write them out any more.
_MAX_DIGITS = 3800
_BINARY_DOWN = sorted(_BINARY.items(), key=lambda pair: -pair[1])
_DECIMAL_SUFFIXES = {power: suffix for suffix, power in _DECIMAL.items()}
_LARGEST = 2**63 - 1  # binary values beyond are capped, as upstream does
_NANO = 9
_VAST = 400  # powers of ten that say no more than that something is vast, or next to nothing

_INT64_DIGITS = 18
_BINARY_DIGITS = 14


class _Quantity(NamedTuple):
    """`mantissa` times ten to the `exponent`, which is no less than -9; no sign."""

    mantissa: int
    exponent: int
    family: str
    negative: bool
    kept: bool  # whether the text is stored as it is


def _parse(text: str) -> _Quantity | None:
    match = _FORM.fullmatch(text) if 0 < len(text) <= _MAX_DIGITS else None
    if match is None:
        return None
    sign, whole, parts, binary, decimal, power = match.groups()
    parts = parts or ""
    nothing = not whole and not parts  # is zero to upstream's quick way, and refused by the other
    whole = whole.lstrip("0")
    digits = whole + parts
    mantissa = int(digits or "0")
    if binary:
        shift = _BINARY[binary]
        fits = len(whole) + shift * 3 // 10 <= _BINARY_DIGITS
        if nothing and not fits:
            return None
        kept = bool(fits and not parts and mantissa % 8)
        mantissa, exponent = _rounded(mantissa << shift, -len(parts))
        largest = _LARGEST if exponent == 0 else _LARGEST * 10**-exponent
        if mantissa > largest:
            mantissa, exponent = _LARGEST, 0
        return _Quantity(mantissa, exponent, "binary", sign == "-", kept)
    family = "decimal" if power is None else "exponent"
    exponent = (int(power) if power is not None else _DECIMAL[decimal]) - len(parts)
    if nothing and exponent < -_NANO:
        return None
    kept = (
        exponent >= -_NANO
        and exponent % 3 == 0
        and len(whole) > 0
        and len(digits) <= _INT64_DIGITS
        and not digits.endswith("000")
    )
    mantissa, exponent = _rounded(mantissa, exponent)
    return _Quantity(mantissa, exponent, family, sign == "-", kept)


def _rounded(mantissa: int, exponent: int) -> tuple[int, int]:
    """Precision ends at nano; the rest is rounded up."""
    if exponent >= -_NANO:
        return mantissa, exponent
    digits = min(-_NANO - exponent, _MAX_DIGITS + _VAST)  # more do not make it any smaller
    return -(-mantissa // 10**digits), -_NANO


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
    if parsed is None:
        return None
    value = parsed.mantissa * Fraction(10) ** min(_VAST, parsed.exponent)
    return -value if parsed.negative else value


def canonical_quantity(text: str) -> str | None:
    """The text that kube-apiserver stores for this quantity; None when it is none."""
    parsed = _parse(text)
    if parsed is None:
        return None
    if parsed.mantissa == 0:
        return "0"
    if parsed.kept:
        return text
    sign = "-" if parsed.negative else ""
    if parsed.family == "binary":
        whole, rest = divmod(parsed.mantissa, 10**-parsed.exponent)
        if whole >= 1024 and not rest:
            return sign + _binary(whole)
    return sign + _decimal(parsed.mantissa, parsed.exponent, exponents=parsed.family == "exponent")


def _binary(whole: int) -> str:
    for suffix, power in _BINARY_DOWN:
        if whole % 2**power == 0:
            return f"{whole >> power}{suffix}"
    return str(whole)


def _decimal(mantissa: int, exponent: int, *, exponents: bool) -> str:
    digits = str(mantissa)
    short = digits.rstrip("0")
    exponent += len(digits) - len(short)
    power = exponent // 3 * 3
    short += "0" * (exponent - power)
    if exponents:
        return f"{short}e{power}" if power else short
    # beyond E there is no suffix, and upstream writes none
    return short + _DECIMAL_SUFFIXES.get(power, "")
