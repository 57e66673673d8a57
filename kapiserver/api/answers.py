"""Stored objects as answers, in the form that the client asked for."""

from __future__ import annotations

from kapiserver.api.call import Call
from kapiserver.api.go_text import package_of
from kapiserver.api.negotiation import METADATA_LIST, TABLE, Output
from kapiserver.api.options import include_object
from kapiserver.api.render import is_metadata, is_plain, partial_metadata, respond_document
from kapiserver.api.scope import Scope
from kapiserver.api.tables import TableWriter
from kapiserver.errors import NotAcceptable
from kapiserver.request import Response
from kapiserver.storage import StoredObject


def go_type(scope: Scope, kind: str) -> str:
    """An object or a list as upstream's messages print its type."""
    if scope.is_custom:
        return "*unstructured.Unstructured" + ("List" if kind == scope.list_kind else "")
    return f"*{package_of(scope.group)}.{kind}"


def object_answer(call: Call, stored: StoredObject, output: Output, status: int = 200) -> Response:
    """One object: itself, its metadata, or a Table of one row."""
    if is_plain(output):
        return respond_document(call.scope.value(stored), output, status)
    if output.convert == TABLE:
        writer = TableWriter(call.scope, include_object(call.context.query), output.meta_version)
        table = writer.table({"resourceVersion": str(stored.revision)}, [writer.row(stored)])
        return respond_document(table, output, status)
    if output.convert == METADATA_LIST:
        raise NotAcceptable(
            "you requested PartialObjectMetadataList, but the requested object is not a list "
            f"({go_type(call.scope, call.scope.kind)})"
        )
    if is_metadata(output):
        metadata = stored.decoded()["metadata"]
        return respond_document(partial_metadata(metadata, output.meta_version), output, status)
    return respond_document(call.scope.value(stored), output, status)
