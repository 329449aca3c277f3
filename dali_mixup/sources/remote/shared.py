"""The transfers that all loaders of a process share."""

from __future__ import annotations

import atexit
import os

from dali_mixup.sources.remote.quick import Quick
from dali_mixup.sources.remote.transfers import Transfers


class _Process:
    """The transfers of this process: its own after a fork, since threads do not survive one."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self.transfers = Transfers(quick=Quick())


_process = _Process()
os.register_at_fork(after_in_child=_process.renew)
atexit.register(lambda: _process.transfers.end())


def transfers() -> Transfers:
    """The transfers that all loaders of this process share."""
    return _process.transfers
