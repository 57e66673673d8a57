"""An operator, as users of kopf write them: run by test_operators.py."""

from __future__ import annotations

from typing import Any

import kopf

MINDED = {"minded": "yes"}


@kopf.on.create("configmaps", labels=MINDED)
def made(patch: kopf.Patch, **_: Any) -> None:
    patch.metadata.annotations["example.com/made"] = "true"


@kopf.on.field("configmaps", labels=MINDED, field="data.size")
def resized(old: Any, new: Any, patch: kopf.Patch, **_: Any) -> None:
    patch.metadata.annotations["example.com/resized"] = f"{old} to {new}"


@kopf.on.delete("configmaps", labels=MINDED)
def gone(name: str, body: kopf.Body, **_: Any) -> None:
    kopf.info(body, reason="Farewell", message=f"{name} is gone")
