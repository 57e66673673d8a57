"""Types of the API: what a decoded object must look like, driven by the OpenAPI definitions.

In: definitions (shipped by the package kubernetes-validate, or added at run time for custom
resources). Out: validators (`SchemaSet.validator`), what patches need to know about a field
(`SchemaSet.patch_meta`), readers of bodies (`reading`, `yaml_reading`). Knows nothing of HTTP and
nothing of kinds.
"""

from kapiserver.resources.schema.compiled import Compiled, Findings
from kapiserver.resources.schema.patchmeta import FieldMeta, PatchNode
from kapiserver.resources.schema.schemaset import SchemaSet

__all__ = [
    "Compiled",
    "FieldMeta",
    "Findings",
    "PatchNode",
    "SchemaSet",
]
