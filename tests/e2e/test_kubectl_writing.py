"""kubectl writes: create, apply, edit, patch, replace, delete and their kin; through each node."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from e2e_kubectl import OWN, Kubectl

WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
      - name: main
        image: nginx:1.26
        env:
        - {name: A, value: "1"}
"""


def test_apply_changes_only_what_changed(kubectl: Kubectl, manifest: Path) -> None:
    manifest.write_text(WEB)
    assert kubectl("apply", "-f", str(manifest)) == "deployment.apps/web created\n"
    assert kubectl("apply", "-f", str(manifest)) == "deployment.apps/web unchanged\n"
    assert kubectl("diff", "-f", str(manifest)) == ""
    kubectl("annotate", "deployment", "web", "owner=someone-else")
    manifest.write_text(WEB.replace("nginx:1.26", "nginx:1.27").replace("name: A,", "name: B,"))
    difference = kubectl("diff", "-f", str(manifest), status=1)
    assert "-      - image: nginx:1.26" in difference or "-        image: nginx:1.26" in difference
    assert "nginx:1.27" in difference
    assert kubectl("apply", "-f", str(manifest)) == "deployment.apps/web configured\n"
    web = json.loads(kubectl("get", "deployment", "web", "-o", "json"))
    container = web["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "nginx:1.27"
    assert container["env"] == [{"name": "B", "value": "1"}]
    assert web["metadata"]["annotations"]["owner"] == "someone-else"
    # to a deployment an annotation is a new generation too: annotate, and apply
    assert web["metadata"]["generation"] == 3
    assert kubectl("delete", "-f", str(manifest)).startswith('deployment.apps "web" deleted')


def test_edit_saves_what_the_editor_wrote(
    kubectl: Kubectl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubectl("create", "configmap", "settings", "--from-literal=colour=blue")
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i s/blue/green/ "$1"\n')
    editor.chmod(editor.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setitem(kubectl.cluster.env, "EDITOR", str(editor))
    assert kubectl("edit", "cm", "settings") == "configmap/settings edited\n"
    assert kubectl("get", "cm", "settings", "-o", "jsonpath={.data.colour}") == "green"


def test_patch_in_all_three_types(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=WEB)
    merge = '{"metadata":{"labels":{"tier":"front"}}}'
    kubectl("patch", "deployment", "web", "--type=merge", "-p", merge)
    operations = '[{"op":"test","path":"/spec/replicas","value":1},' \
        '{"op":"replace","path":"/spec/replicas","value":3}]'  # fmt: skip
    kubectl("patch", "deployment", "web", "--type=json", "-p", operations)
    strategic = (
        '{"spec":{"template":{"spec":{"containers":['
        '{"name":"main","env":[{"name":"B","value":"2"}]},{"name":"side","image":"busybox"}]}}}}'
    )
    kubectl("patch", "deployment", "web", "-p", strategic)
    web = json.loads(kubectl("get", "deployment", "web", "-o", "json"))
    assert web["metadata"]["labels"]["tier"] == "front"
    assert web["spec"]["replicas"] == 3
    containers = {c["name"]: c for c in web["spec"]["template"]["spec"]["containers"]}
    assert containers.keys() == {"main", "side"}
    assert containers["main"]["image"] == "nginx:1.26"
    assert {e["name"] for e in containers["main"]["env"]} == {"A", "B"}
    refused = kubectl.fails(
        "patch", "deployment", "web", "--type=json", "-p",
        '[{"op":"test","path":"/spec/replicas","value":99}]',
    )  # fmt: skip
    assert "error" in refused.lower()
    assert kubectl("scale", "deployment", "web", "--replicas=5") == "deployment.apps/web scaled\n"
    assert kubectl("get", "deployment", "web", "-o", "jsonpath={.spec.replicas}") == "5"


def test_label_annotate_and_replace(kubectl: Kubectl) -> None:
    kubectl("create", "configmap", "settings", "--from-literal=colour=blue")
    assert kubectl("label", "cm", "settings", "a=1") == "configmap/settings labeled\n"
    assert "--overwrite" in kubectl.fails("label", "cm", "settings", "a=2")
    kubectl("label", "cm", "settings", "a=2", "--overwrite")
    kubectl("label", "cm", "settings", "a-")
    assert kubectl("annotate", "cm", "settings", "note=x") == "configmap/settings annotated\n"
    current = json.loads(kubectl("get", "cm", "settings", "-o", "json"))
    assert "labels" not in current["metadata"]
    current["data"] = {"colour": "red"}
    stale = json.dumps(current)
    assert kubectl("replace", "-f", "-", stdin=stale) == "configmap/settings replaced\n"
    conflict = kubectl.fails("replace", "-f", "-", stdin=stale)
    assert "the object has been modified" in conflict
    assert kubectl("get", "cm", "settings", "-o", "jsonpath={.data.colour}") == "red"


def test_what_exists_is_not_created_again(kubectl: Kubectl) -> None:
    kubectl("create", "configmap", "settings")
    again = kubectl.fails("create", "configmap", "settings")
    assert again.strip() == (
        'error: failed to create configmap: configmaps "settings" already exists'
    )


def test_dry_run_leaves_no_trace(kubectl: Kubectl) -> None:
    said = kubectl("create", "configmap", "ghost", "--dry-run=server")
    assert said == "configmap/ghost created (server dry run)\n"
    assert kubectl.fails("get", "cm", "ghost")


def test_wrong_fields_are_refused(kubectl: Kubectl) -> None:
    refused = kubectl.fails("create", "-f", "-", stdin=WEB.replace("replicas: 1", "replikas: 1"))
    assert 'unknown field "spec.replikas"' in refused


def test_delete_by_name_label_and_all(kubectl: Kubectl) -> None:
    for name in ("a", "b", "c", "d"):
        kubectl("create", "configmap", name)
    kubectl("label", "cm", "b", "c", "gone=soon")
    assert kubectl("delete", "cm", "a").startswith('configmap "a" deleted')
    kubectl("delete", "cm", "-l", "gone=soon")
    assert kubectl("get", "cm", OWN, "-o", "name").split() == ["configmap/d"]
    kubectl("delete", "cm", "--all")
    assert kubectl("get", "cm", OWN, "-o", "name") == ""
    assert "NotFound" in kubectl.fails("delete", "cm", "a")


def test_a_namespace_goes_with_its_content(kubectl: Kubectl) -> None:
    kubectl("create", "configmap", "settings")
    kubectl("create", "deployment", "web", "--image=nginx")
    kubectl("create", "secret", "generic", "key", "--from-literal=a=b")
    kubectl("delete", "namespace", kubectl.namespace, "--wait=false")
    kubectl("wait", "--for=delete", f"namespace/{kubectl.namespace}", "--timeout=40s")
    assert "NotFound" in kubectl.fails("get", "namespace", kubectl.namespace)
    assert kubectl("get", "cm,deploy,secret", "-o", "name") == ""
