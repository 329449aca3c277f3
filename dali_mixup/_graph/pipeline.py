"""Source -> decode -> augment -> mix -> normalise, as one DALI pipeline."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from nvidia.dali import Pipeline, fn, types
from nvidia.dali.data_node import DataNode

from dali_mixup._graph.decode import Backend, file_content, given_content, parsed_first
from dali_mixup._graph.feed import PlanFeed
from dali_mixup._graph.feed_kernels import normalising
from dali_mixup._graph.options import MAX_PIXELS
from dali_mixup._graph.pixels import mixed_and_normalised
from dali_mixup._graph.stages import stage

DTYPES = {
    "float32": types.DALIDataType.FLOAT,
    "float16": types.DALIDataType.FLOAT16,
    # DALI has no bfloat16 output: the pipeline ends in float32 and the loader rounds once, on the device.
    "bfloat16": types.DALIDataType.FLOAT,
}


class BatchDraws(Protocol):
    """Decisions of a transform that are made outside the graph, for a whole batch."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the arrays."""

    def arrays(self, rows: int, seed: int, rank: int, epoch: int, step: int) -> tuple[np.ndarray, ...]:
        """The arrays of `names` for one batch, each with one entry per row."""

    def size_at(self, seed: int, epoch: int, step: int) -> tuple[int, int]:
        """(height, width) of a batch's images."""


class Transform(Protocol):
    """From encoded bytes to the images that are mixed, and from mixed images to finished ones."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the result, the largest if it changes."""

    @property
    def draws(self) -> BatchDraws | None: ...

    @property
    def window_names(self) -> tuple[str, ...]:
        """Names of the arrays by which the graph is given the windows of images that have masks."""

    def maps(
        self,
        masks: Sequence[np.ndarray | None],
        sizes: np.ndarray,
        outside: int,
        *,
        seed: int,
        rank: int,
        epoch: int,
        step: int,
    ) -> tuple[np.ndarray, Any]:
        """(N, h, w) uint8 masks of a batch after the geometry of their images, and the `augment.windows.Windows`."""

    @property
    def extra(self) -> Sequence[Any]:
        """The user's own functions."""

    @property
    def changes_after_mix(self) -> bool:
        """True if `after_mix` does something, for which it needs float32."""

    def graph(
        self,
        encoded: DataNode,
        backend: Backend,
        seeds: Iterator[int],
        nodes: Mapping[str, DataNode],
        mean: Sequence[float],
        std: Sequence[float],
    ) -> tuple[DataNode, dict[str, Any]]:
        """(H, W, 3) uint8 HWC images, and a window of them as arguments of `fn.crop_mirror_normalize`; {}: all."""

    def after_mix(
        self, images: DataNode, seeds: Iterator[int], nodes: Mapping[str, DataNode], layout: str
    ) -> DataNode:
        """Normalised images after the operations that follow mixing."""


class Batches(Protocol):
    """The source of a pipeline's batches, called by DALI with the batch's info."""

    @property
    def read_in_dali(self) -> bool:
        """True if the source gives file names rather than their bytes."""

    @property
    def feed(self) -> PlanFeed | None: ...

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the arrays that come with the files."""

    def __call__(self, info: Any) -> tuple[Any, ...]: ...


@dataclass(frozen=True)
class PipelineSpec:
    """The parts from which a pipeline is built, apart from the batches.

    Attributes:
        transform: the processing of each image before mixing.
        backend: the device, and the decoder's settings.
        mean, std: (3,) of the normalisation, in units of uint8 pixels.
        dtype: dtype of the images handed to the model, a key of `DTYPES`.
        channels_last: end in HWC order in memory, which is (N, 3, H, W) in torch's channels_last format without a copy.
        device_id: GPU index, None for DALI's CPU backend.
        num_threads: DALI's worker threads, >= 1.
        prefetch: batches prepared ahead, >= 1.
        batch_size: the maximum number of rows of a batch.
        clean: whether to output the images before mixing too.
        max_pixels: limit for an image that reaches the decoder.
    """

    transform: Transform
    backend: Backend
    mean: tuple[float, ...]
    std: tuple[float, ...]
    dtype: str
    channels_last: bool
    device_id: int | None
    num_threads: int
    prefetch: int
    batch_size: int
    clean: bool = False
    max_pixels: int = MAX_PIXELS

    @property
    def draws(self) -> BatchDraws | None:
        """The decisions of the transform that are made for each batch outside the graph."""
        return self.transform.draws


def build(spec: PipelineSpec, batches: Batches, seeds: Iterator[int], checkpoint: bytes | None) -> Pipeline:
    """The built pipeline; its outputs are the images and, with `spec.clean`, those before mixing. Restored from
    `checkpoint` if one is given.

    Passes over the pixels: decode writes the window in uint8, resize writes uint8 (P), flip P, then mixing and
    normalising as counted in `fn.mix`. With the compiled kernels resize and flip are one pass, mixing and normalising
    another, which reads partners where they are. Nothing is rounded between mixing and normalising.
    """
    pipe = Pipeline(
        batch_size=spec.batch_size,
        num_threads=spec.num_threads,
        device_id=spec.device_id,
        prefetch_queue_depth=spec.prefetch,
        seed=next(seeds),
        enable_checkpointing=True,
        checkpoint=checkpoint,
    )

    in_use: deque[tuple[Any, ...]] = deque(maxlen=spec.prefetch + 2)
    on_gpu = spec.device_id is not None

    def planned(info: Any) -> tuple[Any, ...]:
        with stage("plan", on_gpu):
            made = batches(info)
            if not on_gpu:
                files, *arrays = made
                made = ([_unchanging(file) for file in files], *arrays)
                in_use.append(made)
            return made

    with pipe:
        names = batches.names
        # On the CPU DALI works on these arrays themselves (copying 64 photographs of 110 kB took 0.9 ms), so they are
        # kept for the batches under way. Copies to a GPU may still be waiting when their batch is handed out.
        fed = fn.external_source(
            source=planned, num_outputs=1 + len(names), batch=True, batch_info=True, no_copy=not on_gpu
        )
        nodes = dict(zip(names, fed[1:], strict=True))
        encoded = parsed_first(file_content(fed[0]) if batches.read_in_dali else given_content(fed[0]))
        layout = "HWC" if spec.channels_last else "CHW"
        # DALI's GPU kernels, but for a few, take no float16; the loader rounds.
        dtype = types.DALIDataType.FLOAT if spec.transform.changes_after_mix else DTYPES[spec.dtype]
        plain, window = spec.transform.graph(encoded, spec.backend, seeds, nodes, spec.mean, spec.std)
        if batches.feed is None:
            images = _normalised(plain, window, spec, dtype, layout)
        else:
            images = mixed_and_normalised(plain, batches.feed, nodes, dtype, layout)
        images = spec.transform.after_mix(images, seeds, nodes, layout)
        clean = [_normalised(plain, window, spec, dtype, layout)] if spec.clean else []
        pipe.set_outputs(images, *clean)
    pipe.build()
    return pipe


def batches_run(pipe: Pipeline) -> int | None:
    """The number of batches that a built pipeline believes to have run; None if this version of DALI does not tell."""
    return getattr(pipe, "_consumer_iter", None)


def _unchanging(file: np.ndarray) -> np.ndarray:
    """An array that its owner cannot write to while DALI reads it."""
    return file.copy() if file.flags.writeable else file


def _normalised(
    images: DataNode, window: dict[str, Any], spec: PipelineSpec, dtype: types.DALIDataType, layout: str
) -> DataNode:
    if window or not spec.backend.compiled:
        return fn.crop_mirror_normalize(
            images, **window, mean=list(spec.mean), std=list(spec.std), dtype=dtype, output_layout=layout
        )
    from dali_mixup._cpu.operators import normalised

    return normalised(images, types.Constant(normalising(spec.mean, spec.std), device="cpu"), dtype, layout)
