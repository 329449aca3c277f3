"""The kernels of `operations.py` as DALI operators; each image gets its own.

Images are split between the kernels (see `_graph.conditional`), so an unused kernel costs nothing, and
unlike `nvidia.dali.auto_aug` none of this needs `enable_conditionals`. All kernels take and return uint8 HWC images of
three channels, some also others (see `by_pixels`), on the CPU or the GPU; their parameters stay on the CPU.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nvidia.dali import fn, types
from nvidia.dali.data_node import DataNode

from dali_mixup._graph.conditional import collect, deal
from dali_mixup.augment.operations import LUMA, PARAMETER, TRUNCATE, Kernel

UINT8 = types.DALIDataType.UINT8
FLOAT = types.DALIDataType.FLOAT
INT16 = types.DALIDataType.INT16
INT32 = types.DALIDataType.INT32


@dataclass(frozen=True)
class Canvas:
    """What the operators need to know of the images beside the parameters of each.

    Attributes:
        size: (height, width) of the images; None if it changes with the batch: then `nodes["size"]`, (2,) float32.
        fill: (3,) colour 0..255 of pixels that come from outside the image, or () for 0 in any number of channels.
        interpolation: NN or LINEAR, the only ones that DALI's warp offers.
        channels: of the images.
        compiled: the compiled kernels of the CPU do what they can, see `compiled_graph`.
    """

    size: tuple[int, int] | None
    fill: tuple[int, ...]
    interpolation: types.DALIInterpType
    channels: int = 3
    compiled: bool = False


def apply(
    images: DataNode, kernels: frozenset[Kernel], nodes: Mapping[str, DataNode], canvas: Canvas
) -> DataNode:
    """Each image after the kernel that its row of `nodes["kernel"]` names. `nodes` has the arrays of `Actions`
    that the kernels read."""
    return _select(sorted(kernels | {Kernel.NONE}), {**nodes, "images": images}, canvas)


def _select(kernels: Sequence[Kernel], nodes: Mapping[str, DataNode], canvas: Canvas) -> DataNode:
    """A binary tree of splits: an image passes through about log2(len(kernels)) of them."""
    if len(kernels) == 1:
        return _run(kernels[0], nodes, canvas)
    # Images left alone are split off first: they are the most frequent, half of all images in timm's RandAugment.
    middle = 1 if kernels[0] == Kernel.NONE else len(kernels) // 2
    predicate = nodes["kernel"] < int(kernels[middle])
    halves = (kernels[:middle], kernels[middle:])
    here, there = deal(nodes, predicate, *(_wanted(half, canvas) for half in halves))
    return collect(_select(halves[0], here, canvas), _select(halves[1], there, canvas), predicate)


def _wanted(kernels: Sequence[Kernel], canvas: Canvas) -> set[str]:
    """Names of the nodes that these kernels read."""
    names = {PARAMETER[kernel] for kernel in kernels if kernel in PARAMETER} | {"images"}
    if Kernel.AFFINE in kernels and canvas.size is None:
        names.add("size")
    return names | ({"kernel"} if len(kernels) > 1 else set())


def _run(kernel: Kernel, nodes: Mapping[str, DataNode], canvas: Canvas) -> DataNode:
    images = nodes["images"]
    amount = nodes.get("amount")
    if kernel == Kernel.NONE:
        return images
    if kernel == Kernel.AFFINE:
        return _affine(images, nodes, canvas)
    if kernel == Kernel.COLOUR:
        return fn.coord_transform(images, MT=nodes["colour"], dtype=UINT8)
    if kernel == Kernel.BRIGHTNESS:
        return fn.brightness_contrast(images, brightness=amount, brightness_shift=-TRUNCATE / 255)
    if kernel == Kernel.CONTRAST:
        return _contrast(images, amount, canvas.channels)
    if kernel == Kernel.SHARPNESS:
        return _sharpness(images, amount)
    if kernel == Kernel.POSTERIZE:
        return images & fn.cast(amount, dtype=UINT8)
    if kernel == Kernel.SOLARIZE:
        inverted = images >= fn.cast(amount, dtype=INT16)  # a threshold of 256 inverts nothing
        return images ^ (inverted * types.Constant(255, dtype=UINT8))  # 255 - x is x with every bit inverted
    if kernel == Kernel.SOLARIZE_ADD:
        dark = images < types.Constant(128, dtype=UINT8)
        return fn.cast(images + dark * fn.cast(amount, dtype=INT16), dtype=UINT8)  # cut off
    if kernel == Kernel.AUTOCONTRAST:
        return _autocontrast(images)
    if kernel == Kernel.EQUALIZE:
        return fn.equalize(images)
    if kernel == Kernel.JPEG:
        return fn.jpeg_compression_distortion(images, quality=fn.cast(amount, dtype=INT32))
    # A window of 2 ceil(3 sigma) + 1 pixels; beyond the border the image is mirrored about its last pixel.
    return fn.gaussian_blur(images, sigma=amount)


def _affine(images: DataNode, nodes: Mapping[str, DataNode], canvas: Canvas) -> DataNode:
    """DALI's warp fills the outside with one number, or repeats the border. So a border of the right colour is put
    around the image first, and repeated."""
    size: Any = list(canvas.size) if canvas.size else nodes["size"]
    framed = fn.slice(
        images,
        start=[-1, -1],
        shape=[extent + 2 for extent in size] if canvas.size else fn.cast(size + 2.0, dtype=INT32),
        axis_names="HW",
        out_of_bounds_policy="pad",
        fill_values=list(canvas.fill or (0,)),
    )
    return fn.warp_affine(
        framed,
        matrix=fn.transforms.translation(
            nodes["affine"], offset=[1, 1]
        ),  # the image begins one pixel further in
        size=size,
        interp_type=canvas.interpolation,
        inverse_map=True,
    )


def _contrast(images: DataNode, factor: DataNode, channels: int) -> DataNode:
    """factor * x + (1 - factor) * mean luma: Pillow's ImageEnhance.Contrast, except that the mean is not rounded."""
    mean = fn.reductions.mean(images, axis_names="HW", keep_dims=True)
    if channels != 1:
        mean = fn.coord_transform(mean, M=LUMA.tolist())
    return fn.cast(images * factor + (mean * (1.0 - factor) - TRUNCATE), dtype=UINT8)


def _sharpness(images: DataNode, factor: DataNode) -> DataNode:
    """factor * x + (1 - factor) * blurred: Pillow's ImageEnhance.Sharpness, except for the outermost pixels, which
    Pillow leaves unblurred, and for rounding to the nearest."""
    # Pillow's ImageFilter.SMOOTH is (1 1 1, 1 5 1, 1 1 1) / 13.
    around = (1.0 - factor) / 13.0
    centre = factor + around * 5.0
    kernel = fn.reshape(fn.stack(*[around] * 4, centre, *[around] * 4), shape=[3, 3])
    return fn.filter(images, kernel.gpu() if images.device == "gpu" else kernel, border="clamp")


def _autocontrast(images: DataNode) -> DataNode:
    """Each channel stretched to 0..255; a channel of one value stays as it is."""
    low = fn.reductions.min(images, axis_names="HW", keep_dims=True)
    high = fn.reductions.max(images, axis_names="HW", keep_dims=True)
    flat = low == high
    span = (high - low) * (flat ^ True) + flat * types.Constant(255, dtype=UINT8)
    return fn.cast(
        (images - low * (flat ^ True)) * (255.0 / fn.cast(span, dtype=FLOAT)) - TRUNCATE, dtype=UINT8
    )
