"""Custom resource definitions: versions, schemas, names, and what of an old one may stay."""

from __future__ import annotations

from typing import Any

from kapiserver.resources.definition import Object
from kapiserver.resources.field_errors import forbidden, immutable, invalid, required, unsupported
from kapiserver.resources.names import dns1035_label, dns1123_subdomain
from kapiserver.resources.printing import dig
from kapiserver.resources.validation.crd_defaults import check_defaults, has_unpruned_defaults
from kapiserver.resources.validation.crd_names import (
    check_approval,
    check_conversion,
    check_names,
)
from kapiserver.resources.validation.crd_paths import (
    check_columns,
    check_selectable,
    check_subresources,
)
from kapiserver.resources.validation.crd_schema import (
    Demands,
    Walk,
    check_schema,
    has_invalid_types,
    has_loose_keys,
    has_loose_sets,
)
from kapiserver.resources.validation.crd_shape import (
    SCHEMA_FIELDS,
    Place,
    Shape,
    shape_of,
    shown_schema,
)
from kapiserver.resources.validation.crd_structural import (
    EMBEDDED,
    INT_OR_STRING,
    PRESERVE,
    all_schemas,
    not_convertible,
    structural_findings,
)
from kapiserver.resources.validation.formats import Found
from kapiserver.resources.validation.same import same
from kapiserver.resources.validation.webhook_client import bundle_problem, knows_reviews

_NO_PRESERVE = (
    "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in "
    "spec.versions[*].schema instead"
)
# What a root schema may say beside a status subresource, by its Go names.
_AT_ROOT = (
    "Description",
    "Type",
    "Format",
    "Title",
    "Maximum",
    "ExclusiveMaximum",
    "Minimum",
    "ExclusiveMinimum",
    "MaxLength",
    "MinLength",
    "Pattern",
    "MaxItems",
    "MinItems",
    "UniqueItems",
    "MultipleOf",
    "Required",
    "Items",
    "Properties",
    "ExternalDocs",
    "Example",
    "XPreserveUnknownFields",
    "XValidations",
)
_ONLY_AT_ROOT = (
    f"only [{' '.join(_AT_ROOT)}] fields are allowed at the root of the schema if the status "
    "subresource is enabled"
)
_MAX_WARNING = 256


def check_new_definition(found: Found, crd: Object) -> None:
    metadata, spec = crd.get("metadata") or {}, crd.get("spec") or {}
    names = spec.get("names") or {}
    wanted = f"{names.get('plural') or ''}.{spec.get('group') or ''}"
    for field in ("generateName", "name"):
        given = metadata.get(field) or ""
        if given and given != wanted:
            detail = 'must be spec.names.plural+"."+spec.group'
            found.append(invalid(f"metadata.{field}", given, detail))
    _check_spec(found, spec, Demands(), known_review=True, good_bundle=False)
    check_definition_status(found, crd)
    _check_stored(found, crd)
    check_approval(found, crd, None)
    if spec.get("preserveUnknownFields"):
        found.append(invalid("spec.preserveUnknownFields", True, _NO_PRESERVE))


def check_definition_update(found: Found, crd: Object, old: Object) -> None:
    spec, before = crd.get("spec") or {}, old.get("spec") or {}
    established = is_established(old)
    client = dig(before, "conversion", "webhook", "clientConfig", "caBundle")
    reviews = dig(before, "conversion", "webhook", "conversionReviewVersions")
    known_review = knows_reviews(reviews or [])
    good_bundle = established and not (client and bundle_problem(client))

    def check(demands: Demands) -> Found:
        said: Found = []
        _check_spec(said, spec, demands, known_review=known_review, good_bundle=good_bundle)
        return said

    # what the old object breaks is only looked for when the new one breaks something
    if check(Demands()):
        found += check(_demands(before))
    names, known = spec.get("names") or {}, before.get("names") or {}
    if established:
        _check_stays(found, spec.get("scope"), before.get("scope"), "spec.scope")
        _check_stays(found, names.get("kind"), known.get("kind"), "spec.names.kind")
    _check_stays(found, spec.get("group"), before.get("group"), "spec.group")
    _check_stays(found, names.get("plural"), known.get("plural"), "spec.names.plural")
    check_definition_status(found, crd)
    _check_stored(found, crd)
    check_approval(found, crd, old)
    if spec.get("preserveUnknownFields") and not before.get("preserveUnknownFields"):
        found.append(invalid("spec.preserveUnknownFields", True, _NO_PRESERVE))


def check_definition_status(found: Found, crd: Object) -> None:
    names = dig(crd, "status", "acceptedNames") or {}
    check_names(found, names, "status.acceptedNames")


def is_established(crd: Object) -> bool:
    return any(
        condition.get("type") == "Established" and condition.get("status") == "True"
        for condition in dig(crd, "status", "conditions") or ()
    )


def _check_stays(found: Found, new: Any, old: Any, path: str) -> None:
    if not same(new, old):
        found.append(immutable(path, new or ""))


def _schemas(spec: Object) -> list[Object]:
    found = [dig(version, "schema", "openAPIV3Schema") for version in spec.get("versions") or ()]
    return [schema for schema in found if schema is not None]


def _demands(old: Object) -> Demands:
    """Rules that the old object breaks are not held against the new one."""
    schemas = _schemas(old)
    return Demands(
        schemas=len(schemas) == len(old.get("versions") or ()),
        types=not any(map(has_invalid_types, schemas)),
        structural=not any(
            not_convertible(schema) or structural_findings(schema, "") for schema in schemas
        ),
        pruned_defaults=not any(map(has_unpruned_defaults, schemas)),
        atomic_sets=not any(map(has_loose_sets, schemas)),
        map_keys=not any(map(has_loose_keys, schemas)),
    )


def _check_stored(found: Found, crd: Object) -> None:
    path = "status.storedVersions"
    stored: list[str] = dig(crd, "status", "storedVersions") or []
    if not stored:
        found.append(invalid(path, None, "must have at least one stored version"))
        return
    versions = dig(crd, "spec", "versions") or []
    for version in versions:
        name = version.get("name") or ""
        if version.get("storage") and name not in stored:
            found.append(invalid(path, stored, f"must have the storage version {name}"))
    names = {version.get("name") for version in versions}
    for position, name in enumerate(stored):
        if name not in names:
            detail = (
                f"missing from spec.versions; {name} was previously a storage version, and must "
                "remain in spec.versions until a storage migration ensures no data remains "
                f"persisted in {name} and removes {name} from status.storedVersions"
            )
            found.append(invalid(f"{path}[{position}]", name, detail))


def _check_spec(
    found: Found, spec: Object, demands: Demands, *, known_review: bool, good_bundle: bool
) -> None:
    _check_group(found, spec.get("group") or "")
    scope = spec.get("scope") or ""
    if not scope:
        found.append(required("spec.scope"))
    elif scope not in ("Cluster", "Namespaced"):
        found.append(unsupported("spec.scope", scope, ("Cluster", "Namespaced")))
    preserves = bool(spec.get("preserveUnknownFields"))
    versions: list[Object] = spec.get("versions") or []
    shape = shape_of(spec)
    demands = _asked(found, spec, demands, preserves=preserves)
    for position, (version, place) in enumerate(zip(versions, shape.versions, strict=True)):
        name = version.get("name") or ""
        if problems := dns1035_label(name):
            here = f"spec.versions[{position}].name"
            found.append(invalid(here, name, ",".join(problems)))
        _check_deprecation(found, version, place.path)
        _check_place(found, shape, place, demands, "schema")
    names_of_versions = [version.get("name") or "" for version in versions]
    if len(set(names_of_versions)) != len(versions):
        found.append(
            invalid("spec.versions", shape.shown_versions(), "must contain unique version names")
        )
    if sum(bool(version.get("storage")) for version in versions) != 1:
        detail = "must have exactly one version marked as storage version"
        found.append(invalid("spec.versions", shape.shown_versions(), detail))
    if versions and (problems := dns1035_label(names_of_versions[0])) and names_of_versions[0]:
        found.append(invalid("spec.version", names_of_versions[0], ",".join(problems)))
    names: Object = spec.get("names") or {}
    for field in ("plural", "singular", "kind", "listKind"):
        if not names.get(field):
            found.append(required(f"spec.names.{field}"))
    check_names(found, names, "spec.names")
    _check_place(found, shape, shape.top, demands, "validation")
    conversion: Object | None = spec.get("conversion")
    if conversion is not None and preserves and conversion.get("strategy") != "None":
        detail = "must be None if spec.preserveUnknownFields is true"
        given = conversion.get("strategy") or ""
        found.append(invalid("spec.conversion.strategy", given, detail))
    check_conversion(
        found,
        conversion,
        "spec.conversion",
        known_review=known_review,
        good_bundle=good_bundle,
    )


def _check_group(found: Found, group: str) -> None:
    if not group:
        found.append(required("spec.group"))
    elif problems := dns1123_subdomain(group):
        found.append(invalid("spec.group", group, ",".join(problems)))
    elif "." not in group:
        found.append(invalid("spec.group", group, "should be a domain with at least one dot"))


def _asked(found: Found, spec: Object, demands: Demands, *, preserves: bool) -> Demands:
    """Missing schemas are reported; what the schemas use may ask for more of them."""
    for position, version in enumerate(spec.get("versions") or ()):
        here = f"spec.versions[{position}].schema.openAPIV3Schema"
        if dig(version, "schema", "openAPIV3Schema") is not None:
            continue
        if demands.schemas:
            found.append(required(here, "schemas are required"))
        elif not preserves and version.get("served"):
            found.append(required(here, "because otherwise all fields are pruned"))
    structural = demands.structural or not preserves
    everywhere = [each for schema in _schemas(spec) for each in all_schemas(schema)]
    if any(each.get("default") is not None for each in everywhere):
        structural = True
        if preserves:
            detail = "must be false in order to use defaults in the schema"
            found.append(invalid("spec.preserveUnknownFields", True, detail))
    if any(map(_is_extended, everywhere)):
        structural = True
    return Demands(
        demands.schemas,
        demands.types,
        structural,
        demands.pruned_defaults,
        demands.atomic_sets,
        demands.map_keys,
    )


def _is_extended(schema: Object) -> bool:
    return bool(
        schema.get(EMBEDDED)
        or schema.get(PRESERVE) is not None
        or schema.get(INT_OR_STRING)
        or schema.get("x-kubernetes-list-map-keys")
        or schema.get("x-kubernetes-list-type") is not None
        or schema.get("x-kubernetes-validations")
    )


def _check_deprecation(found: Found, version: Object, path: str) -> None:
    text = version.get("deprecationWarning")
    if text is None:
        return
    here = f"{path}.deprecationWarning"
    if not version.get("deprecated"):
        found.append(invalid(here, text, "can only be set for deprecated versions"))
        return
    if len(text.encode()) > _MAX_WARNING:
        found.append(invalid(here, text, f"must be <= {_MAX_WARNING} characters long"))
    if not text:
        found.append(invalid(here, text, "must not be an empty string"))
    position = 0
    for character in text:
        if not character.isprintable():
            detail = (
                "must only contain printable UTF-8 characters; non-printable character found at "
                f"index {position}"
            )
            found.append(invalid(here, text, detail))
            break
        position += len(character.encode())


def _check_place(
    found: Found, shape: Shape, place: Place, demands: Demands, schema_name: str
) -> None:
    here = f"{place.path}.{schema_name}"
    status = shape.status_enabled(place)
    schema = None if place.validation is None else place.validation.get("openAPIV3Schema")
    if schema is not None:
        _check_root(found, schema, f"{here}.openAPIV3Schema", demands, status=status)
    check_subresources(found, place.subresources, f"{place.path}.subresources")
    check_columns(found, place.columns, f"{place.path}.additionalPrinterColumns")
    if not place.selectable:
        return
    path = f"{place.path}.selectableFields"
    if schema is None:
        detail = (
            "selectableFields may only be set when validations.schema is included"
            if place is shape.top
            else "selectableFields may only be set when version.schema.openAPIV3Schema is not "
            "included"
        )
        found.append(invalid(path, "", detail))
        return
    if problem := not_convertible(schema):
        found.append(invalid(f"{place.path}.schema.openAPIV3Schema", "", problem))
    check_selectable(found, place.selectable, schema, path)


def _check_root(found: Found, schema: Object, path: str, demands: Demands, *, status: bool) -> None:
    before = len(found)
    if status:
        _check_room_for_status(found, schema, path)
    if schema.get("nullable"):
        found.append(forbidden(f"{path}.nullable", "nullable cannot be true at the root"))
    unusable = ""
    if demands.structural:
        unusable = not_convertible(schema)
        if not unusable:
            wrong = structural_findings(schema, path)
            found += wrong
            if not wrong:
                check_defaults(found, schema, path, pruned=demands.pruned_defaults)
    check_schema(found, schema, path, Walk(demands), is_root=True)
    if len(found) == before and unusable:
        found.append(invalid(path, "", unusable))


def _check_room_for_status(found: Found, schema: Object, path: str) -> None:
    kind = schema.get("type") or "object"
    # fields are looked at in Go's order, up to the first that is wrong
    for name, field in SCHEMA_FIELDS:
        if field == "type" and kind != "object":
            detail = (
                'only "object" is allowed as the type at the root of the schema if the status '
                "subresource is enabled"
            )
            found.append(invalid(f"{path}.type", kind, detail))
            return
        if schema.get(field) and name not in _AT_ROOT:
            found.append(invalid(path, shown_schema(schema), _ONLY_AT_ROOT))
            return
