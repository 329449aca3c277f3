"""The two groups of options that all loaders share: the form of a batch's images, and the settings of the pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from dali_mixup._checks import MOST_PIXELS, boolean, choice, integer, number
from dali_mixup._graph.feed import channels
from dali_mixup._graph.pixel_kind import PixelKind
from dali_mixup._graph.pixel_scale import IMAGENET_MEAN, IMAGENET_STD, misfit

MAX_PIXELS = MOST_PIXELS

MOST_THREADS = 1024  # if a process may have fewer, DALI ends it without a message
MOST_AHEAD = 1000  # batches; each is held in memory
MOST_READ_AHEAD = 10_000  # batches, of which only the images to come are noted

Dtype = Literal["float32", "float16", "bfloat16", "uint8"]


@dataclass(frozen=True)
class Output:
    """The form of the images that the model receives.

    Args:
        mean, std: (channels,) or one number for all, on the pixels' own scale, which is 0..255 for uint8 images, and
            0..65535 with bits=16; out = (mixed - mean) / std. std > 0. `fn.mix` takes them for whatever images it is
            given; the loaders refuse those that cannot be of their pixels.
        dtype: "float32", "float16", "bfloat16" (the loaders only) or "uint8" (`fn.mix` only, which rounds), or the
            torch.dtype of that name.
        channels_last: the loaders: torch's channels_last memory format of the same (N, C, H, W), without a copy;
            `fn.mix`: (H, W, C) instead of (C, H, W).
        channels: the loaders only, 1 to 32. 3: RGB, and 1: grey, to which images are converted; others: those that are
            stored, so every image must have exactly as many. Other than 3 needs a mean and std of its own.
        bits: the loaders only, of a pixel's sample: 8, to which images of 16 are scaled (257 to 1), or 16, which every
            image must then have. Needs a mean and std of its own.

    Raises:
        TypeError, ValueError: values outside the above.
    """

    mean: Sequence[float] | float = IMAGENET_MEAN
    std: Sequence[float] | float = IMAGENET_STD
    dtype: Dtype = "float32"
    channels_last: bool = False
    channels: int = 3
    bits: Literal[8, 16] = 8

    def __post_init__(self) -> None:
        kind = PixelKind.checked("Output", self.channels, self.bits)
        object.__setattr__(self, "channels", kind.channels)
        object.__setattr__(self, "bits", kind.bits)
        mean, std = channels("Output", self.mean, self.std)
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "std", std)
        object.__setattr__(self, "dtype", dtype_name("Output", self.dtype))
        object.__setattr__(self, "channels_last", boolean("Output", "channels_last", self.channels_last))
        if not kind.usual:
            self.of_pixels("Output")

    @property
    def kind(self) -> PixelKind:
        """The pixels before they are normalised."""
        return PixelKind(self.channels, self.bits)

    def of_pixels(self, owner: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """(mean, std) for decoded images, each one number per channel; ValueError for others, or for another scale."""
        mean, std = channels(owner, self.mean, self.std)
        count = self.channels
        given = (
            f"{owner}: {'' if owner == 'Output' else 'output has '}mean={self.mean!r} and std={self.std!r}"
        )
        if len(mean) not in (1, count):
            raise ValueError(
                f"{given} for {self.kind}; expected one number each"
                + ("" if count == 1 else f" for all channels, or {count}, one per channel")
            )
        if reason := misfit(mean, std, self.bits):
            raise ValueError(f"{given}, {reason}")
        return (mean * count, std * count) if len(mean) == 1 else (mean, std)


@dataclass(frozen=True)
class Runtime:
    """Threads, prefetching and decoder settings. Nothing here changes the samples, crops or mixes of a batch.

    `dali-mixup tune` measures these on your machine and prints the object to use.

    Args:
        num_threads: DALI's worker threads, 1 to 1024; None: one more than this process's share of the
            usable cores.
        prefetch: batches prepared ahead, 1 to 1000.
        read_ahead: batches whose images are read before they are due, 0 to 10,000. Files are read into the page
            cache: for high-latency storage such as a network file system or cold disks; costs a little CPU time if they
            are cached already. Objects (s3:// and other URLs) are read into memory, at most 512 MB ahead. None: 0 for
            files, for objects as many as keep 128 requests under way.
        roi_decoding: GPU only: decode just the window of the crop; "auto": if a self-test in a subprocess passes.
        hw_decoder_load: GPU only: share in [0, 1] of the images decoded by the hardware JPEG units; None: DALI's own
            0.65, but 0 on compute capability 9.0 (H100, H200), whose units may overwrite images; see docs/gpu.md.
        memory_padding: GPU only: bytes preallocated for decoding, >= 0.
        max_pixels: height times width that a stored image may have, >= 1; a larger one is a bad file. Decoding takes a
            byte (or two, with 16 bits) of memory per channel and pixel, for a whole batch at a time.
        cpu_kernels: CPU only: which implementation resizes, blends and normalises: "numba", kernels compiled for the
            purpose; "dali", its own operators; "auto": numba if it is installed.

    Raises:
        TypeError, ValueError: values outside the above.
    """

    num_threads: int | None = None
    prefetch: int = 2
    read_ahead: int | None = None
    roi_decoding: bool | Literal["auto"] = "auto"
    hw_decoder_load: float | None = None
    memory_padding: int = 0
    max_pixels: int = MAX_PIXELS
    cpu_kernels: Literal["auto", "numba", "dali"] = "auto"

    def __post_init__(self) -> None:
        bounds = {
            "prefetch": (1, MOST_AHEAD),
            "memory_padding": (0, None),
            "max_pixels": (1, None),
        }
        for name, (least, most) in bounds.items():
            value = integer("Runtime", name, getattr(self, name), at_least=least, at_most=most)
            object.__setattr__(self, name, value)
        if self.read_ahead is not None:
            ahead = integer("Runtime", "read_ahead", self.read_ahead, at_least=0, at_most=MOST_READ_AHEAD)
            object.__setattr__(self, "read_ahead", ahead)
        if self.num_threads is not None:
            threads = integer("Runtime", "num_threads", self.num_threads, at_least=1, at_most=MOST_THREADS)
            object.__setattr__(self, "num_threads", threads)
        if self.hw_decoder_load is not None:
            load = number("Runtime", "hw_decoder_load", self.hw_decoder_load, at_least=0, at_most=1)
            object.__setattr__(self, "hw_decoder_load", load)
        if isinstance(self.roi_decoding, (bool, np.bool_)):
            object.__setattr__(self, "roi_decoding", bool(self.roi_decoding))
        elif not (isinstance(self.roi_decoding, str) and self.roi_decoding == "auto"):
            raise ValueError(f"Runtime: roi_decoding={self.roi_decoding!r}, expected True, False or 'auto'")
        choice("Runtime", "cpu_kernels", self.cpu_kernels, ("auto", "numba", "dali"))


def dtype_name(owner: str, given: Any) -> str:
    """ "float16" for "float16" and for torch.float16; neither torch nor DALI is imported for this."""
    name = given if isinstance(given, str) else str(given).removeprefix("torch.")
    of_torch = isinstance(given, str) or type(given).__module__ == "torch"
    if not of_torch or name not in get_args(Dtype):
        raise ValueError(
            f"{owner}: dtype={given!r}, expected one of {', '.join(map(repr, get_args(Dtype)))} or torch's dtype of "
            "that name"
        )
    return name
