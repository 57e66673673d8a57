"""What every workload with a pod template has in common: its defaults and its warnings."""

from __future__ import annotations

from collections.abc import Sequence

from kapiserver.resources.definition import Object, Warn, WriteContext
from kapiserver.resources.pod_defaults import default_pod_template
from kapiserver.resources.pod_features import drop_disabled
from kapiserver.resources.printing import dig, items, number
from kapiserver.resources.validation.claims import claim_spec_warnings
from kapiserver.resources.validation.pod_warnings import pod_warnings, template_name_warnings


def default_template(spec: Object) -> None:
    """Defaults of spec.template; one that was forgotten is an empty one, as it is to Go."""
    default_pod_template(spec.setdefault("template", {}))


def drop_from_template(spec: Object, old: Object) -> None:
    """Drop what features that are off would need from spec.template."""
    template, before = spec.get("template") or {}, old.get("template") or {}
    drop_disabled(template.get("spec") or {}, before.get("spec"))


def drop_disabled_fields(obj: Object, context: WriteContext) -> None:
    """A hook for kinds whose template is spec.template."""
    drop_from_template(obj.get("spec") or {}, (context.old or {}).get("spec") or {})


def template_warnings(*path: str, names_pods: bool = True, only_template: bool = False) -> Warn:
    """Warnings about the template at `path`, when the object is new or its generation is; with
    `only_template`, when the template has changed."""
    shown = ".".join(path)

    def warn(obj: Object, context: WriteContext) -> Sequence[str]:
        template = dig(obj, *path) or {}
        if context.old is not None:
            if only_template:
                changed = template != (dig(context.old, *path) or {})
            else:
                changed = _generation(obj) != _generation(context.old)
            return pod_warnings(template, shown) if changed and not context.subresource else ()
        name = (obj.get("metadata") or {}).get("name", "")
        return [
            *(template_name_warnings(name) if names_pods and name else ()),
            *pod_warnings(template, shown),
        ]

    return warn


_stateful_template_warnings = template_warnings("spec", "template", names_pods=False)


def stateful_warnings(obj: Object, context: WriteContext) -> Sequence[str]:
    if context.subresource:
        return ()
    warnings = list(_stateful_template_warnings(obj, context))
    for position, claim in enumerate(items(obj, "spec", "volumeClaimTemplates")):
        here = f"spec.volumeClaimTemplates[{position}]"
        warnings += claim_spec_warnings(claim.get("spec") or {}, here)
    if number(obj, "spec", "revisionHistoryLimit") < 0:
        warnings.append(
            "spec.revisionHistoryLimit: a negative value retains all historical revisions; a "
            "value >= 0 is recommended"
        )
    return warnings


def _generation(obj: Object) -> int:
    return number(obj, "metadata", "generation")
