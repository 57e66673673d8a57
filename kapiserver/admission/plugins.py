"""The table of plugins, in the order in which they see a write, and which of them are on.

Names and order are kube-apiserver's (AllOrderedPlugins), and so is what is on, except for plugins
whose work somebody has to undo later whom this server does not have: those wait to be asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from kapiserver.admission.certificates import (
    CertificateApproval,
    CertificateSigning,
    CertificateSubjectRestriction,
    ClusterTrustBundleAttest,
)
from kapiserver.admission.chain import AdmissionChain, Rule
from kapiserver.admission.claim_resize import PersistentVolumeClaimResize
from kapiserver.admission.declared_features import NodeDeclaredFeatureValidator
from kapiserver.admission.default_classes import DefaultIngressClass, DefaultStorageClass
from kapiserver.admission.default_tolerations import DefaultTolerationSeconds
from kapiserver.admission.device_claims import DeviceClaims
from kapiserver.admission.limit_ranger import LimitRanger
from kapiserver.admission.namespace_lifecycle import NamespaceLifecycle
from kapiserver.admission.node_taints import TaintNodesByCondition
from kapiserver.admission.plugin import AdmissionSettings, Known
from kapiserver.admission.pod_resize import PodResizeValidator
from kapiserver.admission.priority import Priority
from kapiserver.admission.runtime_class import RuntimeClass
from kapiserver.admission.service_account import ServiceAccount
from kapiserver.admission.storage_protection import StorageObjectInUseProtection
from kapiserver.admission.topology_labels import PodTopologyLabels


class Plugin(Protocol):
    def rules(self) -> tuple[Rule, ...]: ...


class Entry(NamedTuple):
    name: str
    make: Callable[[Known], Plugin]
    on: bool = True


PLUGINS: tuple[Entry, ...] = (
    Entry("NamespaceLifecycle", NamespaceLifecycle),
    Entry("LimitRanger", LimitRanger),
    Entry("ServiceAccount", ServiceAccount),
    Entry("TaintNodesByCondition", TaintNodesByCondition),
    Entry("Priority", Priority),
    Entry("DefaultTolerationSeconds", DefaultTolerationSeconds),
    Entry("DefaultStorageClass", DefaultStorageClass),
    Entry("StorageObjectInUseProtection", StorageObjectInUseProtection, on=False),
    Entry("PersistentVolumeClaimResize", PersistentVolumeClaimResize),
    Entry("RuntimeClass", RuntimeClass),
    Entry("CertificateApproval", CertificateApproval),
    Entry("CertificateSigning", CertificateSigning),
    Entry("ClusterTrustBundleAttest", ClusterTrustBundleAttest),
    Entry("CertificateSubjectRestriction", CertificateSubjectRestriction),
    Entry("DefaultIngressClass", DefaultIngressClass),
    Entry("PodTopologyLabels", PodTopologyLabels),
    Entry("NodeDeclaredFeatureValidator", NodeDeclaredFeatureValidator),
    Entry("PodResizeValidator", PodResizeValidator),
)
NAMES = tuple(entry.name for entry in PLUGINS)
# What upstream's storage asks of writes, in the same way: no plugins that a flag could name.
_ALWAYS: tuple[Callable[[Known], Plugin], ...] = (DeviceClaims,)


def make_chain(known: Known) -> AdmissionChain:
    """The plugins that are on by default or enabled, without those that are disabled."""
    settings = known.settings
    wanted = [
        entry
        for entry in PLUGINS
        if (entry.on or entry.name in settings.enable) and entry.name not in settings.disable
    ]
    rules = [
        rule._replace(plugin=entry.name) for entry in wanted for rule in entry.make(known).rules()
    ]
    return AdmissionChain((*rules, *(rule for make in _ALWAYS for rule in make(known).rules())))


def problem_with(settings: AdmissionSettings) -> str:
    """What is wrong with the names of plugins; empty if nothing is."""
    for flag, given in (
        ("--enable-admission-plugins", settings.enable),
        ("--disable-admission-plugins", settings.disable),
    ):
        unknown = [name for name in given if name not in NAMES]
        if unknown:
            return (
                f"{flag}: {', '.join(unknown)}: no such plugin; there are "
                f"{', '.join(sorted(NAMES))}"
            )
    both = [name for name in settings.enable if name in settings.disable]
    if both:
        return (
            f"--enable-admission-plugins and --disable-admission-plugins: {', '.join(both)}: both"
        )
    return ""
