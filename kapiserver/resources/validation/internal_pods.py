"""The types of a pod and of its parts as kube-apiserver holds them, for messages that print them.

Out: shapes for `internal`. Each is a line of fields in the order of the type: `name` is a text,
`name?` a flag, `name#` a number, `name*` a pointer or a list, `name%` a map, `name~` a pointer to a
label selector, `name&` a struct that is always there, `Go=name` what is not the same word with a
capital.
"""

from __future__ import annotations

from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.validation.claims import CLAIM_SPEC
from kapiserver.resources.validation.internals import (
    Field,
    Shape,
    alike,
    flag,
    integer,
    internal,
    mapping,
    nested,
    selector,
    struct,
    text,
)

_KINDS = {"?": flag, "#": integer, "*": Field, "%": mapping, "~": selector}


def _shape(fields: str, **parts: Shape) -> Shape:
    """`parts`: the shapes of nested types, by the names of their fields."""
    made: dict[str, Field] = {}
    for word in fields.split():
        go, _, marked = word.rpartition("=")
        name = marked.rstrip("?#*%~&")
        if name in parts:
            field = (struct if marked.endswith("&") else nested)(name, parts[name])
        else:
            field = _KINDS.get(marked[-1], text)(name)
        made[go or name[:1].upper() + name[1:]] = field
    return made


_ONLY_NAME = _shape("name")
_FIELD = _shape("APIVersion=apiVersion fieldPath")
_RESOURCE: Shape = {**_shape("containerName resource"), "Divisor": Field("divisor", "0")}
_AMOUNTS = _shape("limits% requests% claims", claims=_shape("name request"))
_KEYS = _shape("key path mode* user*")
_FILES = _shape(
    "path fieldRef resourceFieldRef mode* user*", fieldRef=_FIELD, resourceFieldRef=_RESOURCE
)

# -- volumes -----------------------------------------------------------------------------------

_PROJECTION = _shape(
    "secret downwardAPI configMap serviceAccountToken clusterTrustBundle podCertificate",
    secret=_shape("name items optional*", items=_KEYS),
    downwardAPI=_shape("items", items=_FILES),
    configMap=_shape("name items optional*", items=_KEYS),
    serviceAccountToken=_shape("audience expirationSeconds# path user*"),
    clusterTrustBundle=_shape("name* signerName* labelSelector~ optional* path user*"),
    podCertificate=_shape(
        "signerName keyType maxExpirationSeconds* credentialBundlePath keyPath "
        "certificateChainPath userAnnotations% user*"
    ),
)
TRUST_BUNDLE = _PROJECTION["ClusterTrustBundle"].shape or {}
_VOLUME = _shape(
    "name hostPath emptyDir GCEPersistentDisk=gcePersistentDisk "
    "AWSElasticBlockStore=awsElasticBlockStore gitRepo secret NFS=nfs ISCSI=iscsi glusterfs "
    "persistentVolumeClaim RBD=rbd quobyte flexVolume cinder CephFS=cephfs flocker downwardAPI "
    "FC=fc azureFile configMap vsphereVolume azureDisk photonPersistentDisk projected "
    "portworxVolume scaleIO StorageOS=storageos CSI=csi ephemeral image",
    hostPath=_shape("path type*"),
    emptyDir=_shape("medium sizeLimit* mode*"),
    gcePersistentDisk=_shape("PDName=pdName FSType=fsType partition# readOnly?"),
    awsElasticBlockStore=_shape("volumeID FSType=fsType partition# readOnly?"),
    gitRepo=_shape("repository revision directory"),
    secret=_shape("secretName items defaultMode* optional* defaultUser*", items=_KEYS),
    nfs=_shape("server path readOnly?"),
    iscsi=_shape(
        "targetPortal IQN=iqn lun# ISCSIInterface=iscsiInterface FSType=fsType readOnly? portals* "
        "DiscoveryCHAPAuth=chapAuthDiscovery? SessionCHAPAuth=chapAuthSession? secretRef "
        "initiatorName*",
        secretRef=_ONLY_NAME,
    ),
    glusterfs=_shape("EndpointsName=endpoints path readOnly?"),
    persistentVolumeClaim=_shape("claimName readOnly?"),
    rbd=_shape(
        "CephMonitors=monitors* RBDImage=image FSType=fsType RBDPool=pool RadosUser=user keyring "
        "secretRef readOnly?",
        secretRef=_ONLY_NAME,
    ),
    quobyte=_shape("registry volume readOnly? user group tenant"),
    flexVolume=_shape("driver FSType=fsType secretRef readOnly? options%", secretRef=_ONLY_NAME),
    cinder=_shape("volumeID FSType=fsType readOnly? secretRef", secretRef=_ONLY_NAME),
    cephfs=_shape("monitors* path user secretFile secretRef readOnly?", secretRef=_ONLY_NAME),
    flocker=_shape("datasetName datasetUUID"),
    downwardAPI=_shape("items defaultMode* defaultUser*", items=_FILES),
    fc=_shape("targetWWNs* lun* FSType=fsType readOnly? WWIDs=wwids*"),
    azureFile=_shape("secretName shareName readOnly?"),
    configMap=_shape("name items defaultMode* optional* defaultUser*", items=_KEYS),
    vsphereVolume=_shape("volumePath FSType=fsType storagePolicyName storagePolicyID"),
    azureDisk=_shape("diskName DataDiskURI=diskURI cachingMode* FSType=fsType* readOnly* kind*"),
    photonPersistentDisk=_shape("pdID FSType=fsType"),
    projected=_shape("sources defaultMode* defaultUser*", sources=_PROJECTION),
    portworxVolume=_shape("volumeID FSType=fsType readOnly?"),
    scaleIO=_shape(
        "gateway system secretRef SSLEnabled=sslEnabled? protectionDomain storagePool storageMode "
        "volumeName FSType=fsType readOnly?",
        secretRef=_ONLY_NAME,
    ),
    storageos=_shape(
        "volumeName volumeNamespace FSType=fsType readOnly? secretRef", secretRef=_ONLY_NAME
    ),
    csi=_shape(
        "driver readOnly* FSType=fsType* volumeAttributes% nodePublishSecretRef",
        nodePublishSecretRef=_ONLY_NAME,
    ),
    ephemeral=_shape("volumeClaimTemplate", volumeClaimTemplate=_shape("spec&", spec=CLAIM_SPEC)),
    image=_shape("reference pullPolicy"),
)

# -- containers --------------------------------------------------------------------------------

_VALUED = _shape("name value")
_KEY = _shape("name key optional*")
_PORTED: Shape = {"Port": Field("port", 0), "Host": text("host")}
_ACTIONS = {
    "exec": _shape("command*"),
    "httpGet": {
        "Path": text("path"),
        **_PORTED,
        **_shape("scheme HTTPHeaders=httpHeaders protocol*", httpHeaders=_VALUED),
    },
    "tcpSocket": _PORTED,
}
_PROBE = _shape(
    "exec HTTPGet=httpGet TCPSocket=tcpSocket GRPC=grpc initialDelaySeconds# timeoutSeconds# "
    "periodSeconds# successThreshold# failureThreshold# terminationGracePeriodSeconds*",
    grpc=_shape("port# service* mode*"),
    **_ACTIONS,
)
_HOOK = _shape(
    "exec HTTPGet=httpGet TCPSocket=tcpSocket sleep", sleep=_shape("seconds#"), **_ACTIONS
)
PROFILE = _shape("type localhostProfile*")
_ON_ANY_LEVEL = {
    "seLinuxOptions": _shape("user role type level"),
    "windowsOptions": _shape(
        "GMSACredentialSpecName=gmsaCredentialSpecName* GMSACredentialSpec=gmsaCredentialSpec* "
        "runAsUserName* hostProcess*"
    ),
    "seccompProfile": PROFILE,
    "appArmorProfile": PROFILE,
}
CONTAINER_SECURITY = _shape(
    "capabilities privileged* SELinuxOptions=seLinuxOptions windowsOptions runAsUser* runAsGroup* "
    "runAsNonRoot* readOnlyRootFilesystem* allowPrivilegeEscalation* procMount* seccompProfile "
    "appArmorProfile",
    capabilities=_shape("add* drop*"),
    **_ON_ANY_LEVEL,
)
CONTAINER = _shape(
    "name image command* args* workingDir ports envFrom env resources& resizePolicy restartPolicy* "
    "restartPolicyRules volumeMounts volumeDevices livenessProbe readinessProbe startupProbe "
    "lifecycle terminationMessagePath terminationMessagePolicy imagePullPolicy securityContext "
    "stdin? stdinOnce? TTY=tty?",
    ports=_shape("name hostPort# containerPort# protocol hostIP"),
    envFrom=_shape(
        "prefix configMapRef secretRef",
        configMapRef=_shape("name optional*"),
        secretRef=_shape("name optional*"),
    ),
    env=_shape(
        "name value valueFrom",
        valueFrom=_shape(
            "fieldRef resourceFieldRef configMapKeyRef secretKeyRef fileKeyRef",
            fieldRef=_FIELD,
            resourceFieldRef=_RESOURCE,
            configMapKeyRef=_KEY,
            secretKeyRef=_KEY,
            fileKeyRef=_shape("volumeName path key optional*"),
        ),
    ),
    resources=_AMOUNTS,
    resizePolicy=_shape("resourceName restartPolicy"),
    restartPolicyRules=_shape("action exitCodes", exitCodes=_shape("operator values*")),
    volumeMounts=_shape(
        "name readOnly? recursiveReadOnly* mountPath subPath mountPropagation* subPathExpr "
        "bindMountOptions*"
    ),
    volumeDevices=_shape("name devicePath"),
    livenessProbe=_PROBE,
    readinessProbe=_PROBE,
    startupProbe=_PROBE,
    lifecycle=_shape("postStart preStop stopSignal*", postStart=_HOOK, preStop=_HOOK),
    securityContext=CONTAINER_SECURITY,
)
EPHEMERAL_CONTAINER: Shape = {**CONTAINER, "TargetContainerName": text("targetContainerName")}

# -- pods --------------------------------------------------------------------------------------

RESOURCE_CLAIM = _shape("name resourceClaimName* resourceClaimTemplateName*")
TOLERATION = _shape("key operator value effect tolerationSeconds*")
_EXPRESSION = _shape("key operator values*")
NODE_TERM = _shape(
    "matchExpressions matchFields", matchExpressions=_EXPRESSION, matchFields=_EXPRESSION
)
_POD_TERM = _shape(
    "labelSelector~ namespaces* topologyKey namespaceSelector~ matchLabelKeys* mismatchLabelKeys*"
)
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_PODS = _shape(
    f"{_REQUIRED} {_PREFERRED}",
    **{
        _REQUIRED: _POD_TERM,
        _PREFERRED: _shape("weight# podAffinityTerm&", podAffinityTerm=_POD_TERM),
    },
)
_AFFINITY = _shape(
    "nodeAffinity podAffinity podAntiAffinity",
    nodeAffinity=_shape(
        f"{_REQUIRED} {_PREFERRED}",
        **{
            _REQUIRED: _shape("nodeSelectorTerms", nodeSelectorTerms=NODE_TERM),
            _PREFERRED: _shape("weight# preference&", preference=NODE_TERM),
        },
    ),
    podAffinity=_PODS,
    podAntiAffinity=_PODS,
)
# Fields of the spec that are part of its security context in kube-apiserver.
OF_HOST = ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers")
_POD_SECURITY = _shape(
    "hostNetwork? hostPID? hostIPC? shareProcessNamespace* hostUsers* "
    "SELinuxOptions=seLinuxOptions windowsOptions runAsUser* runAsGroup* runAsNonRoot* "
    "supplementalGroups* supplementalGroupsPolicy* FSGroup=fsGroup* "
    "FSGroupChangePolicy=fsGroupChangePolicy* sysctls seccompProfile appArmorProfile "
    "SELinuxChangePolicy=seLinuxChangePolicy*",
    sysctls=_VALUED,
    **_ON_ANY_LEVEL,
)
POD_SPEC = _shape(
    "volumes initContainers containers ephemeralContainers restartPolicy "
    "terminationGracePeriodSeconds* activeDeadlineSeconds* DNSPolicy=dnsPolicy nodeSelector% "
    "serviceAccountName automountServiceAccountToken* nodeName securityContext imagePullSecrets "
    "hostname subdomain setHostnameAsFQDN* affinity schedulerName tolerations hostAliases "
    "priorityClassName priority* preemptionPolicy* DNSConfig=dnsConfig readinessGates "
    "runtimeClassName* overhead% enableServiceLinks* topologySpreadConstraints OS=os "
    "schedulingGates resourceClaims resources hostnameOverride* schedulingGroup evictionResponders",
    volumes=_VOLUME,
    initContainers=CONTAINER,
    containers=CONTAINER,
    ephemeralContainers=EPHEMERAL_CONTAINER,
    securityContext=_POD_SECURITY,
    imagePullSecrets=_ONLY_NAME,
    affinity=_AFFINITY,
    tolerations=TOLERATION,
    hostAliases=_shape("IP=ip hostnames*"),
    dnsConfig=_shape("nameservers* searches* options", options=_shape("name value*")),
    readinessGates=_shape("conditionType"),
    topologySpreadConstraints=_shape(
        "maxSkew# topologyKey whenUnsatisfiable labelSelector~ minDomains* nodeAffinityPolicy* "
        "nodeTaintsPolicy* matchLabelKeys*"
    ),
    os=_ONLY_NAME,
    schedulingGates=_ONLY_NAME,
    resourceClaims=RESOURCE_CLAIM,
    resources=_AMOUNTS,
    schedulingGroup=_shape("podGroupName*"),
    evictionResponders=_shape("name priority*"),
)


def same_specs(one: Object, other: Object) -> bool:
    return alike(_with_host(one), _with_host(other), POD_SPEC)


def same_templates(one: Object, other: Object) -> bool:
    return _metadata(one) == _metadata(other) and same_specs(
        one.get("spec") or {}, other.get("spec") or {}
    )


def internal_pod_spec(spec: Object) -> Any:
    return internal(_with_host(spec), POD_SPEC)


def internal_template(template: Object) -> Any:
    """Metadata has the same names there, and its fields are the template's own."""
    return {**_metadata(template), "Spec": internal_pod_spec(template.get("spec") or {})}


def _with_host(spec: Object) -> Object:
    security = {**(spec.get("securityContext") or {})}
    security |= {field: spec[field] for field in OF_HOST if field in spec}
    return {**spec, "securityContext": security}


def _metadata(template: Object) -> Object:
    return {
        name: dict(sorted(value.items())) if isinstance(value, dict) else value
        for name, value in sorted((template.get("metadata") or {}).items(), key=_place)
        if value
    }


_METADATA = ("name", "generateName", "namespace", "labels", "annotations")


def _place(item: tuple[str, Any]) -> int:
    return _METADATA.index(item[0]) if item[0] in _METADATA else len(_METADATA)
