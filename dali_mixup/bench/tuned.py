"""The settings that `dali-mixup tune` searches: the `Runtime` of a loader, which affects only its speed."""

from __future__ import annotations

from dataclasses import fields
from itertools import product
from typing import Any

import yaml

from dali_mixup._graph.options import MOST_THREADS, Runtime
from dali_mixup._loader.settings import usual_threads


def candidates(cores: int, device: str, window_decoding: bool) -> list[Runtime]:
    """The settings to try: half the cores to twice as many threads (some of which wait for files), 1 to 4 batches
    ahead; on a GPU also the hardware decoder's share, and, if it works, decoding only the crop's window.

    The first one is the loader's default.
    """
    usual = usual_threads(cores)
    threads = sorted({max(1, cores // 2), usual, min(2 * cores, MOST_THREADS)}, key=lambda n: (n != usual, n))
    ahead = (2, 1, 4)
    if device == "cpu":
        return [Runtime(num_threads=n, prefetch=depth) for n, depth in product(threads, ahead)]
    loads = (None, 0.0, 0.15, 0.3, 0.45, 0.8, 1.0)
    windows = (True, False) if window_decoding else (False,)
    return [
        Runtime(num_threads=n, prefetch=depth, roi_decoding=roi, hw_decoder_load=load)
        for n, depth, roi, load in product(threads, ahead[:2], windows, loads)
    ]


def chosen(runtime: Runtime) -> dict[str, Any]:
    """The fields that differ from the defaults."""
    default = Runtime()
    return {
        field.name: getattr(runtime, field.name)
        for field in fields(Runtime)
        if getattr(runtime, field.name) != getattr(default, field.name)
    }


def as_yaml(runtime: Runtime, comments: list[str]) -> str:
    """A YAML file of keyword arguments: `Runtime(**yaml.safe_load(text))`."""
    lines = "".join(f"# {line}\n" for line in comments)
    return lines + yaml.safe_dump({"num_threads": runtime.num_threads, **chosen(runtime)}, sort_keys=False)
