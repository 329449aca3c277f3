"""Source -> decode -> augment -> mix -> normalise, as one DALI pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from nvidia.dali import Pipeline, fn, types
from nvidia.dali.data_node import DataNode

from dali_mixup._graph.feed import normalising
from dali_mixup._graph.pixels import mixed_and_normalised
from dali_mixup._loader.batches import BatchSource
from dali_mixup.augment import Backend, TrainTransform, ValTransform
from dali_mixup.augment.draws import Draws

DTYPES = {
    torch.float32: types.DALIDataType.FLOAT,
    torch.float16: types.DALIDataType.FLOAT16,
    # DALI has no bfloat16 output: the pipeline ends in float32 and the loader rounds once, on the device.
    torch.bfloat16: types.DALIDataType.FLOAT,
}


@dataclass(frozen=True)
class PipelineSpec:
    """Everything a pipeline is built from, apart from the batches.

    Attributes:
        transform: what happens to each image before mixing.
        backend: where, and with which decoder settings.
        mean, std: (3,) of the normalisation, in units of uint8 pixels.
        dtype: of the images handed to the model.
        channels_last: end in HWC order in memory, which is (N, 3, H, W) in torch's channels_last format without a copy.
        device_id: GPU index, None for DALI's CPU backend.
        num_threads: DALI's worker threads, >= 1.
        prefetch: batches prepared ahead, >= 1.
        batch_size: the most rows of a batch.
        clean: also put out the images before mixing.
    """

    transform: TrainTransform | ValTransform
    backend: Backend
    mean: tuple[float, ...]
    std: tuple[float, ...]
    dtype: torch.dtype
    channels_last: bool
    device_id: int | None
    num_threads: int
    prefetch: int
    batch_size: int
    clean: bool = False

    @property
    def draws(self) -> Draws | None:
        """What the transform decides for each batch outside the graph."""
        return self.transform.draws if isinstance(self.transform, TrainTransform) else None


def build(
    spec: PipelineSpec, batches: BatchSource, seeds: Iterator[int], checkpoint: bytes | None
) -> Pipeline:
    """The pipeline, built; its outputs are the images and, with `spec.clean`, those before mixing. Restored from
    `checkpoint` where one is given.

    Passes over the pixels: decode writes the window in uint8, resize writes uint8 (P), flip P, then mixing and
    normalising as counted in `fn.mix`. With the compiled kernels resize and flip are one pass, blending and normalising
    another. Nothing is rounded between mixing and normalising.
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
    with pipe:
        names = batches.names
        fed = fn.external_source(source=batches, num_outputs=1 + len(names), batch=True, batch_info=True)
        nodes = dict(zip(names, fed[1:], strict=True))
        encoded = fn.io.file.read(fed[0]) if batches.source.read_in_dali else fed[0]
        layout = "HWC" if spec.channels_last else "CHW"
        dtype = DTYPES[spec.dtype]
        if isinstance(spec.transform, ValTransform):
            whole, window = spec.transform.graph(encoded, spec.backend)
            images = fn.crop_mirror_normalize(
                whole,
                **window,
                mean=list(spec.mean),
                std=list(spec.std),
                dtype=dtype,
                output_layout=layout,
            )
        else:
            augmented = spec.transform.graph(encoded, spec.backend, seeds, nodes, spec.mean, spec.std)
            if spec.transform.noise_after_mix:
                dtype = types.DALIDataType.FLOAT  # DALI adds no float16 noise; the loader rounds
            if batches.feed is not None:
                images = mixed_and_normalised(augmented, batches.feed, nodes, dtype, layout)
            else:
                images = _normalised(augmented, spec, dtype, layout)
            images = spec.transform.after_mix(images, seeds, nodes, layout)
        pipe.set_outputs(*([images, _normalised(augmented, spec, dtype, layout)] if spec.clean else [images]))
    pipe.build()
    return pipe


def _normalised(images: DataNode, spec: PipelineSpec, dtype: types.DALIDataType, layout: str) -> DataNode:
    if not spec.backend.compiled:
        return fn.crop_mirror_normalize(
            images, mean=list(spec.mean), std=list(spec.std), dtype=dtype, output_layout=layout
        )
    from dali_mixup._cpu.operators import normalised

    return normalised([images], types.Constant(normalising(spec.mean, spec.std), device="cpu"), dtype, layout)
