"""What a disruption budget says to one more eviction. Pure.

In: a decoded PodDisruptionBudget. Out: the budget with one disruption less, or the ApiError that
refuses it, worded as clients (kubectl drain) show it.
"""

from __future__ import annotations

from kapiserver.api.metadata import timestamp
from kapiserver.errors import ApiError, Cause, Forbidden, TooManyRequests
from kapiserver.resources.definition import Object

DISRUPTED_PODS_LIMIT = 2000
"""Evictions that were allowed and that the budget's controller has not seen yet."""
RETRY_SECONDS = 10

_CONDITION = "DisruptionAllowed"
_CAUSE = "DisruptionBudget"
_REFUSED = "Cannot evict pod as it would violate the pod's disruption budget."


def is_ready(pod: Object) -> bool:
    return any(
        condition.get("type") == "Ready" and condition.get("status") == "True"
        for condition in pod.get("status", {}).get("conditions") or ()
    )


def has_room_for_unhealthy(budget: Object) -> bool:
    """Whether a pod that is not ready may go without being counted."""
    if budget.get("spec", {}).get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    status = budget.get("status", {})
    desired = status.get("desiredHealthy", 0)
    return bool(status.get("currentHealthy", 0) >= desired > 0)


def charge(budget: Object, pod: str) -> Object:
    """The budget (changed in place) after the eviction of the pod. Raises what refuses it."""
    metadata, status = budget["metadata"], budget.setdefault("status", {})
    name = metadata["name"]
    allowed = status.get("disruptionsAllowed", 0)
    if status.get("observedGeneration", 0) < metadata.get("generation", 0):
        raise still_processing(name)
    if allowed < 0:
        raise _forbidden(name, "pdb disruptions allowed is negative")
    disrupted = status.setdefault("disruptedPods", {})
    if len(disrupted) > DISRUPTED_PODS_LIMIT:
        raise _forbidden(
            name,
            "DisruptedPods map too big - too many evictions not confirmed by PDB controller",
        )
    if allowed == 0:
        raise TooManyRequests(_REFUSED, causes=[Cause(_CAUSE, _why_not(name, status))])
    status["disruptionsAllowed"] = allowed - 1
    if allowed == 1:
        _note_exhausted(status)
    disrupted[pod] = timestamp()
    return budget


def still_processing(budget: str) -> ApiError:
    why = f"The disruption budget {budget} is still being processed by the server."
    return TooManyRequests(_REFUSED, retry_after=RETRY_SECONDS, causes=[Cause(_CAUSE, why)])


def _forbidden(budget: str, why: str) -> ApiError:
    return Forbidden(
        f'poddisruptionbudget.policy "{budget}" is forbidden: {why}',
        name=budget,
        group="policy",
        kind="poddisruptionbudget",
    )


def _why_not(budget: str, status: Object) -> str:
    conditions = status.get("conditions") or ()
    condition: Object = next((c for c in conditions if c.get("type") == _CONDITION), {})
    message = condition.get("message", "") if condition.get("status") == "False" else ""
    reason = condition.get("reason", "")
    does_not_allow = f"The disruption budget {budget} does not allow evicting pods currently"
    current, desired = status.get("currentHealthy", 0), status.get("desiredHealthy", 0)
    # when the controller failed, its counts are not to be trusted
    if message and reason == "SyncFailed":
        return f"{does_not_allow} because it failed sync: {message}"
    if current <= desired:
        return (
            f"The disruption budget {budget} needs {desired} healthy pods and has {current} "
            "currently"
        )
    if message:
        return f"{does_not_allow} ({reason}): {message}"
    return does_not_allow


def _note_exhausted(status: Object) -> None:
    """The condition that follows from disruptionsAllowed being 0."""
    conditions = status.setdefault("conditions", [])
    condition = next((c for c in conditions if c.get("type") == _CONDITION), None)
    if condition is None:
        condition = {"type": _CONDITION}
        conditions.append(condition)
    if condition.get("status") != "False":
        condition["status"] = "False"
        condition["lastTransitionTime"] = timestamp()
    condition["reason"] = "InsufficientPods"
    condition["message"] = ""
    if status.get("observedGeneration"):
        condition["observedGeneration"] = status["observedGeneration"]
