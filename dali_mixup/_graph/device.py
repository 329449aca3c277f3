"""The device of a pipeline: a GPU that both DALI and torch can use, or DALI's CPU backend."""

from __future__ import annotations

import functools
import logging
import os
import re
from pathlib import Path

import torch

NVIDIA, DISPLAY = "0x10de", "0x03"  # PCI vendor, and the class of display and 3D controllers
HIDDEN = ("", "-1", "NoDevFiles")  # values of CUDA_VISIBLE_DEVICES with which no GPU is used

log = logging.getLogger("dali_mixup")


def chosen_device(device: str | int | torch.device, local_rank: int | None) -> torch.device:
    """The device of a pipeline.

    "auto" is the GPU with the local rank's number if torch and DALI both see one, else the CPU; one log line per
    process gives the choice and the reason, as a warning if the machine has an NVIDIA GPU that is not hidden. "cuda"
    without an index is also the local rank's GPU. If the local rank is unknown (None), torch's current device is used:
    launchers that set no LOCAL_RANK set that one.

    Raises:
        ValueError: not "auto", "cpu", "cuda", either with a number, an index or a torch.device of those kinds; or a GPU
            that does not exist.
    """
    if isinstance(device, str) and device == "auto":
        reason = _no_gpu_because()
        chosen = torch.device("cpu") if reason else torch.device("cuda", _own(local_rank))
        line, level = f"device='auto' chose {chosen}" + (f": {reason}" if reason else ""), logging.INFO
        if reason and has_card() and os.environ.get("CUDA_VISIBLE_DEVICES") not in HIDDEN:
            line += ", although this machine has an NVIDIA GPU; pass device='cpu' if this is intended"
            level = logging.WARNING
        _say_once(line, level)
        return _existing(chosen)
    if isinstance(device, int) and not isinstance(device, bool):
        device = f"cuda:{device}"
    if not isinstance(device, (str, torch.device)) or not re.fullmatch(r"(cpu|cuda)(:\d+)?", str(device)):
        raise ValueError(f"device={device!r}, expected 'auto', 'cpu', 'cuda', 'cuda:N' or a GPU's index")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:  # an index of more than 8 bits
        raise ValueError(f"device={device!r}, expected a GPU's index that torch knows: {error}") from None
    if chosen.type == "cpu":  # frameworks number the processes: cpu:0
        return torch.device("cpu")
    if chosen.type == "cuda":
        reason = _no_gpu_because()
        if reason:
            raise ValueError(
                f"device={str(device)!r} was asked for, but {reason}; use device='cpu' or 'auto'"
            )
        chosen = torch.device("cuda", _own(local_rank) if chosen.index is None else chosen.index)
    return _existing(chosen)


def _own(local_rank: int | None) -> int:
    return torch.cuda.current_device() if local_rank is None else local_rank


def _existing(device: torch.device) -> torch.device:
    if device.type == "cuda" and device.index >= torch.cuda.device_count():
        raise ValueError(
            f"{device} was asked for (LOCAL_RANK picks the GPU), but this process sees {torch.cuda.device_count()}; "
            "start one process per GPU, or pass device="
        )
    return device


def _no_gpu_because() -> str | None:
    if torch.version.cuda is None:
        return f"torch {torch.__version__} is built without CUDA"
    if not torch.cuda.is_available():
        return "torch sees no usable GPU"
    try:
        from nvidia.dali import backend

        if backend.GetCudaVersion() <= 0:
            return "DALI sees no CUDA runtime"
    except (ImportError, AttributeError, RuntimeError) as error:
        return f"DALI cannot use the GPU ({error})"
    return None


def has_card(root: Path = Path("/")) -> bool:
    """True if the machine has an NVIDIA GPU, with or without a driver: its device files, or a display controller of
    that vendor on the PCI bus."""
    if any((root / "dev").glob("nvidia[0-9]*")):
        return True
    for device in (root / "sys/bus/pci/devices").glob("*"):
        try:
            vendor, kind = ((device / name).read_text().strip() for name in ("vendor", "class"))
        except OSError:
            continue
        if vendor == NVIDIA and kind.startswith(DISPLAY):
            return True
    return False


@functools.cache
def _say_once(line: str, level: int) -> None:
    log.log(level, line)
