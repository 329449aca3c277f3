"""The questions of `benchmarks/gpu_visit.py`: each a function of a `Visit` that returns its answer, JSON-able."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.gpu_questions import fast, memory, right
from benchmarks.gpu_questions.visit import Visit

__all__ = ["QUESTIONS", "Question", "Visit"]


@dataclass(frozen=True)
class Question:
    """A question, and the time limit of its process in seconds.

    `ask` gets the visit and a function that saves the answer so far.
    """

    ask: Callable[[Visit, Callable[[object], None]], Any]
    limit: int


QUESTIONS = {
    "environment": Question(fast.environment, 60),
    "selftest": Question(right.selftest, 150),
    "windows": Question(right.windows, 150),
    "methods": Question(right.methods, 180),
    "options": Question(right.options, 180),
    "streams": Question(memory.streams, 240),
    "capture": Question(memory.capture, 60),
    "memory": Question(memory.memory, 120),
    "profile": Question(fast.profile, 120),
    "speed": Question(fast.speed, 400),
}
