"""Names and addresses inside a pod: its DNS settings, its hosts file, its own host name."""

from __future__ import annotations

from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import forbidden, invalid, required, too_long
from kapiserver.resources.validation.formats import (
    Found,
    check_subdomain,
    underscored_subdomain,
)
from kapiserver.resources.validation.ip_syntax import ip_problems

_MAX_NAMESERVERS = 3
_MAX_SEARCHES = 32
_MAX_SEARCH_CHARACTERS = 2048
_MAX_HOSTNAME = 64


def check_hostname_override(found: Found, spec: Object, path: str) -> None:
    name = spec.get("hostnameOverride")
    if name is None:
        return
    here = f"{path}.hostnameOverride"
    if spec.get("setHostnameAsFQDN"):
        detail = "may not be specified when setHostnameAsFQDN is true"
        found.append(forbidden(here, detail))
    if spec.get("hostNetwork"):
        found.append(forbidden(here, "may not be specified when hostNetwork is true"))
    if len(name.encode()) > _MAX_HOSTNAME:
        found.append(too_long(here, _MAX_HOSTNAME))
    check_subdomain(found, name, here)


def check_aliases(found: Found, aliases: Any, path: str) -> None:
    for position, alias in enumerate(aliases):
        here, address = f"{path}[{position}]", alias.get("ip", "")
        found += [invalid(f"{here}.ip", address, problem) for problem in ip_problems(address)]
        for index, name in enumerate(alias.get("hostnames") or ()):
            check_subdomain(found, name, f"{here}.hostnames[{index}]")


def check_dns(found: Found, policy: Any, config: Any, path: str) -> None:
    if policy == "None":
        if config is None:
            detail = "must provide `dnsConfig` when `dnsPolicy` is None"
            found.append(required(path, detail))
            return
        if not config.get("nameservers"):
            detail = "must provide at least one DNS nameserver when `dnsPolicy` is None"
            found.append(required(f"{path}.nameservers", detail))
            return
    if not config:
        return
    servers = config.get("nameservers") or ()
    if len(servers) > _MAX_NAMESERVERS:
        detail = f"must not have more than {_MAX_NAMESERVERS} nameservers"
        found.append(invalid(f"{path}.nameservers", servers, detail))
    for position, server in enumerate(servers):
        here = f"{path}.nameservers[{position}]"
        found += [invalid(here, server, problem) for problem in ip_problems(server)]
    searches = config.get("searches") or ()
    if len(searches) > _MAX_SEARCHES:
        detail = f"must not have more than {_MAX_SEARCHES} search paths"
        found.append(invalid(f"{path}.searches", searches, detail))
    if len(" ".join(searches)) > _MAX_SEARCH_CHARACTERS:
        detail = (
            f"must not have more than {_MAX_SEARCH_CHARACTERS} characters (including spaces) in "
            "the search list"
        )
        found.append(invalid(f"{path}.searches", searches, detail))
    for position, search in enumerate(searches):
        if search != ".":
            name = search.removesuffix(".")
            here = f"{path}.searches[{position}]"
            found += [invalid(here, name, problem) for problem in underscored_subdomain(name)]
    for position, option in enumerate(config.get("options") or ()):
        if not option.get("name"):
            found.append(required(f"{path}.options[{position}]", "must not be empty"))
