"""A controller with the official client: objects labelled `expires` are deleted when time comes."""

import time

from kubernetes import client, watch
from kubernetes.client.exceptions import ApiException


def run(api: client.CoreV1Api, namespace: str, seconds: int) -> None:
    """Follow the ConfigMaps of a namespace for a while; the label says how long each may live."""
    due: dict[str, float] = {}
    end = time.monotonic() + seconds
    resource_version = ""
    while time.monotonic() < end:
        events = watch.Watch().stream(
            api.list_namespaced_config_map,
            namespace,
            label_selector="expires",
            resource_version=resource_version,
            timeout_seconds=1,
        )
        for event in events:
            found = event["object"]
            resource_version = found.metadata.resource_version
            if event["type"] != "DELETED":
                due[found.metadata.name] = time.monotonic() + float(
                    found.metadata.labels["expires"]
                )
        for name in [name for name, at in due.items() if at <= time.monotonic()]:
            del due[name]
            expire(api, namespace, name)


def expire(api: client.CoreV1Api, namespace: str, name: str) -> None:
    try:
        api.delete_namespaced_config_map(name, namespace)
    except ApiException as error:
        if error.status != 404:
            raise
