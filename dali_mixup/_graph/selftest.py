"""A self-test of window decoding on the GPU, in a child process where a crash does no harm.

Some nvImageCodec versions crash on Hopper GPUs when a random crop is decoded as a window (NVIDIA/nvImageCodec
issue 55): on some machines as an error, on others as a segmentation fault, which no exception handler survives. So a
child process decodes 64 JPEGs of all kinds and compares the pixels with the CPU's.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from dali_mixup._files import NotWritten, cache_folder
from dali_mixup._graph.answers import keep, known, one_at_a_time
from dali_mixup._graph.windows import CONTROL
from dali_mixup._repr import printable

log = logging.getLogger("dali_mixup")

TIMEOUT = 120.0  # seconds
CHILD = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from dali_mixup._graph.windows import run
run(sys.argv[2:])
"""
DECODERS = ("nvidia-dali-cuda", "nvidia-nvimgcodec", "nvidia-nvjpeg")
# DALI's own words for a GPU without room are "CUDA allocation failed", "Can't allocate 123 bytes on device 0", and
# "std::bad_alloc".
NOT_THE_DECODER = re.compile(
    r"out of memory|alloc|devices? unavailable|busy|exclusive|no CUDA-capable|ModuleNotFoundError",
    re.I,
)


@dataclass(frozen=True)
class Verdict:
    """The child's result: True or False, or None if it could not tell, and the reason."""

    works: bool | None
    reason: str = ""


@functools.cache
def window_decoding_works(gpu: int, hw_decoder_load: float) -> bool:
    """True if windows may be decoded on this GPU; if not, one warning gives the reason.

    A verdict is kept in a file for this GPU's model, the driver and the decoders' versions, and shared by the ranks of
    a machine. An inconclusive test (the GPU is full, or in exclusive use) counts as False and is not kept.

    Args:
        gpu: index of the GPU as this process numbers them.
        hw_decoder_load: share in [0, 1] of the images that go to the hardware decoder.
    """
    try:
        file = cache_folder() / "window-decoding.json"
    except NotWritten as error:
        log.info("%s; every process tests the decoding of windows itself", error)
        verdict = judged(gpu, hw_decoder_load)
    else:
        verdict = _shared(file, gpu, hw_decoder_load)
    if not verdict.works:
        log.warning(_said(gpu, verdict))
    return bool(verdict.works)


def _shared(file: Path, gpu: int, hw_decoder_load: float) -> Verdict:
    """The verdict kept in the file, or else one found now, by one process, and kept."""
    key = _key(gpu, hw_decoder_load)
    works = known(file, key)
    if works is None:
        with one_at_a_time(file, 2 * TIMEOUT):
            works = known(file, key)  # found by another rank meanwhile
            if works is None:
                verdict = judged(gpu, hw_decoder_load)
                if verdict.works is not None:
                    keep(file, key, verdict.works)
                return verdict
    return Verdict(works, f"found earlier; to test again, delete {printable(str(file))}")


def judged(gpu: int, hw_decoder_load: float) -> Verdict:
    """Run the test. The child gets this process's import path, even if the script has changed it."""
    path = [entry or os.getcwd() for entry in sys.path]
    command = [sys.executable, "-c", CHILD, json.dumps(path), str(gpu), str(hw_decoder_load)]
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
    )
    try:
        out, err = child.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        child.kill()
        with contextlib.suppress(
            subprocess.TimeoutExpired
        ):  # a process that hangs in the driver may not even die
            child.communicate(timeout=5)
        return Verdict(False, f"no answer within {TIMEOUT:g} s")
    message = err.strip()
    reason = f"exit {child.returncode}: {message if len(message) <= 300 else '...' + message[-300:]}"
    if child.returncode == 0:
        return Verdict(True)
    if CONTROL not in out or NOT_THE_DECODER.search(err):
        return Verdict(None, reason)
    return Verdict(False, reason)


def _said(gpu: int, verdict: Verdict) -> str:
    advice = "whole images are decoded instead, which costs more. roi_decoding=True or False skips this test"
    if verdict.works is None:
        return (
            f"cannot tell whether GPU {gpu} decodes windows of JPEGs correctly ({verdict.reason}); {advice}"
        )
    return f"decoding windows of JPEGs on GPU {gpu} fails ({verdict.reason}); {advice}"


def _key(gpu: int, hw_decoder_load: float) -> str:
    """Everything on which an answer depends, as text."""
    import torch

    properties = torch.cuda.get_device_properties(gpu) if torch.cuda.is_available() else None
    model = "no GPU" if properties is None else f"{properties.name} {properties.major}.{properties.minor}"
    versions = sorted(
        f"{name} {distribution.version}"
        for distribution in metadata.distributions()
        if (name := (distribution.metadata["Name"] or "").lower()).startswith(DECODERS)
    )
    unit = "with" if hw_decoder_load else "without"
    return "; ".join([model, _driver(), *versions, f"{unit} the hardware decoder"])


def _driver() -> str:
    try:
        first = Path("/proc/driver/nvidia/version").read_text(encoding="utf-8").partition("\n")[0]
    except OSError:
        return "driver unknown"
    version = re.search(r"\d+\.\d+(\.\d+)?", first)
    return f"driver {version[0]}" if version else "driver unknown"
