"""kubectl as one user of one node."""

from __future__ import annotations

from e2e_cluster import Cluster


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
