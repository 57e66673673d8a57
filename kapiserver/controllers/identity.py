"""As whom controllers act: upstream's names, so that rules, logs and field owners fit."""

from __future__ import annotations

from kapiserver.api.options import WriteOptions
from kapiserver.request import UserInfo

# The program that has these controllers upstream owns the fields that they write.
WRITING = WriteOptions(field_manager="kube-controller-manager")


def controller(name: str) -> UserInfo:
    """The service account of a controller."""
    return UserInfo(
        f"system:serviceaccount:kube-system:{name}",
        groups=(
            "system:serviceaccounts",
            "system:serviceaccounts:kube-system",
            "system:authenticated",
        ),
    )
