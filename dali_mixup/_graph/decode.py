"""Decoding, on the CPU or on the GPU's JPEG units, and the names of DALI's interpolations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from nvidia.dali import fn, types
from nvidia.dali.data_node import DataNode

Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]
INTERPOLATIONS = {
    "nearest": types.DALIInterpType.INTERP_NN,
    "bilinear": types.DALIInterpType.INTERP_LINEAR,
    "bicubic": types.DALIInterpType.INTERP_CUBIC,
    "lanczos": types.DALIInterpType.INTERP_LANCZOS3,
}


@dataclass(frozen=True)
class Backend:
    """Where images are decoded and processed, and the decoder settings that matter there.

    Attributes:
        gpu: decode with device="mixed" and process on the GPU.
        roi: decode only the window that a random crop keeps. False decodes whole images and crops after it: for
            GPUs on which nvImageCodec's window decoding crashes.
        hw_decoder_load: share in [0, 1] of the images given to the hardware JPEG decoder, GPU only.
        memory_padding: bytes preallocated for decoding, a thread, on device and host each (0: grow on demand), GPU
            only.
        compiled: resize and normalise with the compiled kernels of `dali_mixup._cpu`, CPU only.
    """

    gpu: bool
    roi: bool = True
    hw_decoder_load: float = 0.65
    memory_padding: int = 0
    compiled: bool = False

    @property
    def decoder_arguments(self) -> dict[str, Any]:
        """Arguments every decoder here gets. EXIF rotation is not applied, as in torchvision; chroma is upsampled the
        way libjpeg-turbo and Pillow do it: the CPU decoder does so in any case, bit by bit and at no cost (70.1 against
        69.9 ms for 64 photographs), the GPU's has to be told."""
        common: dict[str, Any] = {"adjust_orientation": False, "jpeg_fancy_upsampling": True}
        if not self.gpu:
            return common | {"device": "cpu"}
        return common | {
            "device": "mixed",
            "hw_decoder_load": self.hw_decoder_load,
            "device_memory_padding": self.memory_padding,
            "host_memory_padding": self.memory_padding,
        }


def whole_image(encoded: DataNode, backend: Backend) -> DataNode:
    """(H, W, 3) uint8 RGB, HWC."""
    return fn.decoders.image(encoded, **backend.decoder_arguments)
