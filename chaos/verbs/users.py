"""The clients, one class per way to use the API. Each round ends with a look at what it did.

`round` does a few things that have to succeed in the end; `settle` is called once, when all faults
are over, and looks whether everything that was acknowledged is there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chaos.verbs.caller import Caller

NAMESPACE = "verbs"
CORE = f"/api/v1/namespaces/{NAMESPACE}"
APPS = f"/apis/apps/v1/namespaces/{NAMESPACE}"
POLICY = f"/apis/policy/v1/namespaces/{NAMESPACE}"

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
EXISTS, ABSENT = 409, 404
PAGE = 4
BATCH = 5

Object = dict[str, Any]
Lose = Callable[[str], None]
"""Takes what was acknowledged and is not there."""


def config_map(name: str, data: dict[str, str], **labels: str) -> Object:
    metadata: Object = {"name": name}
    if labels:
        metadata["labels"] = labels
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


class User:
    """`name` is in the names of everything that it makes."""

    def __init__(self, name: str, caller: Caller, lose: Lose) -> None:
        self.name = name
        self.call = caller.call
        self.lose = lose
        self.rounds = 0

    async def prepare(self) -> None:
        """Once, before the first round."""

    async def round(self) -> None:
        raise NotImplementedError

    async def settle(self) -> None:
        """Once, at the end."""

    def expect(self, what: str, found: Any, expected: Any) -> None:
        if found != expected:
            self.lose(f"{self.name}: {what} is {found!r} and has to be {expected!r}")


class Editor(User):
    """One object, changed by update, by every type of patch, and by apply."""

    async def prepare(self) -> None:
        self.path = f"{CORE}/configmaps/{self.name}"
        self.data = {"put": "0", "merge": "0", "strategic": "0", "json": "0"}
        created = config_map(self.name, self.data)
        await self.call("POST", f"{CORE}/configmaps", created, already=(EXISTS,))
        self.applied = ""

    async def round(self) -> None:
        number = str(self.rounds)
        await self._put(number)
        for field, content_type, body in (
            ("merge", MERGE, {"data": {"merge": number}}),
            ("strategic", STRATEGIC, {"data": {"strategic": number}}),
            ("json", JSON_PATCH, [{"op": "replace", "path": "/data/json", "value": number}]),
        ):
            await self.call("PATCH", self.path, body, content_type=content_type)
            self.data[field] = number
        wanted = config_map(self.name, {"apply": number})
        await self.call(
            "PATCH", f"{self.path}?fieldManager={self.name}", wanted, content_type=APPLY
        )
        self.data["apply"] = number
        await self.settle()

    async def _put(self, number: str) -> None:
        """As a controller: read, change, write; again when the revision was not the newest."""
        while True:
            _, current = await self.call("GET", self.path)
            current["data"]["put"] = number
            status, _ = await self.call("PUT", self.path, current, expected=(200,), already=(409,))
            if status == 200:
                self.data["put"] = number
                return

    async def settle(self) -> None:
        _, found = await self.call("GET", self.path)
        self.expect("the data", found["data"], self.data)


class Lister(User):
    """Makes a batch, reads it in pages and as a table, deletes one, then the collection."""

    async def round(self) -> None:
        label = f"{self.name}-{self.rounds}"
        names = [f"{label}-{number}" for number in range(BATCH)]
        for name in names:
            created = config_map(name, {}, batch=label)
            await self.call("POST", f"{CORE}/configmaps", created, already=(EXISTS,))
        selected = f"{CORE}/configmaps?labelSelector=batch%3D{label}"
        self.expect("a list in pages", await self._paged(selected), names)
        _, table = await self.call("GET", selected, accept=TABLE)
        self.expect("a table", [row["cells"][0] for row in table["rows"]], names)
        await self.call("DELETE", f"{CORE}/configmaps/{names[0]}", already=(ABSENT,))
        await self.call("GET", f"{CORE}/configmaps/{names[0]}", expected=(ABSENT,))
        self.expect("what is left", await self._paged(selected), names[1:])
        await self.call("DELETE", selected)
        self.expect("what is left of a collection", await self._paged(selected), [])

    async def _paged(self, selected: str) -> list[str]:
        """All names; from the start again when the revision of the pages is gone."""
        names: list[str] = []
        following = ""
        while True:
            path = f"{selected}&limit={PAGE}&continue={following}"
            status, page = await self.call("GET", path, expected=(200, 410))
            if status == 410:
                names, following = [], ""
                continue
            names += [item["metadata"]["name"] for item in page["items"]]
            following = page["metadata"].get("continue", "")
            if not following:
                return names


class Scaler(User):
    """A deployment: scaled in three ways, and its status written."""

    async def prepare(self) -> None:
        self.path = f"{APPS}/deployments/{self.name}"
        labels = {"app": self.name}
        template = {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "c", "image": "i"}]},
        }
        deployment = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": self.name},
            "spec": {"selector": {"matchLabels": labels}, "template": template},
        }
        await self.call("POST", f"{APPS}/deployments", deployment, already=(EXISTS,))
        self.replicas, self.ready = 1, 0

    async def round(self) -> None:
        number = self.rounds + 1
        body = {"spec": {"replicas": number}}
        if number % 3 == 0:
            await self.call("PATCH", f"{self.path}/scale", body, content_type=MERGE)
        elif number % 3 == 1:
            await self.call("PATCH", self.path, body, content_type=STRATEGIC)
        else:
            scale = {
                "apiVersion": "autoscaling/v1",
                "kind": "Scale",
                "metadata": {"name": self.name, "namespace": NAMESPACE},
                **body,
            }
            await self.call("PUT", f"{self.path}/scale", scale)
        self.replicas = number
        status = {"status": {"replicas": number, "readyReplicas": number}}
        await self.call("PATCH", f"{self.path}/status", status, content_type=MERGE)
        self.ready = number
        await self.settle()

    async def settle(self) -> None:
        _, scale = await self.call("GET", f"{self.path}/scale")
        self.expect("the scale", scale["spec"].get("replicas", 0), self.replicas)
        _, found = await self.call("GET", self.path)
        self.expect("readyReplicas", found.get("status", {}).get("readyReplicas", 0), self.ready)


class Evictor(User):
    """Pods that are bound, reported as running, and evicted under a budget."""

    async def prepare(self) -> None:
        budget = {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": self.name},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": self.name}}},
        }
        path = f"{POLICY}/poddisruptionbudgets"
        await self.call("POST", path, budget, already=(EXISTS,))
        status = {"observedGeneration": 1, "disruptionsAllowed": 1000}
        body = {"status": status}
        await self.call("PATCH", f"{path}/{self.name}/status", body, content_type=MERGE)

    async def round(self) -> None:
        name = f"{self.name}-{self.rounds}"
        path = f"{CORE}/pods/{name}"
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": {"app": self.name}},
            "spec": {"containers": [{"name": "c", "image": "i"}]},
        }
        await self.call("POST", f"{CORE}/pods", pod, already=(EXISTS,))
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": name},
            "target": {"kind": "Node", "name": "n1"},
        }
        await self.call("POST", f"{path}/binding", binding, already=(409,))
        running = {"status": {"phase": "Running"}}
        await self.call("PATCH", f"{path}/status", running, content_type=MERGE)
        _, found = await self.call("GET", path)
        self.expect("the node", found["spec"].get("nodeName"), "n1")
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name},
            "deleteOptions": {"gracePeriodSeconds": 0},
        }
        await self.call("POST", f"{path}/eviction", eviction, already=(ABSENT,))
        await self.call("GET", path, expected=(ABSENT,))


class Serviced(User):
    """Services with addresses and ports of their own; some go again."""

    async def prepare(self) -> None:
        self.kept: dict[str, tuple[str, int]] = {}

    async def round(self) -> None:
        name = f"{self.name}-{self.rounds}"
        path = f"{CORE}/services/{name}"
        service = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name},
            "spec": {"type": "NodePort", "ports": [{"port": 80}]},
        }
        await self.call("POST", f"{CORE}/services", service, already=(EXISTS,))
        _, made = await self.call("GET", path)
        if self.rounds % 2:
            await self.call("DELETE", path, already=(ABSENT,))
        else:
            self.kept[name] = _given(made)

    async def settle(self) -> None:
        _, found = await self.call("GET", f"{CORE}/services")
        given = {item["metadata"]["name"]: _given(item) for item in found["items"]}
        own = {name: of for name, of in given.items() if name.startswith(f"{self.name}-")}
        self.expect("the services", own, self.kept)
        for number, what in enumerate(("addresses", "ports")):
            taken = [of[number] for of in given.values()]
            self.expect(f"the count of {what}", len(set(taken)), len(taken))


def _given(service: Object) -> tuple[str, int]:
    return service["spec"]["clusterIP"], service["spec"]["ports"][0]["nodePort"]
