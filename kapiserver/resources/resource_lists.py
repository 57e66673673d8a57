"""Lists of resources (`cpu: 100m`) as they are stored: nothing is finer than a thousandth.

In: a decoded list. Out: the same one, in place, with what is finer rounded up. Pure.
"""

from __future__ import annotations

import math

from kapiserver.resources.definition import Object
from kapiserver.resources.schema.quantity import canonical_quantity, quantity_value


def round_up(holder: Object, *fields: str) -> None:
    """Round the amounts in these fields of an object."""
    for field in fields:
        resources = holder.get(field)
        if not isinstance(resources, dict):
            continue
        for name, quantity in resources.items():
            text = str(quantity)
            # most amounts are plain, and nothing to look at
            if text.endswith(("n", "u")) or "." in text or "e-" in text.lower():
                resources[name] = _rounded(text, quantity)


def _rounded(text: str, quantity: object) -> object:
    value = quantity_value(text)
    if value is None or (value * 1000).denominator == 1:
        return quantity
    thousandths = value * 1000
    whole = math.ceil(thousandths) if thousandths > 0 else math.floor(thousandths)
    return canonical_quantity(f"{whole}m")
