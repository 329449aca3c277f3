"""Ten crops of every image, 2 of 224 and 8 of 96 pixels, as DINO has them: this loader against torchvision and DALI.

    python -m benchmarks.views                   # 1000 drawn JPEGs, two cores: about 12 minutes

"dali-mixup" makes ten views from one decode. "torchvision" is `DataAugmentationDINO` as facebookresearch/dino has it
(main_dino.py), on PIL images, with a DataLoader of so many workers. "dali" is a pipeline as solo-learn builds it
(solo/data/dali_dataloader.py): for every crop its own random_resized_crop, and each augmentation computed for all
images and chosen by multiplication. All take the same files, batch size and laws; the mean and the deviation of the
crops of each kind show that the work is the same. Runs take turns, each in a process of its own, files in the page
cache. "more" is this loader with one view more, of each size.
"""

from __future__ import annotations

import json
import os
import random
import resource
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from dali_mixup._epochs.ranks import usable_cores
from dali_mixup.bench.environment import environment
from dali_mixup.bench.isolated import isolated
from dali_mixup.bench.statistics import ratio, spread
from dali_mixup.bench.synthetic import synthetic_folder

HERE = Path(__file__).parent
BATCH_SIZE, WARM_UP, BATCHES = 32, 2, 10
LOOKED_AT = 10  # batches of a run whose crops are compared
LARGE, SMALL, LARGES, SMALLS = 224, 96, 2, 8
SCALES = {LARGE: (0.4, 1.0), SMALL: (0.05, 0.4)}
JITTER, JITTER_PROB, GREY = (0.4, 0.4, 0.2, 0.1), 0.8, 0.2
BLUR, SIGMA = (1.0, 0.1, 0.5), (0.1, 2.0)  # of the first and second large crop, and of the small ones
SOLARIZE = (0.0, 0.2, 0.0)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
TOLERANCE = (
    0.12  # deviations of a pixel by which the means and deviations of two contenders' crops may differ
)


def ours(folder: Path, threads: int, extra: tuple[int, ...] = ()) -> Any:
    """Batches of ten views, and one more of each size in `extra`."""
    from dali_mixup import Runtime, TrainTransform, View, train_loader

    def transform(size: int, which: int) -> TrainTransform:
        return TrainTransform(
            size,
            scale=SCALES[size],
            interpolation="bicubic",
            color_jitter=JITTER,
            color_jitter_prob=JITTER_PROB,
            grayscale=GREY,
            gaussian_blur=BLUR[which],
            blur_sigma=SIGMA,
            solarize=SOLARIZE[which],
        )

    views = [View(transform(LARGE, 0)), View(transform(LARGE, 1)), View(transform(SMALL, 2), count=SMALLS)]
    views += [View(transform(size, 1 if size == LARGE else 2)) for size in extra]
    runtime = Runtime() if threads == usable_cores() else Runtime(num_threads=threads)
    return train_loader(
        folder, views=views, batch_size=BATCH_SIZE, device="cpu", rank=0, world_size=1, runtime=runtime
    )


def torchvision(folder: Path, threads: int) -> Any:
    """As DINO has it, but for names."""
    from PIL import Image, ImageFilter, ImageOps
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    class Blur:
        def __init__(self, prob: float):
            self.prob = prob

        def __call__(self, image: Image.Image) -> Image.Image:
            if random.random() > self.prob:
                return image
            return image.filter(ImageFilter.GaussianBlur(radius=random.uniform(*SIGMA)))

    class Solarize:
        def __init__(self, prob: float):
            self.prob = prob

        def __call__(self, image: Image.Image) -> Image.Image:
            return ImageOps.solarize(image) if random.random() < self.prob else image

    def crop(size: int, which: int) -> Any:
        bicubic = transforms.InterpolationMode.BICUBIC
        return transforms.Compose(
            [
                transforms.RandomResizedCrop(size, scale=SCALES[size], interpolation=bicubic),
                transforms.RandomHorizontalFlip(),
                transforms.RandomApply([transforms.ColorJitter(*JITTER)], p=JITTER_PROB),
                transforms.RandomGrayscale(p=GREY),
                Blur(BLUR[which]),
                *([Solarize(SOLARIZE[which])] if SOLARIZE[which] else []),
                transforms.ToTensor(),
                transforms.Normalize(MEAN, STD),
            ]
        )

    crops = [crop(LARGE, 0), crop(LARGE, 1), *[crop(SMALL, 2)] * SMALLS]
    data = datasets.ImageFolder(str(folder), lambda image: [made(image) for made in crops])
    return DataLoader(
        data, BATCH_SIZE, shuffle=True, num_workers=threads, drop_last=True, persistent_workers=True
    )


def dali(folder: Path, threads: int) -> Any:
    """As solo-learn has it, on the CPU."""
    from nvidia.dali import fn, pipeline_def, types
    from nvidia.dali.plugin.pytorch import DALIGenericIterator, LastBatchPolicy

    def chosen(prob: float, made: Any, images: Any) -> Any:
        condition = fn.cast(fn.random.coin_flip(probability=prob), dtype=types.DALIDataType.BOOL)
        return condition * made + (condition ^ True) * images

    def around(amount: float) -> Any:
        return fn.random.uniform(range=[1 - amount, 1 + amount])

    def crop(images: Any, size: int, which: int) -> Any:
        images = fn.random_resized_crop(
            images, size=size, random_area=SCALES[size], interp_type=types.DALIInterpType.INTERP_CUBIC
        )
        brightness, contrast, saturation, hue = JITTER
        twisted = fn.color_twist(
            images,
            brightness=around(brightness),
            contrast=around(contrast),
            saturation=around(saturation),
            hue=fn.random.uniform(range=[-360 * hue, 360 * hue]),
        )
        images = chosen(JITTER_PROB, twisted, images)
        grey = fn.color_space_conversion(
            images, image_type=types.DALIImageType.RGB, output_type=types.DALIImageType.GRAY
        )
        images = chosen(GREY, fn.cat(grey, grey, grey, axis=2), images)
        blurred = fn.gaussian_blur(images, window_size=(23, 23), sigma=fn.random.uniform(range=list(SIGMA)))
        images = chosen(BLUR[which], blurred, images)
        if SOLARIZE[which]:
            over = images >= 128
            images = chosen(SOLARIZE[which], over * (255 - images) + (over ^ True) * images, images)
        return fn.crop_mirror_normalize(
            images,
            mirror=fn.random.coin_flip(),
            dtype=types.DALIDataType.FLOAT,
            output_layout="CHW",
            mean=[255 * m for m in MEAN],
            std=[255 * s for s in STD],
        )

    @pipeline_def(batch_size=BATCH_SIZE, num_threads=threads, device_id=None)
    def pipeline() -> Any:
        encoded, labels = fn.readers.file(file_root=str(folder), random_shuffle=True, name="files")
        images = fn.decoders.image(encoded, device="cpu")
        kinds = [(LARGE, 0), (LARGE, 1), *[(SMALL, 2)] * SMALLS]
        return (*(crop(images, *kind) for kind in kinds), labels)

    names = [str(i) for i in range(LARGES + SMALLS)]
    iterator = DALIGenericIterator(
        pipeline(), [*names, "labels"], reader_name="files", last_batch_policy=LastBatchPolicy.DROP
    )
    return ((tuple(batch[0][name] for name in names), batch[0]["labels"]) for batch in iterator)


CONTENDERS = {"dali-mixup": ours, "torchvision": torchvision, "dali": dali}


def rate(name: str, folder: Path, threads: int, batches: int, extra: tuple[int, ...]) -> dict[str, Any]:
    """Images per second, milliseconds of CPU time per image and what the crops are like; in a fresh process."""
    import torch

    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"
    loader = ours(folder, threads, extra) if extra else CONTENDERS[name](folder, threads)
    source = iter(loader)
    for _ in range(WARM_UP):
        next(source)
    cpu, start = _cpu_time(), time.perf_counter()
    for _ in range(batches):
        crops, _ = next(source)
        float(sum(crop[0, 0, 0, 0] for crop in crops))
    seconds = time.perf_counter() - start
    used = (_cpu_time() - cpu) if name != "torchvision" else float("nan")  # its workers are other processes
    like = []
    for _ in range(LOOKED_AT):
        crops, _ = next(source)
        like.append([(tuple(crop.shape), float(crop.mean()), float(crop.std())) for crop in crops])
    del source, loader
    return {
        "rate": batches * BATCH_SIZE / seconds,
        "cpu": 1000 * used / (batches * BATCH_SIZE),
        "like": like,
    }


def _cpu_time() -> float:
    mine = resource.getrusage(resource.RUSAGE_SELF)
    return mine.ru_utime + mine.ru_stime


def refuse_other_work(found: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """The mean and the deviation of the crops of each kind, of all repeats; ValueError if contenders' differ."""
    kinds = {"first": slice(0, 1), "second": slice(1, 2), "small": slice(2, LARGES + SMALLS)}
    table: dict[str, Any] = {}
    for name in CONTENDERS:
        batches = [batch for run in found[name] for batch in run["like"]]
        shapes = {tuple(shape for shape, _, _ in batch) for batch in batches}
        expected = tuple((BATCH_SIZE, 3, s, s) for s in [LARGE] * LARGES + [SMALL] * SMALLS)
        if shapes != {expected}:
            raise ValueError(f"{name}: crops of shapes {shapes}")
        table[name] = {}
        for kind, part in kinds.items():
            numbers = [crop[1:] for batch in batches for crop in batch[part]]
            table[name][kind] = [round(sum(values) / len(values), 3) for values in zip(*numbers, strict=True)]
    for name, kind in ((name, kind) for name in CONTENDERS for kind in kinds):
        for mine, other in zip(table["dali-mixup"][kind], table[name][kind], strict=True):
            if abs(mine - other) > TOLERANCE:
                raise ValueError(
                    f"{name}: {kind} crops have {table[name][kind]}, ours {table['dali-mixup'][kind]}"
                )
    return table


def main(
    images: Annotated[int, typer.Option(help="Number of drawn images.")] = 1000,
    repeats: Annotated[int, typer.Option(help="Runs of each contender, at least 5.", min=5)] = 5,
    batches: Annotated[int, typer.Option(help="Measured batches of a run.", min=1)] = BATCHES,
    out: Annotated[Path, typer.Option(help="Report to write.")] = HERE / "results" / "views.json",
) -> None:
    folder, threads = Path(synthetic_folder(images)), usable_cores()
    cases: dict[str, tuple[str, tuple[int, ...]]] = {name: (name, ()) for name in CONTENDERS}
    cases |= {f"more of {size}": ("dali-mixup", (size,)) for size in SCALES}
    found: dict[str, list[dict[str, Any]]] = {case: [] for case in cases}
    for repeat in range(repeats):
        for case in list(cases) if repeat % 2 else list(reversed(cases)):
            name, extra = cases[case]
            found[case].append(isolated(rate, name, folder, threads, batches, extra, limit=900))
    rates = {case: [run["rate"] for run in runs] for case, runs in found.items()}
    cpu = {case: [run["cpu"] for run in runs] for case, runs in found.items() if case != "torchvision"}
    report = {
        "environment": environment(str(folder)),
        "repeats": repeats,
        "batch_size": BATCH_SIZE,
        "batches": batches,
        "threads": threads,
        "mean_and_deviation_of_crops": refuse_other_work(found),
        "images_a_second": {case: spread(values).rounded(1) for case, values in rates.items()},
        "cpu_ms_an_image": {case: spread(values).rounded(2) for case, values in cpu.items()},
        "ours_of": {
            name: ratio(rates["dali-mixup"], rates[name]).rounded(2) for name in ("torchvision", "dali")
        },
        "ms_a_view_more": {
            size: spread(
                [a - b for a, b in zip(cpu[f"more of {size}"], cpu["dali-mixup"], strict=True)]
            ).rounded(2)
            for size in SCALES
        },
    }
    out.write_text(json.dumps(report, indent=1) + "\n")
    typer.echo(json.dumps({key: report[key] for key in list(report)[5:]}, indent=1))


if __name__ == "__main__":
    typer.run(main)
