"""A check that data are fit for training: every file is examined before a run, not in the middle of it.

source ─▶ headers (DALI's parser) ─▶ trials (DALI's decoder, in a child process) ─▶ Report ─▶ manifest, exclude list
"""

import dali_mixup._graph.installed  # noqa: F401
from dali_mixup.check.report import Report
from dali_mixup.check.scan import Scan, scan

__all__ = ["Report", "Scan", "scan"]
