"""The share of images for the GPU's hardware JPEG decoder, if the user has not set it."""

from __future__ import annotations

import functools
import logging

log = logging.getLogger("dali_mixup")

USUAL = 0.65  # DALI's own default
# On H100, nvJPEG's batched hardware decoding was seen to write its output before the caller's stream got there, over
# images of an earlier batch that were still being read (meta-pytorch/torchcodec pull request 1634, pytorch/vision pull
# request 9606; not on A100). DALI's decoder uses the same unit, and it has not been shown to be free of this.
RACING = (9, 0)


def hw_decoder_load(given: float | None, gpu: int | None) -> float:
    """Share in [0, 1] of the images given to the hardware decoder: `given`, or none on GPUs of compute capability 9.0
    and 0.65 on others.
    """
    if given is not None:
        return given
    if gpu is None:
        return 0.0
    import torch

    if torch.cuda.get_device_capability(gpu) != RACING:
        return USUAL
    _say_once(
        f"hw_decoder_load=0 was chosen for GPU {gpu} (compute capability 9.0): its hardware JPEG decoder may overwrite "
        f"images that are still being read. hw_decoder_load={USUAL} uses it anyway"
    )
    return 0.0


@functools.cache
def _say_once(line: str) -> None:
    log.info(line)
