"""The process that writes or examines shards, one after the other.

One process per core: an image library that crashes does not take the run with it, and Python's lock is no limit.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from multiprocessing.connection import Connection

from PIL import Image

from dali_mixup._files import NotWritten
from dali_mixup._graph.trial import Trial
from dali_mixup.pack.crew import PackingError
from dali_mixup.pack.examine import Examination, problems
from dali_mixup.pack.shard import BadImagesError, Sample, packed_shard


def main(descriptor: int) -> None:
    """Work until the other side closes."""
    Image.MAX_IMAGE_PIXELS = None  # sizes are checked before
    trial = Trial(threads=1)
    with Connection(descriptor) as asked:
        try:
            while True:
                request = asked.recv()
                try:
                    if isinstance(request, Examination):
                        answer: object = problems(request, trial)
                    else:
                        answer = packed_shard(request, _received(asked), trial)
                except (EOFError, BrokenPipeError):
                    raise
                except (BadImagesError, NotWritten, PackingError) as error:
                    answer = error
                except Exception:  # a bug, which must not be taken for a process that died
                    answer = PackingError(f"a process failed unexpectedly:\n{traceback.format_exc()}")
                asked.send(answer)
        except (EOFError, BrokenPipeError):
            trial.close()


def _received(asked: Connection) -> Iterator[Sample]:
    """The samples, which come in pieces; an empty piece is the end."""
    while piece := asked.recv():
        yield from piece
        asked.send(None)


if __name__ == "__main__":
    main(int(sys.argv[1]))
