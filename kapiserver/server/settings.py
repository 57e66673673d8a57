"""From the node's settings to those of its parts. No part is started here; files are read."""

from __future__ import annotations

from cryptography import x509

from kapiserver.admission import plugins
from kapiserver.admission.plugin import AdmissionSettings
from kapiserver.cluster.formation import formed_id, id_in
from kapiserver.cluster.joining import JoinDesk
from kapiserver.config import ServerConfig, required_files
from kapiserver.http import FrontEndConfig
from kapiserver.pipeline.http_policy import HttpPolicy
from kapiserver.pki import Authority, PkiError, read_pem
from kapiserver.proxying import KubeletSettings
from raftstore import Member, StoreConfig
from raftstore.raft import RaftConfig
from raftstore.transport import TlsFiles

# A proposal carries more than the object; what a client may send has to fit with room to spare.
COMMAND_OVERHEAD = 64 * 1024


class StartError(Exception):
    """The node cannot start; the text names the flag or the file at fault."""


def check_plugins(config: ServerConfig) -> None:
    """Raises StartError for admission plugins that do not exist."""
    problem = plugins.problem_with(admission_settings(config))
    if problem:
        raise StartError(problem)


def admission_settings(config: ServerConfig) -> AdmissionSettings:
    return AdmissionSettings(
        config.enable_admission_plugins,
        config.disable_admission_plugins,
        config.default_not_ready_toleration_seconds,
        config.default_unreachable_toleration_seconds,
    )


def http_policy(config: ServerConfig) -> HttpPolicy:
    return HttpPolicy(
        origins=config.cors_allowed_origins,
        transport_security=config.strict_transport_security_directives,
        goaway_chance=config.goaway_chance,
    )


def check_files(config: ServerConfig) -> None:
    """Raises StartError for a file that is named and cannot be read."""
    for flag, path in required_files(config):
        try:
            with path.open("rb"):
                pass
        except OSError as error:
            raise StartError(f"{flag}: cannot read {path}: {error.strerror}") from error
    if config.tls_cert_file is None:
        raise StartError(
            "--tls-cert-file and --tls-private-key-file are needed: the API is served over TLS "
            "only ('kapiserver up' and 'kapiserver init' make certificates)"
        )


def store_config(config: ServerConfig, join_desk: JoinDesk) -> StoreConfig:
    """Raises StartError when the cluster settings do not fit together."""
    raft = RaftConfig(
        heartbeat=config.heartbeat_interval,
        election_min=config.election_timeout,
        election_max=2 * config.election_timeout,
        leader_fallback=2 * config.election_timeout,
        snapshot_entries=config.snapshot_count,
    )
    tls = None
    if config.peer_cert_file and config.peer_key_file and config.peer_trusted_ca_file:
        tls = TlsFiles(config.peer_trusted_ca_file, config.peer_cert_file, config.peer_key_file)
    listen = None
    if config.listen_peer_address is not None:
        host, port = config.listen_peer_address
        listen = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        return StoreConfig(
            node_id=config.name,
            cluster_id=cluster_id_of(config),
            data_dir=config.data_dir,
            members=_founders(config),
            listen=listen if tls is not None else None,
            tls=tls,
            on_join=join_desk.answer,
            raft=raft,
            quota_bytes=config.quota_backend_bytes,
            max_command_bytes=config.max_request_bytes + COMMAND_OVERHEAD,
            compact_age=config.auto_compaction_retention,
            compact_revisions=config.auto_compaction_max_revisions,
        )
    except ValueError as error:
        raise StartError(f"the cluster settings do not fit together: {error}") from error


def cluster_id_of(config: ServerConfig) -> str:
    """The id of the node's cluster: the one its data is of, or the one that it is to have.

    Raises StorageError when the data cannot be read.
    """
    token = config.initial_cluster_token
    known = id_in(config.data_dir, token)
    if known:
        return known
    founders = config.initial_cluster
    if not founders and config.initial_cluster_state == "new":
        founders = ((config.name, config.advertise_peer_address),)
    return formed_id(token, founders)


def _founders(config: ServerConfig) -> tuple[Member, ...]:
    if config.initial_cluster_state == "existing":
        return ()
    if not config.initial_cluster:
        return (Member(config.name, config.advertise_peer_address, False, _meta(config)),)
    return tuple(Member(name, address, False, ()) for name, address in config.initial_cluster)


def _meta(config: ServerConfig) -> tuple[tuple[str, str], ...]:
    return (("url", config.advertise_url),) if config.advertise_url else ()


def front_end_config(config: ServerConfig) -> FrontEndConfig:
    assert config.tls_cert_file is not None
    assert config.tls_private_key_file is not None
    return FrontEndConfig(
        cert_file=config.tls_cert_file,
        key_file=config.tls_private_key_file,
        client_ca_file=config.client_ca_file,
        host=config.bind_address,
        port=config.secure_port,
        max_streams=config.http2_max_streams_per_connection,
        grace_period=config.shutdown_grace_period,
    )


def kubelet_settings(config: ServerConfig) -> KubeletSettings:
    return KubeletSettings(
        config.kubelet_preferred_address_types,
        config.kubelet_client_certificate,
        config.kubelet_client_key,
        config.kubelet_certificate_authority,
    )


def token_key_of(config: ServerConfig) -> bytes | None:
    """The key that signs service account tokens (PEM), for joining nodes to have the same."""
    path = config.service_account_signing_key_file
    try:
        return None if path is None else read_pem(path)
    except PkiError as error:
        raise StartError(f"--service-account-signing-key-file: {error}") from error


def root_certificates_of(config: ServerConfig) -> str:
    """What is published for pods to verify the API server with (PEM); "" for nothing."""
    path = config.root_ca_file
    if path is None:
        return ""
    try:
        bundle = read_pem(path)
        x509.load_pem_x509_certificates(bundle)
        return bundle.decode("utf-8")
    except (PkiError, ValueError) as error:
        raise StartError(f"--root-ca-file: {path}: {error}") from error


def authority_of(config: ServerConfig) -> Authority | None:
    """The CA that signs for joining nodes, where this node has its key."""
    if config.cluster_ca_key_file is None or config.peer_trusted_ca_file is None:
        return None
    try:
        return Authority.load(
            config.peer_trusted_ca_file.read_bytes(), config.cluster_ca_key_file.read_bytes()
        )
    except (OSError, PkiError) as error:
        raise StartError(f"--cluster-ca-key-file: {error}") from error
