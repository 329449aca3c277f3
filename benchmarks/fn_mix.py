"""The cost of `fn.mix` on the CPU, and of its plans, which an operator in Python makes.

    python benchmarks/fn_mix.py --out benchmarks/results/fn_mix_cpu.json

Random uint8 images are ready in memory. Four pipelines take turns, one batch each: "normalise" normalises; "mix" calls
fn.mix (MixUp and CutMix per sample, or every method), to the same images and dense targets; "plan" gives the plan's
arrays alone, made by the operator of fn.mix; "source" gives the same arrays by an external source, which costs less but
has to know the rows of the batch beforehand, and shuts DALI's proxy out.
Times are CPU time of the process, DALI's threads included, of a pipeline that prepares nothing ahead.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from nvidia.dali import Pipeline, fn, types

from benchmarks.mixing_cost import pipeline as normalising
from benchmarks.mixing_cost import ready_images
from dali_mixup import CutMix, MixPolicy, MixUp, Output
from dali_mixup._graph.feed import PlanFeed
from dali_mixup._graph.layout import Layout
from dali_mixup._graph.planned import Address, planned
from dali_mixup.bench.environment import environment
from dali_mixup.bench.statistics import ratio, spread
from dali_mixup.fn import mix
from dali_mixup.methods import REGISTRY

CLASSES = 1000
POLICIES = {
    "mixup and cutmix": MixPolicy([MixUp(0.8), CutMix(1.0)], granularity="sample"),
    "every method": MixPolicy([method() for method in REGISTRY.values()], granularity="sample"),
}


def built(images: np.ndarray, threads: int, graph: Callable[[Any, Any], Any]) -> Pipeline:
    """A pipeline of `graph(images, labels)` that prepares nothing ahead."""
    rows = len(images)
    labels = np.arange(rows, dtype=np.int32) % CLASSES
    pipe = Pipeline(
        batch_size=rows,
        num_threads=threads,
        device_id=None,
        prefetch_queue_depth=1,
        exec_async=False,
        exec_pipelined=False,
    )
    with pipe:
        x = fn.external_source(
            source=lambda info: images, batch=True, batch_info=True, no_copy=True, layout="HWC"
        )
        y = fn.external_source(source=lambda info: labels, batch=True, batch_info=True)
        pipe.set_outputs(*graph(x, y))
    pipe.build()
    return pipe


def arms(policy: MixPolicy, images: np.ndarray, threads: int) -> dict[str, Pipeline]:
    """The pipelines to compare, by name."""
    rows, height, width, _ = images.shape
    feed = PlanFeed(policy, (0.0,), (1.0,), height, width)
    names = tuple(dict.fromkeys(feed.label_names + feed.pixel_names))
    layout = Layout.of("mix", "HWC", boxed=True, means=1, channels_last=None)

    def mixed(x: Any, y: Any) -> Any:
        return mix(x, y, policy, image_size=(height, width), num_classes=CLASSES, output=Output())

    def by_operator(x: Any, y: Any) -> Any:
        _, nodes = planned(x, y, feed, layout, Address(0, 0, None), CLASSES, ())
        return [nodes[name] for name in names]

    def by_source(x: Any, y: Any) -> Any:
        def source(info: types.BatchInfo) -> Any:
            plan = policy.plan(rows, height, width, seed=0, epoch=0, step=info.iteration)
            return feed.arrays(plan, names)

        return fn.external_source(source=source, num_outputs=len(names), batch=True, batch_info=True)

    graphs = {"mix": mixed, "plan": by_operator, "source": by_source}
    plain = {"normalise": normalising(None, "dali", images, "cpu", threads)}
    return plain | {name: built(images, threads, graph) for name, graph in graphs.items()}


def measure(pipes: dict[str, Pipeline], repeats: int) -> dict[str, list[float]]:
    """Milliseconds of CPU time of each batch, pipelines by turns; the first ones, which allocate, are left out."""
    times: dict[str, list[float]] = {name: [] for name in pipes}
    for step in range(repeats + 2):
        for name, pipe in pipes.items():
            start = time.process_time()
            pipe.run()
            if step > 1:
                times[name].append(1e3 * (time.process_time() - start))
    return times


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--size", type=int, default=224, help="height and width in pixels")
    parser.add_argument("--repeats", type=int, default=21, help="batches of each pipeline")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    images = ready_images(args.batch_size, args.size, "cpu")
    report: dict[str, Any] = {"arguments": {**vars(args), "out": str(args.out)}, "results": []}
    report["environment"] = environment(".")
    for name, policy in POLICIES.items():
        times = measure(arms(policy, images, args.threads), args.repeats)
        row = {"policy": name} | {arm: asdict(spread(values)) for arm, values in times.items()}
        row["mix_over_normalise"] = asdict(ratio(times["mix"], times["normalise"]))
        row["plan_over_source"] = asdict(ratio(times["plan"], times["source"]))
        report["results"].append(row)
        medians = ", ".join(f"{arm} {row[arm]['median']:.1f} ms" for arm in times)
        print(f"{name}: {medians}", flush=True)
    if args.out:
        args.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
