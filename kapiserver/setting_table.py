"""The table of settings: what each is called, what it may look like, what it is for.

Names are kube-apiserver's where it has the setting and etcd's where etcd has it, so that what
people know carries over. Flags, the config file and the reference page are made from it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from kapiserver.setting_values import (
    address,
    boolean,
    chance,
    duration,
    members,
    names,
    networks,
    origins,
    path_list,
    port,
    port_range,
    size,
    transport_security,
)


class Option(NamedTuple):
    """One setting. `default` is written as a user would write it; "" means not set."""

    name: str
    parse: Callable[[str], Any]
    default: str
    metavar: str
    help: str
    section: str


OPTIONS: tuple[Option, ...] = (
    Option("name", str, "node-1", "NAME", "The node's name in the cluster.", "Node"),
    Option("data-dir", Path, "", "DIR", "Where the node keeps its log and snapshots.", "Node"),
    Option("bind-address", str, "0.0.0.0", "IP", "The address to serve the API on.", "Serving"),
    Option("secure-port", port, "6443", "PORT", "The port to serve the API on.", "Serving"),
    Option(
        "advertise-url", str, "", "URL", "The URL under which clients reach this node.", "Serving"
    ),
    Option("tls-cert-file", Path, "", "FILE", "The serving certificate (PEM).", "Serving"),
    Option("tls-private-key-file", Path, "", "FILE", "The key of --tls-cert-file.", "Serving"),
    Option(
        "http2-max-streams-per-connection",
        int,
        "250",
        "N",
        "How many requests a client may have in flight on one HTTP/2 connection.",
        "Serving",
    ),
    Option(
        "max-resource-write-bytes",
        size,
        "3Mi",
        "SIZE",
        "The largest request body that is read.",
        "Serving",
    ),
    Option(
        "request-timeout",
        duration,
        "1m",
        "DURATION",
        "How long a request other than a watch may take.",
        "Serving",
    ),
    Option(
        "min-request-timeout",
        duration,
        "30m",
        "DURATION",
        "A watch without timeoutSeconds ends at random between this and twice this.",
        "Serving",
    ),
    Option(
        "goaway-chance",
        chance,
        "0",
        "CHANCE",
        "The part of HTTP/2 requests after which a client is sent to another connection, so that "
        "none stays with one node for ever; at most 0.02.",
        "Serving",
    ),
    Option(
        "cors-allowed-origins",
        origins,
        "",
        "PATTERNS",
        "Origins that browsers may send requests from: regular expressions, separated by commas, "
        "that say where the host begins (`^` or `//`) and ends (`$` or `:`).",
        "Serving",
    ),
    Option(
        "strict-transport-security-directives",
        transport_security,
        "",
        "DIRECTIVES",
        "The Strict-Transport-Security header, such as `max-age=31536000,includeSubDomains`.",
        "Serving",
    ),
    Option(
        "shutdown-grace-period",
        duration,
        "10s",
        "DURATION",
        "How long requests in flight may take to finish after SIGTERM.",
        "Serving",
    ),
    Option(
        "client-ca-file",
        Path,
        "",
        "FILE",
        "Certificates signed by this CA authenticate: CN is the user, O are the groups.",
        "Authentication",
    ),
    Option(
        "root-ca-file",
        Path,
        "",
        "FILE",
        "What clients verify the API server with; published to pods as the config map "
        "`kube-root-ca.crt` of every namespace.",
        "Authentication",
    ),
    Option(
        "token-auth-file",
        Path,
        "",
        "FILE",
        'Static bearer tokens, CSV: token,user,uid,"group1,group2".',
        "Authentication",
    ),
    Option(
        "anonymous-auth",
        boolean,
        "true",
        "BOOL",
        "Treat requests without credentials as system:anonymous (health and version only).",
        "Authentication",
    ),
    Option(
        "service-account-signing-key-file",
        Path,
        "",
        "FILE",
        "The private key that signs service account tokens, the same on all nodes.",
        "Service accounts",
    ),
    Option(
        "service-account-key-file",
        path_list,
        "",
        "FILE[,FILE]",
        "More keys whose tokens are accepted, such as an old signing key.",
        "Service accounts",
    ),
    Option(
        "service-account-issuer",
        names,
        "https://kubernetes.default.svc.cluster.local",
        "URL[,URL]",
        "Who issues tokens: the first is written into new ones, all are accepted.",
        "Service accounts",
    ),
    Option(
        "service-account-jwks-uri",
        str,
        "",
        "URL",
        "Where others find the public keys, if not at /openid/v1/jwks of this node.",
        "Service accounts",
    ),
    Option(
        "api-audiences",
        names,
        "",
        "NAME[,NAME]",
        "The audiences that tokens for this server name. Default: the issuers.",
        "Service accounts",
    ),
    Option(
        "service-account-max-token-expiration",
        duration,
        "",
        "DURATION",
        "How long a token may last at most (1h or more); requests for more are shortened.",
        "Service accounts",
    ),
    Option(
        "service-account-extend-token-expiration",
        boolean,
        "true",
        "BOOL",
        "Tokens that kubelets mount last a year, for programs that never read them anew.",
        "Service accounts",
    ),
    Option(
        "service-cluster-ip-range",
        networks,
        "10.96.0.0/16",
        "CIDR[,CIDR]",
        "Where services get their addresses from; with two, of both IP families, dual-stack.",
        "Services",
    ),
    Option(
        "service-node-port-range",
        port_range,
        "30000-32767",
        "FIRST-LAST",
        "The ports that services may open on every node.",
        "Services",
    ),
    Option(
        "kubelet-preferred-address-types",
        names,
        "Hostname,InternalDNS,InternalIP,ExternalDNS,ExternalIP",
        "TYPES",
        "Which of a node's addresses to reach its kubelet at, best first.",
        "Kubelets",
    ),
    Option(
        "kubelet-client-certificate",
        Path,
        "",
        "FILE",
        "The certificate that kubelets know this server by (logs, exec, port-forward).",
        "Kubelets",
    ),
    Option(
        "kubelet-client-key",
        Path,
        "",
        "FILE",
        "The key of --kubelet-client-certificate.",
        "Kubelets",
    ),
    Option(
        "kubelet-certificate-authority",
        Path,
        "",
        "FILE",
        "The CA that signs kubelets' certificates. Without it they are not verified.",
        "Kubelets",
    ),
    Option(
        "enable-admission-plugins",
        names,
        "",
        "NAME[,NAME]",
        "Admission plugins to run besides those that are on by default.",
        "Admission",
    ),
    Option(
        "disable-admission-plugins",
        names,
        "",
        "NAME[,NAME]",
        "Admission plugins not to run although they are on by default.",
        "Admission",
    ),
    Option(
        "default-not-ready-toleration-seconds",
        int,
        "300",
        "SECONDS",
        "How long pods that do not say otherwise stay on a node that is not ready.",
        "Admission",
    ),
    Option(
        "default-unreachable-toleration-seconds",
        int,
        "300",
        "SECONDS",
        "How long pods that do not say otherwise stay on a node that cannot be reached.",
        "Admission",
    ),
    Option("event-ttl", duration, "1h", "DURATION", "How long Event objects are kept.", "Storage"),
    Option(
        "max-request-bytes", size, "1536Ki", "SIZE", "The largest write to the store.", "Storage"
    ),
    Option(
        "quota-backend-bytes",
        size,
        "2Gi",
        "SIZE",
        "The database size at which only reads and deletes are accepted.",
        "Storage",
    ),
    Option(
        "auto-compaction-retention",
        duration,
        "5m",
        "DURATION",
        "How long history is kept for watches and paged lists to resume from.",
        "Storage",
    ),
    Option(
        "auto-compaction-max-revisions",
        int,
        "100000",
        "N",
        "How many revisions of history are kept at most.",
        "Storage",
    ),
    Option(
        "snapshot-count",
        int,
        "10000",
        "N",
        "How many log entries are written before a snapshot is made.",
        "Storage",
    ),
    Option(
        "listen-peer-address",
        address,
        "",
        "HOST:PORT",
        "Where the other nodes reach this one. Not needed for a cluster of one.",
        "Cluster",
    ),
    Option(
        "advertise-peer-address",
        str,
        "",
        "HOST:PORT",
        "The peer address that others are told, when it differs from --listen-peer-address.",
        "Cluster",
    ),
    Option(
        "initial-cluster",
        members,
        "",
        "NAME=HOST:PORT,…",
        "The members of a new cluster. Ignored once the node has data.",
        "Cluster",
    ),
    Option(
        "initial-cluster-token",
        str,
        "kapi",
        "TEXT",
        "What a new cluster is called. With its first members it is the id that peers check.",
        "Cluster",
    ),
    Option(
        "initial-cluster-state",
        str,
        "new",
        "new|existing",
        "existing: this node joins a running cluster and waits to be added.",
        "Cluster",
    ),
    Option("peer-cert-file", Path, "", "FILE", "The certificate for peer traffic.", "Cluster"),
    Option("peer-key-file", Path, "", "FILE", "The key of --peer-cert-file.", "Cluster"),
    Option(
        "peer-trusted-ca-file", Path, "", "FILE", "The CA that signs peer certificates.", "Cluster"
    ),
    Option(
        "cluster-ca-key-file",
        Path,
        "",
        "FILE",
        "The key of --peer-trusted-ca-file: with it, this node can let new nodes join.",
        "Cluster",
    ),
    Option(
        "heartbeat-interval",
        duration,
        "50ms",
        "DURATION",
        "How often the leader tells the others that it is there.",
        "Cluster",
    ),
    Option(
        "election-timeout",
        duration,
        "300ms",
        "DURATION",
        "How long a follower waits for the leader before it calls an election (up to twice this).",
        "Cluster",
    ),
    Option("log-format", str, "text", "text|json", "How log lines look.", "Logging"),
    Option("log-level", str, "info", "LEVEL", "debug, info, warning or error.", "Logging"),
)
