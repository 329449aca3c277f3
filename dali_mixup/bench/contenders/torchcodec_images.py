"""TorchCodec, which decodes JPEGs to uint8 tensors as torchvision.io did."""

from __future__ import annotations

import torch

from dali_mixup._repr import printable


def read_tensor(source: str | bytes) -> torch.Tensor:
    """The (3, H, W) uint8 RGB pixels of a JPEG, given as a path or as its bytes."""
    from torchcodec.decoders import decode_jpeg

    return decode_jpeg(source)


def missing_torchcodec() -> str:
    """The reason in one line why images cannot be decoded here, or ""."""
    try:
        from torchcodec.decoders import decode_jpeg  # noqa: F401
    # Its libraries are loaded at the import: versions before 0.16 need FFmpeg's and have no images, and each version
    # goes with a few of torch's.
    except (ImportError, OSError, RuntimeError) as error:
        reason = printable(str(error).strip().splitlines()[0]) if str(error).strip() else type(error).__name__
        return f"TorchCodec cannot decode images here, expected 0.16 or newer, made for this torch: {reason}"
    return ""
