"""Where is the API? The suites in the `kubernetes` package import this; its wheel leaves it out.

A pytest plugin (`-p e2e_test_base`). The suites ask `e2e_test.base` for a configuration; it is the
one of $KUBECONFIG.
"""

from __future__ import annotations

import asyncio
import sys
from types import ModuleType
from typing import Any

from kubernetes import client, config
from kubernetes.aio import client as aio_client
from kubernetes.aio import config as aio_config


def configuration() -> Any:
    made = client.Configuration()
    config.load_kube_config(client_configuration=made)
    return made


def aio_configuration() -> Any:
    made = aio_client.Configuration()
    asyncio.run(aio_config.load_kube_config(client_configuration=made))
    return made


for package, get in (
    ("kubernetes.e2e_test", configuration),
    ("kubernetes.aio.e2e_test", aio_configuration),
):
    module = ModuleType(f"{package}.base")
    module.get_e2e_configuration = get  # type: ignore[attr-defined]
    parent = ModuleType(package)
    parent.base = module  # type: ignore[attr-defined]
    sys.modules[package] = parent
    sys.modules[f"{package}.base"] = module
