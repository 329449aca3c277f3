"""Reading and decoding, on the CPU or on the GPU's JPEG units, and the names of DALI's interpolations."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from nvidia.dali import fn, math, types
from nvidia.dali.data_node import DataNode

from dali_mixup._graph.pixel_kind import USUAL, PixelKind

_ENCODED = "encoded"
"""The name of the operator that gives the encoded images."""

# The names are those of `dali_mixup.augment.interpolation`.
INTERPOLATIONS = {
    "nearest": types.DALIInterpType.INTERP_NN,
    "bilinear": types.DALIInterpType.INTERP_LINEAR,
    "bicubic": types.DALIInterpType.INTERP_CUBIC,
    "lanczos": types.DALIInterpType.INTERP_LANCZOS3,
}

_OUTPUT_TYPES = {1: types.GRAY, 3: types.RGB}


@dataclass(frozen=True)
class Backend:
    """The place of decoding and processing, and the decoder settings for it.

    Attributes:
        gpu: decode with device="mixed" and process on the GPU.
        roi: decode only the window that a random crop keeps. False decodes whole images and crops after it: for
            GPUs on which nvImageCodec's window decoding crashes.
        hw_decoder_load: share in [0, 1] of the images given to the hardware JPEG decoder, GPU only.
        memory_padding: bytes preallocated for decoding per thread, on device and host each (0: grow on demand), GPU
            only.
        compiled: resize and normalise with the compiled kernels of `dali_mixup._cpu`, CPU only.
        kind: the pixels to decode.
    """

    gpu: bool
    roi: bool = True
    hw_decoder_load: float = 0.65
    memory_padding: int = 0
    compiled: bool = False
    kind: PixelKind = USUAL

    @property
    def decoder_arguments(self) -> dict[str, Any]:
        """Arguments of every decoder. EXIF rotation is not applied, as in torchvision; chroma is upsampled as in
        libjpeg-turbo and Pillow: the CPU decoder does so in any case, bit by bit and at no cost (70.1 against 69.9 ms
        for 64 photographs), the GPU's needs to be told."""
        common: dict[str, Any] = {"adjust_orientation": False, "jpeg_fancy_upsampling": True}
        if not self.kind.usual:
            common["output_type"] = _OUTPUT_TYPES.get(self.kind.channels, types.ANY_DATA)
            common["dtype"] = types.DALIDataType.UINT8 if self.kind.bits == 8 else types.DALIDataType.UINT16
        if not self.gpu:
            return common | {"device": "cpu"}
        return common | {
            "device": "mixed",
            "hw_decoder_load": self.hw_decoder_load,
            "device_memory_padding": self.memory_padding,
            "host_memory_padding": self.memory_padding,
        }


def file_content(path: DataNode) -> DataNode:
    """(bytes,) uint8 of the files at the paths.

    They are read and not mapped: the process dies if another one truncates a mapped file (SIGBUS). Reading costs
    no more: 95.9 against 101.1 ms of CPU time for a batch of 64 photographs of 40 kB, from the page cache.
    """
    return fn.io.file.read(path, dont_use_mmap=True, name=_ENCODED)


def given_content(encoded: DataNode) -> DataNode:
    """(bytes,) uint8 of images that are given encoded, unchanged.

    A checkpoint names the operators, so this one takes the place of `file_content`: a state that was saved with files
    continues with the same images in shards or in an object store.
    """
    return fn.reshape(encoded, src_dims=[0], name=_ENCODED)


def whole_image(encoded: DataNode, backend: Backend) -> DataNode:
    """(H, W, C) uint8 or uint16, HWC."""
    return fn.decoders.image(encoded, **backend.decoder_arguments)


@dataclass(frozen=True)
class Stored:
    """The images of a batch as they are stored, from which windows are cut.

    Attributes:
        backend: the decoder's settings.
        shape: (2,) int64 on the CPU, height and width.
        encoded: (bytes,) uint8; None if the images are decoded.
        decoded: (H, W, C) HWC, as `whole_image`; None: each window is decoded by itself.
        extents: (3,) int64 on the CPU, `shape` and the number of channels of the whole batch's images: to take a part
            of it costs an operator.
    """

    backend: Backend
    shape: DataNode
    encoded: DataNode | None = None
    decoded: DataNode | None = None
    extents: DataNode | None = None

    @classmethod
    def of(cls, encoded: DataNode, backend: Backend, decoded: bool) -> Stored:
        """The images of encoded files.

        Args:
            decoded: decode them whole, once; else when a window is cut.
        """
        extents = fn.peek_image_shape(encoded, adjust_orientation=False, dtype=types.DALIDataType.INT64)
        size = fn.slice(extents, start=[0], shape=[2], axes=[0])
        if decoded:
            return cls(backend, size, decoded=whole_image(_parsed(encoded, size), backend), extents=extents)
        return cls(backend, size, encoded, extents=extents)

    @property
    def nodes(self) -> dict[str, DataNode]:
        """The nodes that it has, by the names of its attributes."""
        named = {"shape": self.shape, "encoded": self.encoded, "decoded": self.decoded}
        return {name: node for name, node in named.items() if node is not None}

    def whole(self) -> DataNode:
        """(H, W, C) HWC, as `whole_image`."""
        if self.decoded is not None:
            return self.decoded
        assert self.encoded is not None
        return whole_image(_parsed(self.encoded, self.shape), self.backend)

    def window(self, start: DataNode, shape: DataNode) -> DataNode:
        """(h, w, C) HWC, as `whole_image`, a window inside the image.

        Args:
            start, shape: (y, x), on the CPU; made from this object's `shape`, because `_parsed` is left out.
        """
        if self.decoded is None and self.backend.roi:
            arguments = self.backend.decoder_arguments
            return fn.decoders.image_slice(
                self.encoded, start=start, shape=shape, axis_names="HW", **arguments
            )
        return fn.slice(self.whole(), start=start, shape=shape, axis_names="HW")


def _parsed(encoded: DataNode, size: DataNode) -> DataNode:
    """The files, unchanged, once the headers of all were parsed for `size`.

    If one does not parse, `peek_image_shape` ends in an error, and a decoder kills the process
    (docs/upstream/bad-file-crash.md). Every file was checked before, so this is for those that have changed since.
    """
    one = math.clamp(fn.slice(size, start=[0], shape=[1], axes=[0]), 1.0, 1.0)
    return fn.reshape(encoded, rel_shape=one)


def middle(encoded: DataNode, backend: Backend) -> DataNode:
    """The middle quarter of the image, (H / 2, W / 2, C) as of `whole_image`. Windows are decoded by other code than
    whole images, and some damage shows only there."""
    return fn.decoders.image_slice(
        encoded, rel_start=[0.25, 0.25], rel_shape=[0.5, 0.5], **backend.decoder_arguments
    )


def mixable(images: DataNode, kind: PixelKind) -> DataNode:
    """The images in a type that every operator after the geometry takes: uint8, or float32 with the same values."""
    return images if kind.bits == 8 else fn.cast(images, dtype=types.DALIDataType.FLOAT)


def words(message: str) -> str:
    """The part of DALI's message that describes the problem, without the graph around it."""
    match = re.search(r"encountered:\s*(.*?)\s*(?:C\+\+ context|Current pipeline|$)", message, re.DOTALL)
    text = " ".join((match.group(1) if match else message).split())
    return "DALI: " + re.sub(
        r" sample #\d+ ?:?$", "", text
    )  # its position in a batch, which is of no use to a reader
