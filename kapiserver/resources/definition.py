"""The shape of a resource definition: everything that differs between resources, as data.

One `ResourceDefinition` per resource, declared in one file per API group. The generic verbs read
definitions and know no kind. Objects are plain dicts (decoded JSON) in hooks. Hooks, columns and
selectable fields see the object in the shape of the storage version, whichever version a request
names; on create, metadata.name, namespace, uid and creationTimestamp are set before
`prepare_for_create` runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kapiserver.errors import Cause
from kapiserver.request import UserInfo

Object = dict[str, Any]

ALL_VERBS = (
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
)


@dataclass(frozen=True, slots=True)
class WriteContext:
    """What a hook may know about the write it serves. `old` is None on create."""

    user: UserInfo
    namespace: str
    subresource: str
    dry_run: bool
    old: Object | None = None
    # what prepare saw of the client's object, is gone from it, and the hook for warnings is to tell
    seen: list[str] = field(default_factory=list)


# For `Strategy.status_keeps`: nothing of metadata can be written through /status.
ALL_METADATA = ("*",)

# A hook changes the object in place (prepare, defaults) or returns findings (validate, warnings).
Prepare = Callable[[Object, WriteContext], None]
Validate = Callable[[Object, WriteContext], Sequence[Cause]]
Warn = Callable[[Object, WriteContext], Sequence[str]]
Grace = Callable[[Object, int | None], int]
NameRule = Callable[[str], Sequence[str]]  # returns the problems with a name, upstream's wording


class FieldDoc(NamedTuple):
    """What the published schema says of a field: the description of the column that shows it."""

    schema: str
    field: str


@dataclass(frozen=True, slots=True)
class Column:
    """A table column. `cell` gets the decoded object and the current unix time (for ages)."""

    name: str
    type: str  # string, integer, number, boolean, date
    cell: Callable[[Object, float], Any]
    description: str | FieldDoc = ""
    format: str = ""  # "name" for the Name column
    priority: int = 0  # 0: normal, 1: only with -o wide


@dataclass(frozen=True, slots=True)
class Version:
    """One API version of a resource. `schema` names the definition in the schema set.

    `to_storage`/`from_storage` convert a decoded object in place between this version and the
    storage version (None: same shape, only apiVersion differs).
    """

    name: str
    schema: str
    served: bool = True
    deprecated: str = ""  # the text of the Warning header
    to_storage: Callable[[Object], None] | None = None
    from_storage: Callable[[Object], None] | None = None
    list_schema: str = ""


@dataclass(frozen=True, slots=True)
class Subresource:
    """`status`, `scale`, … with its own verbs and, where it has one, its own kind."""

    name: str
    verbs: tuple[str, ...]
    kind: str = ""  # empty: the parent's kind
    group: str = ""
    version: str = ""
    accepted: tuple[str, ...] = ()  # other apiVersions that bodies may name, of the same shape
    # Whose fields are nobody's through it. Dotted paths of what it leaves as it is, where that is
    # not what others leave; or of all that it changes, with `*` for every item.
    keeps: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Strategy:
    """Hooks around the generic write path, in the order in which they run.

    `defaults` fills absent fields (versioned defaulting); the prepare hooks enforce what a client
    may not set (status on create, spec through /status); `validate` returns all errors at once.
    """

    defaults: Prepare | None = None
    prepare_for_create: Prepare | None = None
    prepare_for_update: Prepare | None = None
    validate_create: Validate | None = None
    validate_update: Validate | None = None
    warnings: Warn | None = None
    allow_create_on_update: bool = False  # PUT to a name that does not exist creates it
    allow_unconditional_update: bool = True  # PUT without resourceVersion is allowed
    # The grace that a deletion gets when the client asks for that many seconds, or does not say.
    # No function: the kind is never deleted gracefully.
    graceful_deletion_seconds: Grace | None = None
    # Finalizers in spec, which a controller works off after the DELETE: the phase meanwhile.
    terminating_phase: str = ""
    # the validate hooks find every missing field themselves: nobody need ask the schema
    complete_rules: bool = False
    bumps_generation: bool = False  # spec changes increment metadata.generation
    # metadata fields whose changes count as well
    generation_metadata: tuple[str, ...] = ()
    # fields of metadata that /status leaves as they are, so that nobody owns them through it
    status_keeps: tuple[str, ...] = ()
    # dotted paths of what writing the object itself leaves as it is, where that is not the status
    keeps: tuple[str, ...] = ()


# Kinds without field labels of their own.
ONLY_METADATA = '{quoted} is not a known field selector: only "metadata.name", "metadata.namespace"'
OTHER_LABEL = "field label not supported: {label}"


@dataclass(frozen=True, slots=True)
class ResourceDefinition:
    """One resource: names, versions, schema, behaviour. `storage_version` is one of `versions`."""

    group: str
    kind: str
    plural: str
    singular: str
    namespaced: bool
    versions: tuple[Version, ...]  # in order of preference
    storage_version: str
    verbs: tuple[str, ...] = ALL_VERBS
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    list_kind: str = ""  # empty: kind + "List"
    subresources: tuple[Subresource, ...] = ()
    strategy: Strategy = field(default_factory=Strategy)
    name_rule: NameRule | None = None  # None: DNS-1123 subdomain
    columns: tuple[Column, ...] = ()  # empty: Name and Age
    # all cells of a row at once, where columns have work in common: what their own cells say
    row_cells: Callable[[Object, float], list[Any]] | None = None
    # conditions of a table row, such as Completed for pods that ran to their end
    row_conditions: Callable[[Object], list[Object]] | None = None
    # the order of rows in the table of a list: as the list has them, unless there is a key
    row_order: Callable[[Object], Any] | None = None
    # the place of the object that the table of a list marks as the default one
    default_of: Callable[[Sequence[Object]], int | None] | None = None
    # field label -> value of the object; metadata.name is always there
    selectable_fields: Mapping[str, Callable[[Object], str]] = field(default_factory=dict)
    selects_namespace: bool = True  # metadata.namespace is a field label, too
    # what is said of any other {label}; {quoted}: in quotes
    field_refusal: str = ONLY_METADATA
    # where it is stored when that differs from (group, plural): events share one place, etc.
    storage_group: str | None = None
    storage_plural: str | None = None
    # where kube-apiserver stores it when that is not under its plural: messages tell
    upstream_folder: str = ""
    # finalizers without a domain may be anybody's, as those of custom resources
    any_finalizers: bool = False
    # the version that discovery's hash is made from, where kube-apiserver stores an older one
    hash_version: str = ""
    # DELETE answers with the last state of the object, not with a Status
    returns_deleted: bool = False
    # what becomes of dependents when a DELETE does not say: Background, Orphan, or "" for kinds
    # that are never owners, to which policies mean nothing
    default_propagation: str = "Background"
    # told to who does not say, where that default may surprise
    propagation_warning: str = ""
    # resources that are computed and not stored (tokenreviews, componentstatuses): verbs only
    virtual: bool = False

    @property
    def field_labels(self) -> frozenset[str]:
        """What field selectors may name."""
        namespace = {"metadata.namespace"} if self.selects_namespace else set()
        return frozenset({"metadata.name", *namespace, *self.selectable_fields})

    @property
    def resource(self) -> str:
        """`deployments.apps`, `pods`: the qualified name used in messages and storage keys."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def storage_api_version(self) -> str:
        """The apiVersion that stored objects carry: that of another group when it shares one."""
        group = self.group if self.storage_group is None else self.storage_group
        return f"{group}/{self.storage_version}" if group else self.storage_version

    def version(self, name: str) -> Version | None:
        for candidate in self.versions:
            if candidate.name == name and candidate.served:
                return candidate
        return None

    def subresource(self, name: str) -> Subresource | None:
        for candidate in self.subresources:
            if candidate.name == name:
                return candidate
        return None
