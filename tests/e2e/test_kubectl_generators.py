"""`kubectl create <kind>` for every kind it can, and how each is then shown."""

from __future__ import annotations

import base64
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from e2e_cluster import Cluster
from e2e_kubectl import Kubectl

# arguments of create → what the row of `get` begins with
NAMESPACED = {
    "service clusterip s1 --tcp=80:8080": "s1 ClusterIP 10.96.",
    "service nodeport s2 --tcp=80": "s2 NodePort 10.96.",
    "service loadbalancer s3 --tcp=80": "s3 LoadBalancer 10.96.",
    "service externalname s4 --external-name=a.example.com": (
        "s4 ExternalName <none> a.example.com <none>"
    ),
    "ingress i --rule=a.example.com/x*=s1:80,tls=t --class=c": "i c a.example.com 80, 443",
    "role r --verb=get,list --resource=pods,deployments.apps": "r 2",
    "rolebinding rb --role=r --user=jane --group=g": "rb Role/r",
    "quota q --hard=pods=5,cpu=2": "q",
    "pdb b --selector=app=x --max-unavailable=1": "b N/A 1 0",
    "secret generic g --from-literal=a=b": "g Opaque 1",
    "secret docker-registry d --docker-server=x --docker-username=u --docker-password=p": (
        "d kubernetes.io/dockerconfigjson 1"
    ),
    "configmap c --from-literal=a=b": "c 1",
    "serviceaccount robot": "robot",
    "deployment two --image=a --image=b --port=5701": "two 0/1 0 0",
}
CLUSTER_WIDE = {
    "clusterrole cr1 --verb=get --resource=nodes": "cr1 2",
    "clusterrole cr2 --verb=get --non-resource-url=/x": "cr2 2",
    "clusterrolebinding crb1 --clusterrole=cr1 --user=jane": "crb1 ClusterRole/cr1",
    "priorityclass pc1 --value=1000 --description=d": "pc1 1000 false",
}
DESCRIBED = {
    "svc/s1": ["IP Families:              IPv4", "TargetPort:               8080/TCP"],
    "ing/i": ["  t terminates a.example.com", "                 /x   s1:80 (<none>)"],
    "role/r": ["  deployments.apps  []                 []              [get list]"],
    "rolebinding/rb": ["  Group  g     "],
    "pdb/b": ["Max unavailable:  1", "    Allowed disruptions:  0"],
    "secret/g": ["a:  1 bytes"],
    "cm/c": ["b"],
    "sa/robot": ["Image pull secrets:  <none>"],
    "clusterrole/cr2": ["             [/x]               []              [get]"],
    "priorityclass/pc1": ["Value:             1000", "PreemptionPolicy:  PreemptLowerPriority"],
}


def squeezed(text: str) -> str:
    return " ".join(text.split())


def made(kubectl: Kubectl, arguments: str, row: str) -> None:
    words = arguments.split()
    kind = words[0]
    name = words[2] if kind in ("service", "secret") else words[1]
    said = kubectl("create", *words)
    assert said.endswith(f"/{name} created\n"), said
    assert squeezed(kubectl("get", kind, name, "--no-headers")).startswith(row)


def test_every_generator(user: Kubectl, cluster: Cluster) -> None:
    try:
        for arguments, row in {**NAMESPACED, **CLUSTER_WIDE}.items():
            made(user, arguments, row)
        for what, lines in DESCRIBED.items():
            shown = user("describe", what).splitlines()
            for line in lines:
                assert line in shown, (what, line, shown)
        again = user.fails("create", "role", "r", "--verb=get", "--resource=pods")
        assert 'roles.rbac.authorization.k8s.io "r" already exists' in again
        assert user("get", "all", "--no-headers").count("service/s") == 4
    finally:
        cluster.kubectl("delete", "clusterrole", "cr1", "cr2", "--ignore-not-found")
        cluster.kubectl("delete", "clusterrolebinding", "crb1", "--ignore-not-found")
        cluster.kubectl("delete", "priorityclass", "pc1", "--ignore-not-found")


def test_tls_secrets(user: Kubectl, cluster: Cluster) -> None:
    pki = cluster.directory / "pki"
    files = (f"--cert={pki / 'admin.crt'}", f"--key={pki / 'admin.key'}")
    user("create", "secret", "tls", "t", *files)
    row = user("get", "secret", "t", "--no-headers").split()
    assert row[:3] == ["t", "kubernetes.io/tls", "2"]


CSR = """\
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {{name: {name}}}
spec:
  request: {request}
  signerName: kubernetes.io/kube-apiserver-client
  usages: [client auth]
"""


def request() -> str:
    """A PEM signing request of jane, in base64."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "jane")])
    signed = (
        x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    )
    return base64.b64encode(signed.public_bytes(serialization.Encoding.PEM)).decode()


def test_certificates_are_approved_or_denied(user: Kubectl) -> None:
    text = request()
    try:
        for name, verb, shown in (
            ("good", "approve", "Approved"),
            ("bad", "deny", "Denied"),
        ):
            user("create", "-f", "-", stdin=CSR.format(name=name, request=text))
            row = user("get", "csr", name, "--no-headers").split()
            assert row[2:] == [
                "kubernetes.io/kube-apiserver-client", "kapi-admin", "<none>", "Pending",
            ]  # fmt: skip
            assert user("certificate", verb, name).endswith(f"/{name} {shown.lower()}\n")
            assert user("get", "csr", name, "--no-headers").split()[-1].split(",")[0] == shown
            assert "         Common Name:    jane\n" in user("describe", "csr", name)
        assert "already Approved" in user.fails("certificate", "deny", "good")
    finally:
        user("delete", "csr", "good", "bad", "--ignore-not-found")


BASE = """\
resources: [deployment.yaml]
configMapGenerator: [{name: settings, literals: [colour=blue]}]
labels: [{pairs: {part: base}}]
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: c, image: nginx, envFrom: [{configMapRef: {name: settings}}]}]
"""
OVERLAY = """\
resources: [../base]
namePrefix: prod-
replicas: [{name: web, count: 3}]
"""


def test_kustomize_directories(user: Kubectl, tmp_path: Path) -> None:
    for folder, files in {
        "base": {"kustomization.yaml": BASE, "deployment.yaml": DEPLOYMENT},
        "prod": {"kustomization.yaml": OVERLAY},
    }.items():
        (tmp_path / folder).mkdir()
        for name, content in files.items():
            (tmp_path / folder / name).write_text(content)
    prod = str(tmp_path / "prod")
    assert "name: prod-web\n" in user("kustomize", prod)
    first = user("apply", "-k", prod).splitlines()
    assert [line.rsplit(" ", 1)[1] for line in first] == ["created", "created"]
    again = user("apply", "-k", prod).splitlines()
    assert [line.rsplit(" ", 1)[1] for line in again] == ["unchanged", "unchanged"]
    assert user("diff", "-k", prod) == ""
    web = user.json("get", "deploy", "prod-web")
    assert (web["spec"]["replicas"], web["metadata"]["labels"]) == (3, {"part": "base"})
    reference = web["spec"]["template"]["spec"]["containers"][0]["envFrom"][0]["configMapRef"]
    assert user("get", "cm", reference["name"], "-o", "jsonpath={.data.colour}") == "blue"
    user("delete", "-k", prod)
    assert user("get", "deploy,cm", "-l", "part=base", "-o", "name") == ""
