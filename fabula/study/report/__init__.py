"""The evidence as one page."""

from fabula.study.report.page import write_report as write_report
