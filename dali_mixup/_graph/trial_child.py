"""The process behind `Trial`: decodes as training does, and reports the results."""

from __future__ import annotations

import io
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection

import numpy as np
from nvidia.dali import Pipeline, fn
from PIL import Image

from dali_mixup._graph.decode import Backend, file_content, middle, whole_image, words
from dali_mixup._graph.pillow_pixels import message, of_pillow
from dali_mixup._graph.pixel_kind import PixelKind
from dali_mixup._graph.trial import MOST_FILES, NO_MEMORY, Care, Outcome

_MEAN, _MOST = 1.0, 16
"""Differences from Pillow's pixels that count as rounding: the mean and the largest, of 255."""


class Decoder:
    """Decodes on the CPU.

    Args:
        threads: DALI's threads.
        named: samples are paths, not encoded images.
        kind: the pixels.
    """

    def __init__(self, threads: int, named: bool, kind: PixelKind):
        self._threads, self._named, self._kind = threads, named, kind
        self._pipes: dict[Care, Pipeline] = {}

    def decode(self, samples: Sequence[np.ndarray], care: Care) -> list[Outcome]:
        """The results of decoding the samples."""
        error, remark, pixels = self._run(samples, care)
        if error is None and remark is None:
            if care != "compare":
                return [Outcome()] * len(samples)
            return [Outcome(difference=self._difference(samples[0], pixels))]
        if len(samples) > 1:
            # One bad image fails its whole batch, often without a name. Halving finds few bad ones in few passes.
            half = len(samples) // 2
            return self.decode(samples[:half], care) + self.decode(samples[half:], care)
        return [Outcome(error, remark if error is None else None)]

    def _run(self, samples: Sequence[np.ndarray], care: Care) -> tuple[str | None, str | None, np.ndarray]:
        error, pixels = None, np.empty(0)
        with _stderr() as captured:
            try:
                pipe = self._pipes.get(care) or self._built(care)
                self._pipes[care] = pipe
                outputs = pipe.run(sample=list(samples))
                if care == "compare":
                    pixels = np.array(outputs[0].at(0))
            except Exception as failure:
                self._pipes.pop(care, None)  # DALI guarantees nothing for a pipeline after an error
                error = NO_MEMORY if isinstance(failure, MemoryError) else words(str(failure))
        remark = re.search(r"Corrupt JPEG data.*", "".join(captured))
        return error, remark and remark.group(), pixels

    def _built(self, care: Care) -> Pipeline:
        backend = Backend(gpu=False, kind=self._kind)
        pipe = Pipeline(MOST_FILES, num_threads=self._threads, device_id=None, prefetch_queue_depth=1)
        with pipe:
            encoded = fn.external_source(name="sample")
            if self._named:
                encoded = file_content(encoded)
            outputs = [whole_image(encoded, backend)]
            if care != "whole":
                outputs.append(middle(encoded, backend))
            pipe.set_outputs(*outputs)
        pipe.build()
        return pipe

    def _difference(self, sample: np.ndarray, ours: np.ndarray) -> str | None:
        content = sample.tobytes()
        try:
            with Image.open(os.fsdecode(content) if self._named else io.BytesIO(content)) as image:
                theirs = of_pillow(image, self._kind)
        except MemoryError:
            raise
        except Exception as error:  # Pillow's decoders raise all kinds of errors
            return f"Pillow does not decode it: {message(error)}"
        return difference(np.rint(ours / (self._kind.most // 255)), theirs)


def difference(ours: np.ndarray, theirs: np.ndarray) -> str | None:
    """The difference of (H, W, C) pixels in 0..255 from others beyond rounding; None if there is none."""
    if ours.shape != theirs.shape:
        (h, w, _), (u, v, _) = ours.shape, theirs.shape
        return f"{w} x {h} pixels instead of {v} x {u}"
    gaps = np.abs(ours.astype(np.int16) - theirs.astype(np.int16))
    if gaps.max() <= _MOST and gaps.mean() <= _MEAN:
        return None
    return f"by {gaps.mean():.1f} of 255 on average and {gaps.max()} at most"


@contextmanager
def _stderr() -> Iterator[list[str]]:
    """Capture the text written to stderr in the block, including that of the decoders' C libraries.

    Their lines name no file. The list is filled at the end.
    """
    captured: list[str] = []
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield captured
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            file.seek(0)
            captured.append(file.read().decode(errors="replace"))


def main(descriptor: int, threads: int, kind: PixelKind) -> None:
    """Answer requests until the other side closes."""
    Image.MAX_IMAGE_PIXELS = None  # sizes were checked before
    decoders: dict[bool, Decoder] = {}
    with Connection(descriptor) as asked:
        while True:
            try:
                contents, named, care = asked.recv()
            except EOFError:
                return
            decoder = decoders.setdefault(named, Decoder(threads, named, kind))
            asked.send(decoder.decode([np.frombuffer(content, np.uint8) for content in contents], care))


if __name__ == "__main__":
    given, many, channels, bits = map(int, sys.argv[1:])
    main(given, many, PixelKind(channels, bits))
