"""Syntax of label keys and values, as the verbs use it; the rules are with the resources'."""

from __future__ import annotations

from kapiserver.resources.validation.label_syntax import PART_MAX, label_value, qualified_name

__all__ = ["PART_MAX", "label_value", "qualified_name"]
