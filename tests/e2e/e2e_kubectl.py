"""kubectl as one user of one node."""

from __future__ import annotations

import json
from typing import Any

from e2e_cluster import KUBECTL, Cluster, Completed, run

# Config maps without the one that every namespace has.
OWN = "--field-selector=metadata.name!=kube-root-ca.crt"


class Kubectl:
    """kubectl with a context, in a namespace of its own."""

    def __init__(self, cluster: Cluster, context: str, namespace: str) -> None:
        self.cluster = cluster
        self.context = context
        self.namespace = namespace

    def _complete(self, arguments: tuple[str, ...]) -> list[str]:
        return ["--context", self.context, "-n", self.namespace, *arguments]

    def __call__(self, *arguments: str, stdin: str | None = None, status: int | None = 0) -> str:
        return self.cluster.kubectl(*self._complete(arguments), stdin=stdin, status=status)

    def fails(self, *arguments: str, stdin: str | None = None) -> str:
        return self.cluster.kubectl_fails(*self._complete(arguments), stdin=stdin)

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "-o", "json"))

    def completed(self, *arguments: str, stdin: str | None = None) -> Completed:
        """Both outputs, whatever the status."""
        command = [str(KUBECTL), *self._complete(arguments)]
        return run(command, env=self.cluster.env, stdin=stdin)
