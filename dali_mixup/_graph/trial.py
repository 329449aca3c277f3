"""Decoding in a process that may crash.

A damaged JPEG 2000 image can kill the process that decodes it although its header is valid, and other decoders may have
such bugs too. The training process must not be put at risk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dali_mixup._graph.child import ChildProcess, LostError
from dali_mixup._graph.look import good_image
from dali_mixup._graph.pixel_kind import USUAL, PixelKind

MOST_FILES = 31
"""Samples per batch. With fewer than 32 DALI parses all headers in one thread, where an error is safe."""

TIMEOUT = 120.0
"""Seconds after which an unresponsive child is given up."""

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
            RuntimeError: the child also dies of a good image.
        """
        if care == "whole" and len(samples) > 1:
            together = self._ask(samples, named, care)
            if isinstance(together, list):
                return together
        return [self._alone(sample, named, care) for sample in samples]

    def close(self) -> None:
        """End the child. Harmless when repeated; the next request starts another."""
        child, self._child = self._child, None
        if child is not None:
            child.end()

    def _alone(self, sample: np.ndarray, named: bool, care: Care) -> Outcome:
        answer = self._ask([sample], named, care)
        if not isinstance(answer, str):
            return answer[0]
        innocent = self._ask([good_image(kind=self.kind)], False, "whole")
        if isinstance(innocent, str):
            raise RuntimeError(
                f"the process that tries images does not work, not even with a good image ({innocent}); its own "
                "messages are on stderr"
            )
        return Outcome(error=answer)

    def _started(self) -> ChildProcess:
        arguments = (self.threads, self.kind.channels, self.kind.bits)
        return ChildProcess("dali_mixup._graph.trial_child", *arguments)

    def _ask(self, samples: Sequence[np.ndarray], named: bool, care: Care) -> list[Outcome] | str:
        """The outcomes, or the reason why the child was lost."""
        child = self._child = self._child or self._started()
        try:
            outcomes: list[Outcome] = child.ask(
                ([sample.tobytes() for sample in samples], named, care), self.timeout
            )
            return outcomes
        except LostError as error:
            self.close()
            return f"the process that decodes it {error}"
        except BaseException:  # Ctrl-C: an answer that comes later must not be taken for the next one's
            self.close()
            raise
