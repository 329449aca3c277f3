"""Images resized to a shorter side, with the rounding of torchvision and timm."""

from __future__ import annotations

from typing import Any

from nvidia.dali import fn, types
from nvidia.dali.data_node import DataNode

from .decode import Backend, whole_image

INT32 = types.DALIDataType.INT32


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
