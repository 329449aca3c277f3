"""Decoding in a process that may crash.

A damaged JPEG 2000 image can kill the process that decodes it although its header is valid, and other decoders may have
such bugs too. The training process must not be put at risk.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Literal

import numpy as np

from dali_mixup._graph.look import good_image

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
    """

    def __init__(self, threads: int, timeout: float = TIMEOUT):
        self.threads, self.timeout = threads, timeout
        self._child: _Child | None = None

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
        innocent = self._ask([good_image()], False, "whole")
        if isinstance(innocent, str):
            raise RuntimeError(
                f"the process that tries images does not work, not even with a good image ({innocent}); its own "
                "messages are on stderr"
            )
        return Outcome(error=answer)

    def _ask(self, samples: Sequence[np.ndarray], named: bool, care: Care) -> list[Outcome] | str:
        """The outcomes, or the reason why the child was lost."""
        child = self._child = self._child or _Child(self.threads)
        try:
            return child.ask(([sample.tobytes() for sample in samples], named, care), self.timeout)
        except _LostError as error:
            self.close()
            return str(error)
        except BaseException:  # Ctrl-C: an answer that comes later must not be taken for the next one's
            self.close()
            raise


class _LostError(Exception):
    """The child died or did not answer."""


class _Child:
    def __init__(self, threads: int) -> None:
        self._ours, theirs = Pipe()
        root = str(Path(__file__).resolve().parents[2])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "dali_mixup._graph.trial_child", str(theirs.fileno()), str(threads)],
                pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the training process, which then ends this one
            )
        self.end = weakref.finalize(self, _ended, self._process, self._ours, os.getpid())

    def ask(self, request: tuple[list[bytes], bool, Care], timeout: float) -> list[Outcome]:
        try:
            self._ours.send(request)
            if not self._ours.poll(timeout):
                raise _LostError(f"the decoder gave no answer within {timeout:g} s")
            answer: list[Outcome] = self._ours.recv()
            return answer
        except (EOFError, OSError):
            status = self._process.wait()
            how = signal.Signals(-status).name if status < 0 else f"exit code {status}"
            raise _LostError(f"the process that decodes it dies ({how})") from None


def _ended(process: subprocess.Popen[bytes], ours: Connection, owner: int) -> None:
    ours.close()
    if os.getpid() == owner:  # a forked process must not end what is not its own
        process.kill()
        process.wait()
