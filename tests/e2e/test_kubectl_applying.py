"""kubectl applies, patches, replaces, prunes and cascades."""

from __future__ import annotations

import json
from pathlib import Path

from e2e_cluster import until
from e2e_kubectl import OWN, Kubectl
from e2e_objects import Object, create, owned_by


def settings(name: str = "settings", **data: str) -> str:
    metadata = {"name": name, "labels": {"set": "x"}}
    obj: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    if data:
        obj["data"] = data  # an empty map is not stored, so kubectl would patch it in every time
    return json.dumps(obj)


def test_server_side_apply_with_two_managers(user: Kubectl) -> None:
    apply = ("apply", "--server-side", "-f", "-")
    said = "configmap/settings serverside-applied\n"
    assert user(*apply, "--field-manager=a", stdin=settings(colour="blue")) == said
    conflict = user.fails(*apply, "--field-manager=b", stdin=settings(colour="red", size="1"))
    assert conflict.startswith(
        'error: Apply failed with 1 conflict: conflict with "a": .data.colour'
    )
    forced = (*apply, "--field-manager=b", "--force-conflicts")
    assert user(*forced, stdin=settings(colour="red", size="1")) == said
    shown = user("get", "cm", "settings", "-o", "yaml", "--show-managed-fields")
    assert shown.count("operation: Apply\n") == 2
    assert user(*apply, "--field-manager=b", stdin=settings(colour="red")) == said
    assert user.json("get", "cm", "settings")["data"] == {"colour": "red"}
    seen = user.completed(
        "diff", "--server-side", "--field-manager=b", "-f", "-", stdin=settings(colour="green")
    )
    assert seen.status == 1
    assert "-  colour: red\n+  colour: green\n" in seen.out
    dry = user(*apply, "--field-manager=b", "--dry-run=server", stdin=settings(colour="green"))
    assert dry == "configmap/settings serverside-applied (server dry run)\n"
    assert user.json("get", "cm", "settings")["data"] == {"colour": "red"}


def test_client_side_apply_becomes_server_side(user: Kubectl) -> None:
    user("apply", "-f", "-", stdin=settings(colour="blue", size="1"))
    user("apply", "--server-side", "-f", "-", stdin=settings(colour="blue"))
    assert user.json("get", "cm", "settings")["data"] == {"colour": "blue"}
    assert '"colour": "blue"' in user("apply", "view-last-applied", "cm/settings", "-o", "json")


def test_prune(user: Kubectl, manifest: Path) -> None:
    manifest.write_text(f"{settings('one')}\n---\n{settings('two')}\n")
    only = ("--prune", "-l", "set=x", "--prune-allowlist=core/v1/ConfigMap")
    created = user("apply", "-f", str(manifest), *only)
    assert created == "configmap/one created\nconfigmap/two created\n"
    manifest.write_text(settings("one"))
    pruned = user("apply", "-f", str(manifest), *only)
    assert pruned == "configmap/one unchanged\nconfigmap/two pruned\n"
    assert user("get", "cm", OWN, "-o", "name") == "configmap/one\n"


def test_prune_with_apply_sets(user: Kubectl, manifest: Path) -> None:
    user.cluster.env["KUBECTL_APPLYSET"] = "true"
    try:
        manifest.write_text(f"{settings('one')}\n---\n{settings('two')}\n")
        apply = ("apply", "-f", str(manifest), "--prune", "--applyset=set")
        assert user(*apply) == "configmap/one created\nconfigmap/two created\n"
        manifest.write_text(settings("one"))
        assert user(*apply) == "configmap/one unchanged\nconfigmap/two pruned\n"
    finally:
        del user.cluster.env["KUBECTL_APPLYSET"]


def test_last_applied(user: Kubectl, manifest: Path) -> None:
    manifest.write_text(settings(colour="blue"))
    user("create", "-f", str(manifest))
    assert user("apply", "set-last-applied", "-f", str(manifest), "--create-annotation") == (
        "configmap/settings configured\n"
    )
    assert "  colour: blue\n" in user("apply", "view-last-applied", "cm/settings")


def test_replace_by_force_makes_it_anew(user: Kubectl, manifest: Path) -> None:
    manifest.write_text(settings(colour="blue"))
    user("create", "-f", str(manifest))
    before = user.json("get", "cm", "settings")["metadata"]["uid"]
    assert user("replace", "--force", "-f", str(manifest)).endswith("configmap/settings replaced\n")
    assert user.json("get", "cm", "settings")["metadata"]["uid"] != before


def test_patches_of_status(user: Kubectl) -> None:
    user("create", "deployment", "web", "--image=nginx")
    patch = ("patch", "deploy", "web", "--subresource=status")
    user(*patch, "--type=merge", "-p", '{"status":{"replicas":3},"spec":{"replicas":9}}')
    condition = '{"type":"Available","status":"True"}'
    user(*patch, "--type=strategic", "-p", f'{{"status":{{"conditions":[{condition}]}}}}')
    user(*patch, "--type=json", "-p", '[{"op":"replace","path":"/status/replicas","value":4}]')
    web = user.json("get", "deploy", "web")
    assert web["spec"]["replicas"] == 1
    assert (web["status"]["replicas"], web["status"]["conditions"][0]["type"]) == (4, "Available")
    assert user("get", "deploy", "web", "--subresource=status", "-o", "name") == (
        "deployment.apps/web\n"
    )
    wrong = user.fails("patch", "deploy", "web", "--type=merge", "-p", '{"spec":{"replicas":"x"}}')
    assert "cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas" in wrong


def test_cascades(user: Kubectl) -> None:
    for name in ("orphaned", "foreground"):
        user("create", "deployment", name, "--image=nginx")
        owner = user.json("get", "deploy", name)
        metadata = {"name": f"of-{name}", "ownerReferences": owned_by(owner)}
        metadata["ownerReferences"][0]["blockOwnerDeletion"] = True
        create(user, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    user("delete", "deploy", "orphaned", "--cascade=orphan")
    left = user.json("get", "cm", "of-orphaned")["metadata"]
    until(
        lambda: "ownerReferences" not in user.json("get", "cm", "of-orphaned")["metadata"],
        "the orphan to lose its owner",
    )
    user("delete", "deploy", "foreground", "--cascade=foreground", "--timeout=30s")
    assert "NotFound" in user.fails("get", "cm", "of-foreground")
    assert user.json("get", "cm", "of-orphaned")["metadata"]["uid"] == left["uid"]
    user("create", "cm", "another")
    said = user("delete", "cm", OWN).splitlines()
    assert said == [
        f'configmap "{name}" deleted from {user.namespace} namespace'
        for name in ("another", "of-orphaned")
    ]


def test_lists_are_checked_by_the_client(user: Kubectl) -> None:
    """The server cannot be asked to: kubectl reads the OpenAPI document, in protobuf."""
    items = [json.loads(settings(name, colour="blue")) for name in ("one", "two")]
    listed = {"apiVersion": "v1", "kind": "List", "items": items}
    said = user("apply", "-f", "-", stdin=json.dumps(listed))
    assert said == "configmap/one created\nconfigmap/two created\n"
    items[1]["dada"] = {}
    refused = user.fails("apply", "-f", "-", stdin=json.dumps(listed))
    assert 'unknown field "dada" in io.k8s.api.core.v1.ConfigMap' in refused
    shown = user("get", "cm", OWN, "-o", "json")
    user("delete", "cm", OWN)
    assert user("create", "-f", "-", stdin=shown).count(" created\n") == 2
