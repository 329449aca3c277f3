"""Where the pipeline runs: a GPU that both DALI and torch can use, or DALI's CPU backend."""

from __future__ import annotations

import functools
import logging
import re

import torch

log = logging.getLogger("dali_mixup")


def resolve(device: str | int | torch.device, local_rank: int | None) -> torch.device:
    """The device of a pipeline.

    "auto" is the GPU with the local rank's number where torch and DALI both see one, else the CPU; one log line a
    process says which and why. "cuda" without an index is the local rank's too. Where nobody has said what the local
    rank is (None), torch's current device is taken: launchers that set no LOCAL_RANK set that one.

    Raises:
        ValueError: not "auto", "cpu", "cuda", "cuda:N", an index or a torch.device of those kinds; or a GPU asked for
            that is not there.
    """
    if isinstance(device, str) and device == "auto":
        reason = _no_gpu_because()
        chosen = torch.device("cpu") if reason else torch.device("cuda", _own(local_rank))
        _say_once(f"device='auto' chose {chosen}" + (f": {reason}" if reason else ""))
        return _existing(chosen)
    if isinstance(device, int) and not isinstance(device, bool):
        device = f"cuda:{device}"
    if not isinstance(device, (str, torch.device)) or not re.fullmatch(r"cpu|cuda(:\d+)?", str(device)):
        raise ValueError(f"device={device!r}, expected 'auto', 'cpu', 'cuda', 'cuda:N' or a GPU's index")
    chosen = torch.device(device)
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
            "start one process per GPU, or give device= yourself"
        )
    return device


def _no_gpu_because() -> str | None:
    if not torch.cuda.is_available():
        return "torch sees no usable GPU"
    try:
        from nvidia.dali import backend

        if backend.GetCudaVersion() <= 0:
            return "DALI sees no CUDA runtime"
    except (ImportError, AttributeError, RuntimeError) as error:
        return f"DALI cannot use the GPU ({error})"
    return None


@functools.cache
def _say_once(line: str) -> None:
    log.info(line)
