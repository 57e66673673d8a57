"""How much of a device one claim may ask for: out of a list of amounts, or out of a range."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import duplicate, forbidden, invalid, required, too_many
from kapiserver.resources.schema.quantity import canonical_quantity
from kapiserver.resources.validation.formats import NON_NEGATIVE, Found
from kapiserver.resources.validation.quantities import amount
from kapiserver.resources.validation.repeats import repeated

_MAX_CHOICES = 10
_LARGEST = 2**63 - 1


def check_request_policy(found: Found, capacity: Any, policy: Object, path: str) -> None:
    choices, limits = policy.get("validValues") or [], policy.get("validRange")
    if choices and limits is not None:
        detail = (
            'exactly one policy can be specified, cannot specify "validValues" and "validRange" '
            "at the same time"
        )
        found.append(forbidden(path, detail))
        return
    field = "validValues" if choices else "validRange"
    if not choices and limits is None:
        return
    if policy.get("default") is None:
        found.append(required(f"{path}.default", f"required when {field} is defined"))
    elif choices:
        _check_choices(found, policy["default"], capacity, choices, f"{path}.{field}")
    else:
        _check_range(found, policy["default"], capacity, limits or {}, f"{path}.{field}")


def _shown(quantity: Any) -> str:
    return canonical_quantity(str(quantity)) or str(quantity)


def _check_choices(
    found: Found, default: Any, capacity: Any, choices: list[Any], path: str
) -> None:
    values = [amount(choice) for choice in choices]
    for position in range(1, len(values)):
        if values[position - 1] > values[position]:
            shown = _shown(choices[position])
            detail = "values must be sorted in ascending order"
            found.append(invalid(f"{path}[{position}]", shown, detail))
    known = False
    if len(choices) > _MAX_CHOICES:
        found.append(too_many(path, len(choices), _MAX_CHOICES))
    else:
        for position, value in enumerate(values):
            if value > amount(capacity):
                detail = f"option is larger than capacity value: {_shown(capacity)}"
                found.append(invalid(f"{path}[{position}]", _shown(choices[position]), detail))
            known = known or value == amount(default)
        whole = [_rounded(value) for value in values]
        found += [
            duplicate(f"{path}[{position}]", str(whole[position]))
            for position in sorted(repeated(whole))
        ]
    if not known:
        detail = "default value is not valid according to the requestPolicy"
        found.append(invalid(path, _shown(default), detail))


def _rounded(value: Fraction) -> int:
    """Away from zero, as whole numbers of a quantity are taken."""
    return -(-abs(value) // 1) * (-1 if value < 0 else 1)


def _check_range(found: Found, default: Any, capacity: Any, limits: Object, path: str) -> None:
    low, high, step = limits.get("min"), limits.get("max"), limits.get("step")
    if low is None:
        found.append(required(f"{path}.min", "required when validRange is defined"))
        return
    most, least, wanted = amount(capacity), amount(low), amount(default)
    if least > most:
        detail = f"min is larger than capacity value: {_shown(capacity)}"
        found.append(invalid(f"{path}.min", _shown(low), detail))
    if wanted < least:
        detail = f"default is less than min: {_shown(low)}"
        found.append(invalid(f"{path}.default", _shown(default), detail))
    if high is not None:
        if least > amount(high):
            detail = f"min is larger than max: {_shown(high)}"
            found.append(invalid(f"{path}.max", _shown(low), detail))
        if amount(high) > most:
            detail = f"max is larger than capacity value: {_shown(capacity)}"
            found.append(invalid(f"{path}.max", _shown(high), detail))
        if wanted > amount(high):
            detail = f"default is more than max: {_shown(high)}"
            found.append(invalid(f"{path}.default", _shown(default), detail))
    if step is not None:
        _check_step(found, default, capacity, limits, path)


def _check_step(found: Found, default: Any, capacity: Any, limits: Object, path: str) -> None:
    low, high, step = limits["min"], limits.get("max"), limits["step"]
    here = f"{path}.step"
    if amount(step) <= 0:
        found.append(invalid(here, _shown(step), "must be greater than zero"))
        return
    first = amount(low) + amount(step)
    if first > amount(capacity):
        added = canonical_quantity(str(_sum(low, step))) or ""
        detail = f"one step {added} is larger than capacity value: {_shown(capacity)}"
        found.append(invalid(here, _shown(step), detail))
    unsafe = False
    for field, value in (("default", default), ("min", low), ("max", high), ("step", step)):
        if value is None:
            continue
        if amount(value) < 0 or amount(value) > _LARGEST:
            unsafe = True
            most = f"must not be larger than {_LARGEST}"
            detail = NON_NEGATIVE if amount(value) < 0 else most
            found.append(invalid(f"{path}.{field}", _shown(value), detail))
    if unsafe:
        return
    size, start = _rounded(amount(step)), _rounded(amount(low))
    for value in (default, high):
        if value is not None and (_rounded(amount(value)) - start) % size:
            detail = (
                f"value is not a multiple of a given step ({_shown(step)}) from ({_shown(low)})"
            )
            found.append(invalid(here, _shown(value), detail))


def _sum(one: Any, other: Any) -> str:
    """The sum in the family of the first, unless that is zero; the canonical form does the rest."""
    total = amount(one) + amount(other)
    family = str(one) if amount(one) else str(other)
    if family.endswith("i") and total % 1024 == 0:
        return f"{_rounded(total / 1024)}Ki"
    return str(_rounded(total)) if total.denominator == 1 else f"{_rounded(total * 1000)}m"
