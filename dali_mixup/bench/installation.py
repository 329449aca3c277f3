"""What is installed here: versions and hardware, without paths or names of people and machines."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

from dali_mixup._version import __version__

# The packages whose versions can change a result or a speed; those of a GPU's libraries come with DALI and torch.
PACKAGES = (
    "nvidia-dali-cuda120",
    "nvidia-dali-cuda130",
    "nvidia-nvimgcodec-cu12",
    "nvidia-nvimgcodec-cu13",
    "torch",
    "torchvision",
    "timm",
    "numba",
    "numpy",
    "pillow",
    "pillow-simd",
    "pyarrow",
    "obstore",
    "fsspec",
)


def installation() -> dict[str, Any]:
    """Versions, devices and cores of this machine: JSON values. Imports torch, not DALI."""
    return {
        "dali-mixup": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}, {' '.join(platform.libc_ver())}",
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        **_devices(),
        "driver": gpu_driver(),
        "packages": versions(PACKAGES),
    }


def versions(packages: tuple[str, ...]) -> dict[str, str]:
    """The versions of those packages that are installed."""
    found = {}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def cpu_model() -> str:
    """The processor's name."""
    file = Path("/proc/cpuinfo")
    for line in file.read_text().splitlines() if file.exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def gpu_driver() -> str | None:
    """The version of NVIDIA's kernel driver; None without one."""
    version = Path("/sys/module/nvidia/version")
    return version.read_text().strip() if version.exists() else None


def _devices() -> dict[str, Any]:
    """torch's version of CUDA, and the GPUs that torch sees, each with its compute capability."""
    try:
        import torch
    except ModuleNotFoundError:
        return {"cuda": None, "gpus": []}
    return {"cuda": torch.version.cuda, "gpus": [_gpu(index) for index in range(torch.cuda.device_count())]}


def _gpu(index: int) -> str:
    import torch

    capability = ".".join(map(str, torch.cuda.get_device_capability(index)))
    return f"{torch.cuda.get_device_name(index)} (compute capability {capability})"


def short(found: dict[str, Any]) -> str:
    """One line for people."""
    packages = found["packages"]
    dali = next((packages[name] for name in packages if name.startswith("nvidia-dali")), "not installed")
    cuda = "without CUDA" if found["cuda"] is None else f"CUDA {found['cuda']}"
    parts = (
        f"DALI {dali}",
        f"torch {packages.get('torch', 'not installed')} ({cuda})",
        f"Numba {packages.get('numba', 'not installed')}",
        f"Python {found['python']}",
        f"GPU: {', '.join(found['gpus']) or 'none'}",
    )
    return ", ".join(parts)
