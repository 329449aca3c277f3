"""Images resized: to a size and flipped, or to a shorter side with the rounding of torchvision and timm."""

from __future__ import annotations

from typing import Any

from nvidia.dali import fn, types
from nvidia.dali.data_node import DataNode

from dali_mixup._graph.decode import INTERPOLATIONS, Backend, whole_image

INT32 = types.DALIDataType.INT32


def resized_and_flipped(
    images: DataNode,
    backend: Backend,
    size: tuple[int, int] | DataNode,
    interpolation: str,
    antialias: bool,
    flipped: DataNode | None,
) -> DataNode:
    """(h, w, 3) uint8 HWC images.

    Args:
        size: (h, w), or a CPU node of (2,) float32 where it changes with the batch.
        flipped: () int32 on the CPU, 1 where a sample is flipped left to right; None: none is.
    """
    # Without a low-pass DALI's bicubic kernel is another one, and "nearest" has nothing to gain.
    if backend.compiled and antialias and interpolation != "nearest":
        from dali_mixup._cpu.operators import resized

        return resized(images, size, interpolation, flipped)
    images = fn.resize(
        images,
        size=size if isinstance(size, DataNode) else list(size),
        interp_type=INTERPOLATIONS[interpolation],
        antialias=antialias,
    )
    return images if flipped is None else fn.flip(images, horizontal=flipped)


def shorter_side(
    encoded: DataNode, backend: Backend, shorter: int, resize: dict[str, Any]
) -> tuple[DataNode, DataNode]:
    """(images, shape): images (H, W, 3) uint8 HWC whose shorter side is `shorter` pixels, and their (H, W) int32 on the
    CPU.

    torchvision cuts the longer side's fraction off, int(shorter * longer / shorter before), where DALI's
    resize_shorter would round it: a pixel more for half of all photographs, and other pixels everywhere.
    """
    before = fn.slice(
        fn.peek_image_shape(encoded, adjust_orientation=False, dtype=INT32), start=[0], shape=[2], axes=[0]
    )
    shape = before * shorter // fn.reductions.min(before)
    images = fn.resize(
        whole_image(encoded, backend), size=fn.cast(shape, dtype=types.DALIDataType.FLOAT), **resize
    )
    return images, shape
