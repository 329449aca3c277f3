"""Threads kept apart."""

from __future__ import annotations

import threading


class OneThread:
    """Lets one thread at a time in and refuses the others. No lock: a signal handler may enter what it interrupted.

    Args:
        refusal: what the others are told.
    """

    def __init__(self, refusal: str) -> None:
        self._refusal = refusal
        self._inside: dict[str, int] = {}

    def enter(self) -> None:
        """Harmless for the thread that is inside.

        Raises:
            RuntimeError: another thread is inside.
        """
        thread = threading.get_ident()
        # One operation, so two threads cannot both pass.
        if self._inside.setdefault("thread", thread) != thread:
            raise RuntimeError(self._refusal)

    def leave(self) -> None:
        """Let the next thread in. Harmless for a thread that is not inside."""
        if self._inside.get("thread") == threading.get_ident():
            self._inside.clear()
