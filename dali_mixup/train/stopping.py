"""Ctrl-C and the scheduler's SIGTERM as a request to stop at the next step, with a checkpoint."""

from __future__ import annotations

import signal
import threading
from types import FrameType

from dali_mixup.train.processes import under_torchrun


class StopRequest:
    """True within its `with` block once SIGINT or SIGTERM has arrived.

    A second Ctrl-C ends the process at once, except under torchrun, which forwards the terminal's signal to processes
    that have received it already.
    """

    def __init__(self) -> None:
        self._asked = False
        self._before: dict[int, object] = {}

    def __bool__(self) -> bool:
        return self._asked

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():  # only it may set handlers
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if self._asked and number == signal.SIGINT and not under_torchrun():
            raise KeyboardInterrupt
        self._asked = True
