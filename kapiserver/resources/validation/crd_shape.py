"""A custom resource definition as kube-apiserver looks at it, and as its messages show it.

What all versions have in common is looked at once, as if it were written at the top of the spec:
field paths name that place (`spec.validation…`), though no v1 client wrote it there. Values that
are Go structs without JSON names are shown with their Go names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.validation.same import same

Render = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Place:
    """A schema with what goes with it, and where messages say that it is."""

    path: str
    validation: Object | None
    subresources: Object | None
    columns: list[Object]
    selectable: list[Object]


@dataclass(frozen=True, slots=True)
class Shape:
    """`top` is what all versions share; `versions` hold only what is theirs."""

    top: Place
    versions: list[Place]
    spec: Object
    common: frozenset[str]

    def shown_versions(self) -> list[Any] | None:
        """spec.versions as messages show it, without what is looked at once."""
        versions = self.spec.get("versions")
        if versions is None:
            return None
        return [
            _version({name: version[name] for name in version if name not in self.common})
            for version in versions
        ]

    def status_enabled(self, place: Place) -> bool:
        """Whether the schema at a place must leave room for the status subresource."""
        per_version = bool(self.versions) and "subresources" not in self.common
        if place is self.top:
            return any(_has_status(each.subresources) for each in (self.top, *self.versions))
        return _has_status(place.subresources if per_version else self.top.subresources)


def _has_status(subresources: Object | None) -> bool:
    return subresources is not None and subresources.get("status") is not None


def shape_of(spec: Object) -> Shape:
    versions: list[Object] = spec.get("versions") or []
    common = {name for name in _SHARED if _common(versions, name)}
    if "schema" not in common:
        common.discard("selectableFields")
    first = versions[0] if versions else {}
    top = _place("spec", {name: first.get(name) for name in common})
    own = [
        _place(
            f"spec.versions[{position}]",
            {name: version.get(name) for name in _SHARED if name not in common},
        )
        for position, version in enumerate(versions)
    ]
    return Shape(top, own, spec, frozenset(common))


_LARGEST = 2.0**63
_SHARED = ("schema", "subresources", "additionalPrinterColumns", "selectableFields")


def _common(versions: list[Object], name: str) -> bool:
    if not versions:
        return False
    first = versions[0].get(name)
    return all(_alike(version.get(name), first, name) for version in versions[1:])


def _alike(one: Any, other: Any, name: str) -> bool:
    if name in ("schema", "subresources") and (one is None) != (other is None):
        return False
    if same(one, other):
        return True
    return name == "schema" and _validation(one) == _validation(other)


def _place(path: str, parts: Object) -> Place:
    return Place(
        path,
        parts.get("schema"),
        parts.get("subresources"),
        parts.get("additionalPrinterColumns") or [],
        parts.get("selectableFields") or [],
    )


def _many(render: Render) -> Render:
    return lambda value: None if value is None else [render(item) for item in value]


def _named(render: Render) -> Render:
    return lambda value: (
        None if value is None else {key: render(value[key]) for key in sorted(value)}
    )


def _maybe(render: Render) -> Render:
    return lambda value: None if value is None else render(value)


def _plain(value: Any) -> Any:
    # a float without a fraction is shown without one, where there is room for that
    whole = isinstance(value, float) and value.is_integer() and abs(value) < _LARGEST
    return int(value) if whole else value


def _items(value: Any) -> Object:
    if isinstance(value, list):
        return {"Schema": None, "JSONSchemas": [shown_schema(item) for item in value]}
    return {"Schema": shown_schema(value), "JSONSchemas": None}


def _or_bool(value: Any) -> Object:
    if isinstance(value, dict):
        return {"Allows": True, "Schema": shown_schema(value)}
    return {"Allows": bool(value), "Schema": None}


def _or_names(value: Any) -> Object:
    if isinstance(value, dict):
        return {"Schema": shown_schema(value), "Property": None}
    return {"Schema": None, "Property": value}


def _struct(*fields: tuple[str, str, Any, Render]) -> Render:
    """Fields in Go's order: Go name, JSON name, zero value, how a value is shown."""

    def render(value: Object) -> Object:
        return {
            go: show(value[name]) if value.get(name) is not None else zero
            for go, name, zero, show in fields
        }

    return render


def _text(go: str, name: str = "") -> tuple[str, str, Any, Render]:
    return go, name or go[:1].lower() + go[1:], "", _plain


def _flag(go: str, name: str = "") -> tuple[str, str, Any, Render]:
    return go, name or go[:1].lower() + go[1:], False, _plain


def _pointer(go: str, name: str = "", show: Render = _plain) -> tuple[str, str, Any, Render]:
    return go, name or go[:1].lower() + go[1:], None, show


def shown_schema(schema: Object) -> Any:
    return _SCHEMA(schema)


_RULE = _struct(
    _text("Rule"),
    _text("Message"),
    _text("MessageExpression"),
    _pointer("Reason"),
    _text("FieldPath"),
    _pointer("OptionalOldSelf"),
)
_EXTERNAL = _struct(_text("Description"), _text("URL", "url"))
_SCHEMA_FIELDS = (
    _text("ID", "id"),
    _text("Schema", "$schema"),
    _pointer("Ref", "$ref"),
    _text("Description"),
    _text("Type"),
    _flag("Nullable"),
    _text("Format"),
    _text("Title"),
    _pointer("Default"),
    _pointer("Maximum"),
    _flag("ExclusiveMaximum"),
    _pointer("Minimum"),
    _flag("ExclusiveMinimum"),
    _pointer("MaxLength"),
    _pointer("MinLength"),
    _text("Pattern"),
    _pointer("MaxItems"),
    _pointer("MinItems"),
    _flag("UniqueItems"),
    _pointer("MultipleOf"),
    _pointer("Enum"),
    _pointer("MaxProperties"),
    _pointer("MinProperties"),
    _pointer("Required"),
    _pointer("Items", show=_items),
    _pointer("AllOf", show=_many(shown_schema)),
    _pointer("OneOf", show=_many(shown_schema)),
    _pointer("AnyOf", show=_many(shown_schema)),
    _pointer("Not", show=shown_schema),
    _pointer("Properties", show=_named(shown_schema)),
    _pointer("AdditionalProperties", show=_or_bool),
    _pointer("PatternProperties", show=_named(shown_schema)),
    _pointer("Dependencies", show=_named(_or_names)),
    _pointer("AdditionalItems", show=_or_bool),
    _pointer("Definitions", show=_named(shown_schema)),
    _pointer("ExternalDocs", show=_EXTERNAL),
    _pointer("Example"),
    _pointer("XPreserveUnknownFields", "x-kubernetes-preserve-unknown-fields"),
    _flag("XEmbeddedResource", "x-kubernetes-embedded-resource"),
    _flag("XIntOrString", "x-kubernetes-int-or-string"),
    _pointer("XListMapKeys", "x-kubernetes-list-map-keys"),
    _pointer("XListType", "x-kubernetes-list-type"),
    _pointer("XMapType", "x-kubernetes-map-type"),
    _pointer("XValidations", "x-kubernetes-validations", _many(_RULE)),
)
_SCHEMA = _struct(*_SCHEMA_FIELDS)
# Go name and JSON name of what a schema can say, in Go's order.
SCHEMA_FIELDS = tuple((go, name) for go, name, _, _ in _SCHEMA_FIELDS)
_validation = _maybe(_struct(_pointer("OpenAPIV3Schema", "openAPIV3Schema", shown_schema)))
_COLUMN = _struct(
    _text("Name"),
    _text("Type"),
    _text("Format"),
    _text("Description"),
    ("Priority", "priority", 0, _plain),
    _text("JSONPath", "jsonPath"),
)
_SCALE = _struct(
    _text("SpecReplicasPath"), _text("StatusReplicasPath"), _pointer("LabelSelectorPath")
)
_SUBRESOURCES = _struct(_pointer("Status", show=lambda value: {}), _pointer("Scale", show=_SCALE))
_version = _struct(
    _text("Name"),
    _flag("Served"),
    _flag("Storage"),
    _flag("Deprecated"),
    _pointer("DeprecationWarning"),
    _pointer("Schema", show=_validation),
    _pointer("Subresources", show=_SUBRESOURCES),
    _pointer("AdditionalPrinterColumns", show=_many(_COLUMN)),
    _pointer("SelectableFields", show=_many(_struct(_text("JSONPath", "jsonPath")))),
)
shown_items = _items
