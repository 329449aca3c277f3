"""The cost of augmentations: this loader with the compiled kernels, with DALI's operators, and timm's transforms.

    python -m benchmarks.augmentation                    # 2000 drawn images, two cores: about 15 minutes

Every loader reads the same JPEGs, crops, flips, augments and normalises; none mixes. "timm" is `create_transform` in a
DataLoader with a worker process per core; it has no counterpart to some options. Runs take turns, each in a process of
its own, files in the page cache.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.timed import timed
from dali_mixup._epochs.ranks import usable_cores
from dali_mixup.bench.environment import environment
from dali_mixup.bench.isolated import isolated
from dali_mixup.bench.page_cache import prepare
from dali_mixup.bench.statistics import ratio, spread
from dali_mixup.bench.synthetic import synthetic_folder

OUT = Path(__file__).parent / "results" / "augmentation.json"
BATCH_SIZE, WARM_UP, BATCHES = 64, 4, 16
# Not DeiT's m9: where its magnitude reaches 10, timm posterises to no bits, which Pillow 13 refuses.
RAND, TRIVIAL = "rand-m7-mstd0.5-inc1", "ta_wide"
CASES: dict[str, tuple[dict[str, Any], dict[str, Any] | None]] = {
    "crop and flip": ({}, {}),
    "RandAugment": ({"auto_augment": RAND}, {"auto_augment": RAND}),
    "RandAugment, erasing with noise": (
        {"auto_augment": RAND, "erase": "pixel"},
        {"auto_augment": RAND, "re_prob": 0.25, "re_mode": "pixel"},
    ),
    "AutoAugment": ({"auto_augment": "original"}, {"auto_augment": "original"}),
    "TrivialAugment": ({"auto_augment": TRIVIAL}, None),
    "AugMix": ({"auto_augment": "augmix-m5-w4-d2"}, {"auto_augment": "augmix-m5-w4-d2"}),
    "color jitter, brightness to saturation": ({"color_jitter": 0.4}, {"color_jitter": 0.4}),
    "blur of each image": ({"gaussian_blur": 1.0}, None),
}
"""Options of `TrainTransform`, and of timm's `create_transform`."""


def ours(folder: str, options: dict[str, Any], kernels: Any) -> tuple[float, float]:
    """Images per second and milliseconds of CPU time per image, in a fresh process."""
    from dali_mixup import Runtime, TrainTransform, train_loader
    from dali_mixup.augment import RandomErasing

    given = dict(options)
    erase = given.pop("erase", None)
    transform = TrainTransform(224, random_erasing=erase and RandomErasing(0.25, erase), **given)
    runtime = Runtime(cpu_kernels=kernels)
    loader = train_loader(
        folder,
        transform=transform,
        batch_size=BATCH_SIZE,
        device="cpu",
        rank=0,
        world_size=1,
        runtime=runtime,
    )
    return timed(loader, WARM_UP, BATCHES, BATCH_SIZE)


def timm(folder: str, options: dict[str, Any], threads: int) -> tuple[float, float]:
    """As `ours`; the CPU time is that of the process alone, not of its workers."""
    from timm.data import create_transform
    from torch.utils.data import DataLoader
    from torchvision.datasets import ImageFolder

    settings = {"interpolation": "bilinear", "color_jitter": None, **options}
    transform = create_transform(224, is_training=True, **settings)
    loader = DataLoader(
        ImageFolder(folder, transform), BATCH_SIZE, shuffle=True, num_workers=threads, drop_last=True
    )
    return timed(_Closing(loader), WARM_UP, BATCHES, BATCH_SIZE)


class _Closing:
    """A DataLoader as `timed` takes loaders."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self._loader = None

    def __iter__(self) -> Any:
        return iter(self._loader)


def main(
    repeats: Annotated[int, typer.Option(help="Runs of each loader.", min=5)] = 5,
    out: Annotated[Path, typer.Option(help="Report to write.")] = OUT,
) -> None:
    folder, threads = str(synthetic_folder(2000)), usable_cores()
    prepare([(str(path), 0) for path in Path(folder).rglob("*.jpg")], "warm")
    found: dict[str, dict[str, list[tuple[float, float]]]] = {case: {} for case in CASES}
    for _ in range(repeats):
        for case, (options, theirs) in CASES.items():
            for kernels in ("numba", "dali"):
                row = isolated(ours, folder, options, kernels, limit=600)
                found[case].setdefault(kernels, []).append(row)
            if theirs is not None:
                found[case].setdefault("timm", []).append(isolated(timm, folder, theirs, threads, limit=600))
    report = {
        "environment": environment(folder),
        "repeats": repeats,
        "batch_size": BATCH_SIZE,
        "batches": BATCHES,
        "threads": threads,
        "results": {case: summary(rows) for case, rows in found.items()},
    }
    out.write_text(json.dumps(report, indent=1) + "\n")
    for case, row in report["results"].items():
        typer.echo(f"{case}: {json.dumps(row)}")


def summary(rows: dict[str, list[tuple[float, float]]]) -> dict[str, Any]:
    rates = {name: [rate for rate, _ in runs] for name, runs in rows.items()}
    return {
        name: {"images_a_second": spread(values).rounded(0)}
        | ({"cpu_ms_an_image": spread([cpu for _, cpu in rows[name]]).rounded(2)} if name != "timm" else {})
        | ({} if name == "numba" else {"ours_of": ratio(rates["numba"], values).rounded(2)})
        for name, values in rates.items()
    }


if __name__ == "__main__":
    typer.run(main)
