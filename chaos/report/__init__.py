"""The report of a run: one HTML file with its picture, for people."""

from chaos.report.page import write_report

__all__ = ["write_report"]
