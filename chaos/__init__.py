"""Fault injection against a running cluster, and the checkers that judge what clients saw."""
