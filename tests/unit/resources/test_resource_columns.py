"""Every table has the columns of kube-apiserver 1.37: names, types, formats, priorities, texts."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

import pytest
from resource_rows import REGISTRY

from kapiserver.resources.definition import Column, FieldDoc

# A space in a name is written "_". Marks: * format "name", + only with -o wide, # integer,
# ? boolean, @ date.
TEMPLATE = "Containers+ Images+"
OWNER = f"Age {TEMPLATE} Selector+"
COLUMNS = {
    "componentstatuses": "Name* Status Message Error",
    "configmaps": "Name* Data Age",
    "endpoints": "Name* Endpoints Age",
    "events": "Last_Seen Type Reason Object Subobject+ Source+ Message First_Seen+ Count+ Name*+",
    "limitranges": "Name* Created_At@",
    "namespaces": "Name* Status Age",
    "nodes": "Name* Status Roles Age Version Internal-IP+ External-IP+ OS-Image+ Kernel-Version+ "
    "Container-Runtime+",
    "persistentvolumeclaims": "Name* Status Volume Capacity Access_Modes StorageClass "
    "VolumeAttributesClass Age VolumeMode+",
    "persistentvolumes": "Name* Capacity Access_Modes Reclaim_Policy Status Claim StorageClass "
    "VolumeAttributesClass Reason Age VolumeMode+",
    "pods": "Name* Ready Status Restarts Age IP+ Node+ Nominated_Node+ Readiness_Gates+",
    "podtemplates": "Name* Containers Images Pod_Labels",
    "replicationcontrollers": f"Name* Desired# Current# Ready# {OWNER}",
    "resourcequotas": "Name* Request Limit Age",
    "secrets": "Name* Type Data Age",
    "serviceaccounts": "Name* Age",
    "services": "Name* Type Cluster-IP External-IP Port(s) Age Selector+",
    "apiservices.apiregistration.k8s.io": "Name* Service Available Age",
    "controllerrevisions.apps": "Name* Controller Revision Age",
    "daemonsets.apps": "Name* Desired# Current# Ready# Up-to-date# Available# Node_Selector "
    f"{OWNER}",
    "deployments.apps": f"Name* Ready Up-to-date Available {OWNER}",
    "replicasets.apps": f"Name* Desired# Current# Ready# {OWNER}",
    "statefulsets.apps": f"Name* Ready Age {TEMPLATE}",
    "events.events.k8s.io": "Last_Seen Type Reason Object Subobject+ Source+ Message First_Seen+ "
    "Count+ Name*+",
    "horizontalpodautoscalers.autoscaling": "Name* Reference Targets MinPods MaxPods Replicas Age",
    "cronjobs.batch": f"Name* Schedule Timezone Suspend? Active# Last_Schedule {OWNER}",
    "jobs.batch": f"Name* Status Completions Duration {OWNER}",
    "certificatesigningrequests.certificates.k8s.io": "Name* Age SignerName Requestor "
    "RequestedDuration Condition",
    "clustertrustbundles.certificates.k8s.io": "Name* SignerName",
    "podcertificaterequests.certificates.k8s.io": "Name* PodName ServiceAccountName NodeName "
    "SignerName State UnverifiedUserAnnotations",
    "ingressclasses.networking.k8s.io": "Name* Controller Parameters Age",
    "ingresses.networking.k8s.io": "Name* Class Hosts Address Ports Age",
    "ipaddresses.networking.k8s.io": "Name* ParentRef",
    "networkpolicies.networking.k8s.io": "Name* Pod-Selector Age",
    "servicecidrs.networking.k8s.io": "Name* CIDRs Age",
    "poddisruptionbudgets.policy": "Name* Min_Available Max_Unavailable Allowed_Disruptions# Age",
    "clusterrolebindings.rbac.authorization.k8s.io": "Name* Role Age Users+ Groups+ "
    "ServiceAccounts+",
    "clusterroles.rbac.authorization.k8s.io": "Name* Created_At@",
    "rolebindings.rbac.authorization.k8s.io": "Name* Role Age Users+ Groups+ ServiceAccounts+",
    "roles.rbac.authorization.k8s.io": "Name* Created_At@",
    "csidrivers.storage.k8s.io": "Name* AttachRequired? PodInfoOnMount? StorageCapacity? "
    "TokenRequests RequiresRepublish? Modes Age",
    "csinodes.storage.k8s.io": "Name* Drivers# Age",
    "csistoragecapacities.storage.k8s.io": "Name* StorageClassName Capacity",
    "storageclasses.storage.k8s.io": "Name* Provisioner ReclaimPolicy VolumeBindingMode "
    "AllowVolumeExpansion Age",
    "volumeattachments.storage.k8s.io": "Name* Attacher* PV Node Attached? Age",
    "volumeattributesclasses.storage.k8s.io": "Name* DriverName Age",
    "mutatingadmissionpolicies.admissionregistration.k8s.io": "Name* Mutations# ParamKind Age",
    "mutatingadmissionpolicybindings.admissionregistration.k8s.io": "Name* PolicyName ParamRef Age",
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": "Name* Webhooks# Age",
    "validatingadmissionpolicies.admissionregistration.k8s.io": "Name* Validations# ParamKind Age",
    "validatingadmissionpolicybindings.admissionregistration.k8s.io": "Name* PolicyName ParamRef "
    "Age",
    "validatingwebhookconfigurations.admissionregistration.k8s.io": "Name* Webhooks# Age",
    "customresourcedefinitions.apiextensions.k8s.io": "Name* Group Scope Versions Created_At@",
    "priorityclasses.scheduling.k8s.io": "Name* Value# Global-Default? Age PreemptionPolicy",
    "leases.coordination.k8s.io": "Name* Holder Age",
    "runtimeclasses.node.k8s.io": "Name* Handler Age",
    "endpointslices.discovery.k8s.io": "Name* AddressType Ports Endpoints Age",
    "flowschemas.flowcontrol.apiserver.k8s.io": "Name* PriorityLevel MatchingPrecedence "
    "DistinguisherMethod Age MissingPL",
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io": "Name* Type "
    "NominalConcurrencyShares Queues HandSize QueueLengthLimit Age",
    "deviceclasses.resource.k8s.io": "Name* Age",
    "devicetaintrules.resource.k8s.io": "Name* Key Value Effect TimeAdded Age",
    "resourceclaims.resource.k8s.io": "Name* State Age",
    "resourceclaimtemplates.resource.k8s.io": "Name* Age",
    "resourceslices.resource.k8s.io": "Name* Node Driver Pool Age",
    "storageversionmigrations.storagemigration.k8s.io": "Name Resource Status",
}
TYPES = {"string": "", "integer": "#", "boolean": "?", "date": "@"}


def written(column: Column) -> str:
    marks = TYPES[column.type] + ("*" if column.format == "name" else "")
    return column.name.replace(" ", "_") + marks + ("+" if column.priority else "")


@pytest.mark.parametrize("resource", COLUMNS)
def test_columns(resource: str) -> None:
    plural, _, group = resource.partition(".")
    definition = REGISTRY.resource(group, plural)
    assert definition is not None
    assert [written(column) for column in definition.columns] == COLUMNS[resource].split()


def test_no_table_is_forgotten() -> None:
    readable = {each.resource for each in REGISTRY.definitions() if "get" in each.verbs}
    assert set(COLUMNS) == readable


@cache
def published() -> dict[str, Any]:
    path = files("kubernetes_validate") / "kubernetes-json-schema/v1.37.0-local/_definitions.json"
    document: dict[str, dict[str, Any]] = json.loads(path.read_text())
    return document["$defs"]


def test_fields_that_describe_columns_exist() -> None:
    docs = {
        column.description
        for definition in REGISTRY.definitions()
        for column in definition.columns
        if isinstance(column.description, FieldDoc)
    }
    assert len(docs) > 80
    for doc in docs:
        assert published()[doc.schema]["properties"][doc.field]["description"]


@pytest.mark.parametrize("kind", ["RoleBinding", "ClusterRoleBinding"])
def test_bindings_are_described_by_their_own_kind(kind: str) -> None:
    definition = REGISTRY.resource("rbac.authorization.k8s.io", f"{kind.lower()}s")
    assert definition is not None
    _, role, _, *subjects = (column.description for column in definition.columns)
    assert role == FieldDoc(f"io.k8s.api.rbac.v1.{kind}", "roleRef")
    noun = kind[0].lower() + kind[1:]
    assert subjects == [f"{who} in the {noun}" for who in ("Users", "Groups", "ServiceAccounts")]


@pytest.mark.parametrize(
    ("resource", "short", "spec"),
    [
        ("persistentvolumes", "pv", "PersistentVolumeSpec"),
        ("persistentvolumeclaims", "pvc", "PersistentVolumeClaimSpec"),
    ],
)
def test_volumes_and_claims_are_described_by_their_own_kind(
    resource: str, short: str, spec: str
) -> None:
    definition = REGISTRY.resource("", resource)
    assert definition is not None
    described = {column.name: column.description for column in definition.columns}
    assert described["StorageClass"] == f"StorageClass of the {short}"
    assert described["VolumeAttributesClass"] == f"VolumeAttributesClass of the {short}"
    assert described["VolumeMode"] == FieldDoc(f"io.k8s.api.core.v1.{spec}", "volumeMode")


def test_signers_are_described_by_their_own_kind() -> None:
    bundles = REGISTRY.resource("certificates.k8s.io", "clustertrustbundles")
    assert bundles is not None
    spec = "io.k8s.api.certificates.v1.ClusterTrustBundleSpec"
    assert bundles.columns[1].description == FieldDoc(spec, "signerName")
