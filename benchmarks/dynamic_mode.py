"""What dynamic mode costs beside a pipeline: the same reading, decoding, resizing and mixing, in each of them.

    python benchmarks/dynamic_mode.py                  # 1000 drawn images, two cores: about 5 minutes
    python benchmarks/dynamic_mode.py --repeats 0      # writes the page from the report of before

Every way takes its turn in every repeat, each in a process of its own, with the files in the page cache.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from dali_mixup._epochs.ranks import usable_cores
from dali_mixup.bench.environment import environment
from dali_mixup.bench.isolated import isolated
from dali_mixup.bench.markers import replaced
from dali_mixup.bench.statistics import ratio, spread
from dali_mixup.bench.synthetic import CLASSES, synthetic_folder

HERE = Path(__file__).parent
BEGIN, END = "<!-- dynamic:begin -->", "<!-- dynamic:end -->"
BATCH_SIZE, SIDE = 64, 224
WARM_UP, BATCHES = 2, 12
PIPELINE = "a pipeline with `fn.mix`"
WAYS = (PIPELINE, "dynamic mode", "dynamic mode, captured")
GRANULARITIES = ("batch", "sample")


def policy_of(granularity: str) -> Any:
    from dali_mixup import CutMix, MixPolicy, MixUp

    return MixPolicy([MixUp(0.8), CutMix(1.0)], granularity=granularity)


def of_pipeline(folder: Path, threads: int, granularity: str) -> Iterator[Any]:
    from nvidia.dali import fn, pipeline_def
    from nvidia.dali.plugin.pytorch import DALIClassificationIterator

    import dali_mixup.fn
    from dali_mixup import Output

    @pipeline_def(batch_size=BATCH_SIZE, num_threads=threads, device_id=None)
    def training() -> Any:
        encoded, labels = fn.readers.file(file_root=str(folder), random_shuffle=True, seed=1, name="reader")
        images = fn.resize(fn.decoders.image_random_crop(encoded, seed=2), size=[SIDE, SIDE])
        return dali_mixup.fn.mix(
            images,
            labels,
            policy_of(granularity),
            image_size=SIDE,
            num_classes=CLASSES,
            seed=3,
            output=Output(),
        )

    while True:
        for batch in DALIClassificationIterator(training(), reader_name="reader"):
            yield batch[0]["data"]


def of_dynamic_mode(folder: Path, granularity: str, capture: bool) -> Iterator[Any]:
    from nvidia.dali.experimental import dynamic as ndd

    from dali_mixup import Output, dynamic

    policy = policy_of(granularity)
    reader = ndd.readers.File(file_root=str(folder), random_shuffle=True, seed=1)
    rng = ndd.random.RNG(seed=2)
    epoch = 0
    while True:
        for step, (encoded, labels) in enumerate(reader.next_epoch(batch_size=BATCH_SIZE, capture=capture)):
            images = ndd.resize(ndd.decoders.image_random_crop(encoded, rng=rng), size=[SIDE, SIDE])
            plan = policy.plan(images.batch_size, SIDE, SIDE, seed=3, epoch=epoch, step=step)
            images, targets = dynamic.mix(images, labels, plan, num_classes=CLASSES, output=Output())
            targets.torch()
            yield images.torch()
        epoch += 1


def rate(way: str, folder: Path, threads: int, granularity: str) -> tuple[float, float]:
    """Images per second, and milliseconds of CPU time per image; in a fresh process."""
    if way == PIPELINE:
        batches = of_pipeline(folder, threads, granularity)
    else:
        from nvidia.dali.experimental import dynamic as ndd

        ndd.set_num_threads(threads)
        batches = of_dynamic_mode(folder, granularity, capture="captured" in way)
    for _ in range(WARM_UP):
        next(batches)
    cpu, start = time.process_time(), time.perf_counter()
    for _ in range(BATCHES):
        float(next(batches)[0, 0, 0, 0])
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    images = BATCHES * BATCH_SIZE
    return images / seconds, 1000 * cpu / images


def measured(images: int, repeats: int) -> dict[str, Any]:
    """The report."""
    folder, threads = Path(synthetic_folder(images)), usable_cores()
    arms = [(granularity, way) for granularity in GRANULARITIES for way in WAYS]
    found: dict[tuple[str, str], list[tuple[float, float]]] = {arm: [] for arm in arms}
    for repeat in range(repeats):
        first = repeat % len(arms)
        for granularity, way in arms[first:] + arms[:first]:
            taken = isolated(rate, way, folder, threads, granularity, limit=600)
            found[granularity, way].append(taken)
    rates = {arm: [images for images, _ in rows] for arm, rows in found.items()}
    return {
        "environment": environment(str(folder)),
        "batch_size": BATCH_SIZE,
        "threads": threads,
        "repeats": repeats,
        "ways": {
            granularity: {
                way: {
                    "images_a_second": numbers(spread(rates[granularity, way]), 0),
                    "times_the_pipeline": numbers(
                        ratio(rates[granularity, way], rates[granularity, PIPELINE]), 2
                    ),
                    "cpu_ms_an_image": numbers(spread([cpu for _, cpu in found[granularity, way]]), 2),
                }
                for way in WAYS
            }
            for granularity in GRANULARITIES
        },
    }


def section(report: dict[str, Any]) -> str:
    """The part of docs/dynamic-mode.md between the markers; all of it was measured."""
    lines = [
        f"Measured on {report['environment']['cpu']} with {report['threads']} threads and without a GPU: batches of "
        f"{report['batch_size']} drawn JPEGs in the page cache, to {SIDE} pixels; medians of {report['repeats']} "
        "interleaved repeats, with the interval that holds the median with at least 90%.",
        "",
        "| Granularity | | images/s | times the pipeline's | CPU ms per image |",
        "|---|---|---|---|---|",
    ]
    for granularity, ways in report["ways"].items():
        for way, row in ways.items():
            speed, times, cpu = (
                row[key] for key in ("images_a_second", "times_the_pipeline", "cpu_ms_an_image")
            )
            lines.append(
                f"| {granularity} | {way} | {speed['median']:.0f} ({speed['low']:.0f} to {speed['high']:.0f}) | "
                f"{times['median']:.2f} ({times['low']:.2f} to {times['high']:.2f}) | {cpu['median']:.2f} |"
            )
    return "\n".join(lines)


def numbers(found: Any, digits: int) -> dict[str, float]:
    return {key: round(getattr(found, key), digits) for key in ("median", "low", "high")}


def main(
    images: Annotated[int, typer.Option(help="Number of drawn images.")] = 1000,
    repeats: Annotated[int, typer.Option(help="Runs of each way, at least 5.")] = 5,
    out: Annotated[Path, typer.Option(help="Report to write.")] = HERE / "results" / "dynamic_mode.json",
    page: Annotated[Path, typer.Option(help="Page to write its table to.")] = HERE.parent
    / "docs"
    / "dynamic-mode.md",
) -> None:
    if repeats:
        out.write_text(json.dumps(measured(images, repeats), indent=1) + "\n")
    text = page.read_text()
    page.write_text(replaced(text, BEGIN, END, section(json.loads(out.read_text()))))


if __name__ == "__main__":
    typer.run(main)
