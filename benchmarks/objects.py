"""What the same photographs cost as files, as Hugging Face datasets, in Parquet, and through a Dataset's own code.

    python -m benchmarks.objects                  # 1000 drawn images, two cores: about 5 minutes
    python -m benchmarks.objects --repeats 0      # writes the page from the report of before

Every form takes its turn in every repeat, each in a process of its own, with the files in the page cache. A second
table has the time of random reads alone, Parquet's row groups among them.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.timed import timed
from dali_mixup._epochs.ranks import usable_cores
from dali_mixup.bench.environment import environment
from dali_mixup.bench.isolated import isolated
from dali_mixup.bench.markers import up_to_date
from dali_mixup.bench.statistics import ratio, spread
from dali_mixup.bench.synthetic import synthetic_folder
from dali_mixup.sources import DatasetSource, open_source

HERE = Path(__file__).parent
BEGIN, END = "<!-- objects:begin -->", "<!-- objects:end -->"
BATCH_SIZE = 64
WARM_UP, BATCHES = 2, 10
ROW_GROUP = 100  # rows; what datasets writes for images


def files(folder: Path, threads: int) -> Any:
    return folder


def pairs_dataset(folder: Path) -> Any:
    """A Dataset as people write it."""
    from PIL import Image
    from torch.utils.data import Dataset

    class Photographs(Dataset):  # type: ignore[type-arg]  # generic in the stubs only
        def __init__(self) -> None:
            source = open_source(folder)
            self.samples, self.targets = source.samples, source.targets

        def __len__(self) -> int:
            return len(self.samples)

        def __getitem__(self, index: int) -> tuple[Any, int]:
            path, label = self.samples[index]
            with Image.open(path) as image:
                return image.convert("RGB"), label

    return Photographs()


def pillow(folder: Path, threads: int) -> Any:
    return DatasetSource(pairs_dataset(folder))


def pillow_threads(folder: Path, threads: int) -> Any:
    return DatasetSource(pairs_dataset(folder), threads=threads)


def read_bytes(folder: Path, threads: int) -> Any:
    data = pairs_dataset(folder)

    class Encoded(type(data)):  # type: ignore[misc]  # a class found at run time
        def __getitem__(self, index: int) -> tuple[Any, int]:
            path, label = self.samples[index]
            return Path(path).read_bytes(), label

    return DatasetSource(Encoded())


def arrow(folder: Path, threads: int) -> Any:
    return stored(folder) / "saved"


def frame(folder: Path, threads: int) -> Any:
    import pandas

    return pandas.DataFrame(open_source(folder).samples, columns=["path", "label"])


FORMS: dict[str, Callable[[Path, int], Any]] = {
    "files": files,
    "data frame of paths": frame,
    "Hugging Face dataset": arrow,
    "Dataset of bytes": read_bytes,
    "Dataset of Pillow images": pillow,
    "Dataset of Pillow images, threads": pillow_threads,
}


def stored(folder: Path) -> Path:
    """The photographs as Hugging Face stores them, made once."""
    place = folder.parent / f"{folder.name}-objects"
    if not (place / "photographs.parquet").exists():
        import datasets

        source = open_source(folder)
        features = datasets.Features(
            {"image": datasets.Image(), "label": datasets.ClassLabel(names=list(source.classes))}
        )
        images = [{"bytes": source.encoded(index), "path": None} for index in range(len(source))]
        data = datasets.Dataset.from_dict({"image": images, "label": source.targets[:]}, features=features)
        data.save_to_disk(str(place / "saved"))
        data.to_parquet(str(place / "photographs.parquet"), batch_size=ROW_GROUP)
    return place


def rate(form: str, folder: Path, threads: int) -> tuple[float, float]:
    """Images per second of a mixing loader, and milliseconds of CPU time per image; in a fresh process."""
    from dali_mixup import CutMix, MixPolicy, MixUp, train_loader

    loader = train_loader(
        FORMS[form](folder, threads),
        policy=MixPolicy([MixUp(0.8), CutMix(1.0)]),
        batch_size=BATCH_SIZE,
        device="cpu",
        rank=0,
        world_size=1,
    )
    return timed(loader, WARM_UP, BATCHES, BATCH_SIZE)


def random_reads(form: str, folder: Path) -> float:
    """Microseconds per image of reading batches in random order, without decoding; in a fresh process."""
    rng = np.random.RandomState(0)
    count = sum(1 for _ in folder.glob("*/*"))
    orders = [rng.randint(0, count, BATCH_SIZE) for _ in range(4)]
    if form == "Parquet, row groups":
        from pyarrow import parquet

        table = parquet.ParquetFile(stored(folder) / "photographs.parquet")
        start = time.perf_counter()
        for order in orders[:1]:
            for index in order.tolist():
                group = table.read_row_group(index // ROW_GROUP, columns=["image"])
                group["image"][index % ROW_GROUP].as_py()
        return 1e6 * (time.perf_counter() - start) / BATCH_SIZE
    if form == "files":
        source = open_source(folder)
        names = [[source.name(index) for index in order] for order in orders]
        start = time.perf_counter()
        for batch in names:
            for name in batch:
                Path(name).read_bytes()
    else:
        source = open_source(arrow(folder, 1))
        source.feed(orders[0])
        start = time.perf_counter()
        for order in orders:
            source.feed(order)
    return 1e6 * (time.perf_counter() - start) / BATCH_SIZE / len(orders)


def conversion(folder: Path) -> float:
    """Seconds per GB of Parquet to convert it to Arrow, once; in a fresh process."""
    import datasets

    file = stored(folder) / "photographs.parquet"
    cache = file.parent / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    datasets.disable_progress_bars()
    start = time.perf_counter()
    datasets.Dataset.from_parquet(str(file), cache_dir=str(cache))
    seconds = time.perf_counter() - start
    shutil.rmtree(cache)
    return seconds / (os.path.getsize(file) / 1e9)


def main(
    images: Annotated[int, typer.Option(help="Number of drawn images.")] = 1000,
    repeats: Annotated[int, typer.Option(help="Runs of each form, at least 5.")] = 5,
    out: Annotated[Path, typer.Option(help="Report to write.")] = HERE / "results" / "objects.json",
    page: Annotated[Path, typer.Option(help="Page to write its table to.")] = HERE.parent
    / "docs"
    / "data.md",
) -> None:
    if repeats:
        out.write_text(json.dumps(measured(images, repeats), indent=1) + "\n")
    up_to_date(page, BEGIN, END, section(json.loads(out.read_text())))


def measured(images: int, repeats: int) -> dict[str, Any]:
    """The report."""
    folder, threads = Path(synthetic_folder(images)), usable_cores()
    stored(folder)
    found: dict[str, list[tuple[float, float]]] = {form: [] for form in FORMS}
    for repeat in range(repeats):
        order = list(FORMS)[repeat % len(FORMS) :] + list(FORMS)[: repeat % len(FORMS)]
        for form in order:
            found[form].append(isolated(rate, form, folder, threads, limit=600))
    rates = {form: [images for images, _ in rows] for form, rows in found.items()}
    reads = {
        form: spread([isolated(random_reads, form, folder, limit=600) for _ in range(repeats)])
        for form in ("files", "Hugging Face dataset", "Parquet, row groups")
    }
    return {
        "environment": environment(str(folder)),
        "batch_size": BATCH_SIZE,
        "threads": threads,
        "repeats": repeats,
        "loaders": {
            form: {
                "images_a_second": spread(rates[form]).rounded(0),
                "times_files": ratio(rates[form], rates["files"]).rounded(2),
                "cpu_ms_an_image": spread([cpu for _, cpu in rows]).rounded(2),
            }
            for form, rows in found.items()
        },
        "random_read_us": {form: times.rounded(0) for form, times in reads.items()},
        "conversion_s_a_gb": spread(
            [isolated(conversion, folder, limit=600) for _ in range(repeats)]
        ).rounded(1),
    }


def section(report: dict[str, Any]) -> str:
    """The part of docs/data.md between the markers; all of it was measured."""
    machine, reads = report["environment"], report["random_read_us"]
    lines = [
        f"Measured on {machine['cpu']} with {report['threads']} cores: a mixing loader over the same drawn JPEGs, in "
        f"the page cache; medians of {report['repeats']} interleaved repeats, with the interval that holds the median "
        "with at least 90%. Threads of a dataset: one per core.",
        "",
        "| Data | images/s | times the files' | CPU ms per image |",
        "|---|---|---|---|",
    ]
    for form, row in report["loaders"].items():
        rate, times, cpu = (row[key] for key in ("images_a_second", "times_files", "cpu_ms_an_image"))
        lines.append(
            f"| {form} | {rate['median']:.0f} ({rate['low']:.0f} to {rate['high']:.0f}) | {times['median']:.2f} "
            f"({times['low']:.2f} to {times['high']:.2f}) | {cpu['median']:.2f} |"
        )
    parquet = reads["Parquet, row groups"]["median"]
    lines += [
        "",
        f"A random read without decoding takes {reads['files']['median']:.0f} microseconds from a file, "
        f"{reads['Hugging Face dataset']['median']:.0f} from Arrow, and {parquet / 1000:.1f} ms from Parquet in row "
        f"groups of {ROW_GROUP}. The conversion to Arrow takes {report['conversion_s_a_gb']['median']:.1f} s per GB.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    typer.run(main)
