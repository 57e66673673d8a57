"""Every built-in resource that kube-apiserver 1.37 serves by default, as one table."""

from __future__ import annotations

from kapiserver.resources import (
    admissionregistration,
    apiextensions,
    apiregistration,
    apps,
    authentication,
    authorization,
    autoscaling,
    batch,
    certificates,
    coordination,
    core_config,
    core_events,
    core_limits,
    core_namespaces,
    core_nodes,
    core_pods,
    core_services,
    core_storage,
    core_virtual,
    core_workloads,
    discovery,
    dynamic_resources,
    flowcontrol,
    networking,
    node,
    policy,
    rbac,
    scheduling,
    storage,
    storagemigration,
)
from kapiserver.resources.definition import ResourceDefinition

# In the order in which discovery lists the groups.
_TABLES: tuple[tuple[ResourceDefinition, ...], ...] = (
    core_virtual.DEFINITIONS,
    core_config.DEFINITIONS,
    core_services.DEFINITIONS,
    core_limits.DEFINITIONS,
    core_namespaces.DEFINITIONS,
    core_nodes.DEFINITIONS,
    core_storage.DEFINITIONS,
    core_pods.DEFINITIONS,
    core_workloads.DEFINITIONS,
    apiregistration.DEFINITIONS,
    apps.DEFINITIONS,
    core_events.DEFINITIONS,
    authentication.DEFINITIONS,
    authorization.DEFINITIONS,
    autoscaling.DEFINITIONS,
    batch.DEFINITIONS,
    certificates.DEFINITIONS,
    networking.DEFINITIONS,
    policy.DEFINITIONS,
    rbac.DEFINITIONS,
    storage.DEFINITIONS,
    admissionregistration.DEFINITIONS,
    apiextensions.DEFINITIONS,
    scheduling.DEFINITIONS,
    coordination.DEFINITIONS,
    node.DEFINITIONS,
    discovery.DEFINITIONS,
    flowcontrol.DEFINITIONS,
    dynamic_resources.DEFINITIONS,
    storagemigration.DEFINITIONS,
)

BUILTIN: tuple[ResourceDefinition, ...] = tuple(
    definition for table in _TABLES for definition in table
)
