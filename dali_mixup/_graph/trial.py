"""Decoding in a process that may crash.

A damaged JPEG 2000 image can kill the process that decodes it although its header is valid, and other decoders may have
such bugs too. The training process must not be put at risk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dali_mixup._graph.alike import alike
from dali_mixup._graph.child import ChildError, ChildProcess, LostError
from dali_mixup._graph.pixel_kind import USUAL, PixelKind

MOST_FILES = 31
"""Samples per batch. With fewer than 32 DALI parses all headers in one thread, where an error is safe."""

TIMEOUT = 120.0
"""Seconds after which an unresponsive child is given up."""

NO_MEMORY = "std::bad_alloc"
"""In DALI's message, whatever a good image says: memory that was short a moment ago may be there again."""

_ADVICE = (
    "its own messages are on stderr. If the memory is short, use fewer processes or set a lower max_pixels"
)

Care = Literal["whole", "window", "compare"]
"""The care of a trial: decoded whole, also as a window, also compared with Pillow's pixels."""


@dataclass(frozen=True)
class Outcome:
    """The result of decoding a sample.

    Attributes:
        error: the reason why it failed, or None.
        remark: the JPEG library's remark on damaged compressed data of a sample that decoded, or None.
        difference: with care="compare", the difference of its pixels from Pillow's, or None.
    """

    error: str | None = None
    remark: str | None = None
    difference: str | None = None


class Trial:
    """A child process that decodes, started when it is first needed and again after it has died.

    Args:
        threads: threads of its decoder.
        timeout: seconds that a request may take.
        kind: the pixels to decode.
    """

    def __init__(self, threads: int, timeout: float = TIMEOUT, kind: PixelKind = USUAL):
        self.threads, self.timeout, self.kind = threads, timeout, kind
        self._child: ChildProcess | None = None

    def decode(self, samples: Sequence[np.ndarray], named: bool, care: Care) -> list[Outcome]:
        """The results for these samples, at most `MOST_FILES`: decoded as a batch, but one by one with more care than
        "whole", and if the batch kills the child.

        Args:
            samples: as from `Source.feed`.
            named: these are paths, which the child reads.

        Raises:
            ChildError: the child fails to decode a good image, too.
        """
        if care == "whole" and len(samples) > 1:
            together = self._ask(samples, named, care)
            if isinstance(together, list):
                return [
                    outcome if outcome.error is None else self._blamed(sample, named, care, outcome.error)
                    for sample, outcome in zip(samples, together, strict=True)
                ]
        return [self._alone(sample, named, care) for sample in samples]

    def close(self) -> None:
        """End the child. Harmless when repeated; the next request starts another."""
        child, self._child = self._child, None
        if child is not None:
            child.end()

    def _alone(self, sample: np.ndarray, named: bool, care: Care) -> Outcome:
        answer = self._ask([sample], named, care)
        if isinstance(answer, LostError) and answer.killed:  # perhaps before it was asked
            answer = self._ask([sample], named, care)
        if isinstance(answer, LostError):
            if answer.killed:
                raise ChildError(f"the process that tries images {answer}; {_ADVICE}")
            return self._blamed(sample, named, care, f"the process that decodes it {answer}")
        return answer[0] if answer[0].error is None else self._blamed(sample, named, care, answer[0].error)

    def _blamed(self, sample: np.ndarray, named: bool, care: Care, error: str) -> Outcome:
        """The outcome of a sample that failed, once a good image like it has shown that the sample is to blame."""
        answer = self._ask([alike(sample, named, self.kind)], False, care)
        reason = str(answer) if isinstance(answer, LostError) else answer[0].error
        if reason is not None or NO_MEMORY in error:
            raise ChildError(
                f"the process that tries images does not work, not even with a good image ({reason or error}); "
                f"{_ADVICE}"
            )
        return Outcome(error=error)

    def _started(self) -> ChildProcess:
        arguments = (self.threads, self.kind.channels, self.kind.bits)
        return ChildProcess("dali_mixup._graph.trial_child", *arguments)

    def _ask(self, samples: Sequence[np.ndarray], named: bool, care: Care) -> list[Outcome] | LostError:
        """The outcomes, or how the child was lost."""
        try:
            child = self._child = self._child or self._started()
        except OSError as error:
            raise ChildError(
                f"the process that tries images does not start: {error.strerror or error}"
            ) from error
        try:
            outcomes: list[Outcome] = child.ask(
                ([sample.tobytes() for sample in samples], named, care), self.timeout
            )
            return outcomes
        except LostError as error:
            self.close()
            return error
        except BaseException:  # Ctrl-C: an answer that comes later must not be taken for the next one's
            self.close()
            raise
