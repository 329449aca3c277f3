"""The environment of a measurement and its images, which a reader needs to compare it with another."""

from __future__ import annotations

import os
import platform
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from PIL import Image, UnidentifiedImageError

from dali_mixup._epochs.ranks import usable_cores
from dali_mixup.bench import installation
from dali_mixup.bench.work import Samples

# Measured loaders, beside what every installation names.
PACKAGES = (*installation.PACKAGES, "dali-mixup", "torchcodec", "kornia", "litdata", "spdl-io", "ffcv")
LOOKED_AT = 1000  # images whose headers are read for the statistics
SUBSAMPLING = {(2, 2): "4:2:0", (2, 1): "4:2:2", (1, 1): "4:4:4", (1, 2): "4:4:0"}


def environment(data: str) -> dict[str, Any]:
    """Current hardware, software and load of this machine; `data` is a path on the storage that is read."""
    return {
        "cpu": installation.cpu_model(),
        "physical_cores": psutil.cpu_count(logical=False),
        "logical_cores": psutil.cpu_count(),
        "usable_cores": usable_cores(),
        "memory_bytes": psutil.virtual_memory().total,
        "load_average": round(os.getloadavg()[0], 2),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "driver": installation.gpu_driver(),
        "cuda": torch.version.cuda if torch.cuda.is_available() else None,
        "file_system": _file_system(data),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": installation.versions(PACKAGES),
        "commit": commit_of(Path(__file__).parent.parent),
    }


def image_statistics(samples: Samples) -> dict[str, Any]:
    """Sizes, bytes and subsampling of up to `LOOKED_AT` images, spread evenly over the list."""
    paths = [path for path, _ in samples[:: max(1, len(samples) // LOOKED_AT)]]
    widths, heights, kinds, sizes = [], [], Counter[str](), Counter[tuple[int, int]]()
    for path in paths:
        try:
            with Image.open(path) as image:
                widths.append(image.width)
                heights.append(image.height)
                sizes[image.size] += 1
                kinds[_kind(image)] += 1
        except (OSError, UnidentifiedImageError):
            kinds["unreadable"] += 1
    return {
        "images": len(samples),
        "looked_at": len(paths),
        "bytes_mean": float(np.mean([os.path.getsize(path) for path in paths])),
        "width_mean": float(np.mean(widths)),
        "height_mean": float(np.mean(heights)),
        "most_frequent_sizes": [[*size, count / len(paths)] for size, count in sizes.most_common(6)],
        "kinds": {kind: count / len(paths) for kind, count in kinds.most_common()},
    }


def _kind(image: Image.Image) -> str:
    """A description such as "JPEG RGB 4:2:0"."""
    layers = getattr(image, "layer", None)
    factors = (layers[0][1], layers[0][2]) if layers and len(layers) == 3 else None
    subsampling = "" if factors is None else " " + SUBSAMPLING.get(factors, str(factors))
    return f"{image.format} {image.mode}{subsampling}"


def _file_system(path: str) -> str:
    """Type of the file system that holds the path."""
    real = os.path.realpath(path)
    mounts = [part for part in psutil.disk_partitions(all=True) if _inside(real, part.mountpoint)]
    return max(mounts, key=lambda part: len(part.mountpoint)).fstype if mounts else "unknown"


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def commit_of(folder: Path) -> str | None:
    """The commit of the checkout that a folder is part of, with "-dirty" if its files differ from it; None elsewhere.
    What else changed in the checkout, such as results, does not count."""
    git = ["git", "-C", str(folder)]
    try:
        commit = _output([*git, "rev-parse", "--short=12", "HEAD"])
        changed = _output([*git, "status", "--porcelain", "--", "."])
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{commit}-dirty" if changed else commit


def _output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
