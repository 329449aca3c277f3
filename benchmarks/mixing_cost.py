"""The cost of mixing: the time of a batch with every method, relative to the same batch only normalised.

    python benchmarks/mixing_cost.py                       measures on the CPU, writes results/mixing_cost_cpu.json
    python benchmarks/mixing_cost.py --device gpu          the same on the GPU
    python benchmarks/mixing_cost.py --table               prints the results as the table of docs/methods.md

Random uint8 images are ready in memory; nothing is read or decoded. A pipeline that mixes and one that only normalises
take turns, so both see the same disturbances; the report has medians and quartiles of the times and of the ratios.
Planning (NumPy, on one thread) is part of the time, and also reported separately.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dali_mixup._decide.policy import MixPolicy
from dali_mixup._epochs.ranks import usable_cores
from dali_mixup._graph.options import IMAGENET_MEAN, IMAGENET_STD
from dali_mixup.methods import REGISTRY, Form, Method

RESULTS = Path(__file__).parent / "results"


def passes(method: Method) -> tuple[int, int]:
    """Passes over the batch: (over uint8 pixels, over float32 pixels, four times the bytes), by the operators that
    `dali_mixup.fn` uses for the method's form; the last float32 pass is the normalisation, needed in any case."""
    partners = method.columns - 1
    return {
        Form.BLEND: (partners, 2 * partners + 1),  # gather; times its ratio, plus the rest
        Form.PASTE: (1, 1),  # paste
        Form.RESIZE: (3, 1),  # gather, resize, paste
        Form.MASK: (1, 4),  # gather; own times mask, partner's times the rest, their sum
    }[method.form]


def pipeline(policy: MixPolicy | None, images: Any, device: str, threads: int) -> Any:
    """A built pipeline that normalises, and first mixes if there is a policy; it prepares nothing ahead."""
    from nvidia.dali import fn, pipeline_def, types

    from dali_mixup import Output
    from dali_mixup.fn import mix

    rows, height, width, _ = images.shape
    labels = np.arange(rows, dtype=np.int32)[:, None] % 1000

    @pipeline_def(
        batch_size=rows,
        num_threads=threads,
        device_id=0 if device == "gpu" else None,
        prefetch_queue_depth=1,
        exec_async=False,
        exec_pipelined=False,
    )
    def graph() -> Any:
        pixels = fn.external_source(
            source=lambda info: images, device=device, batch=True, batch_info=True, no_copy=True, layout="HWC"
        )
        classes = fn.external_source(source=lambda info: labels, batch=True, batch_info=True)
        if policy is None:
            return fn.crop_mirror_normalize(
                pixels,
                mean=list(IMAGENET_MEAN),
                std=list(IMAGENET_STD),
                dtype=types.FLOAT,
                output_layout="CHW",
            ), classes
        return mix(
            pixels,
            classes,
            policy,
            image_size=(height, width),
            num_classes=1000,
            output=Output(IMAGENET_MEAN, IMAGENET_STD),
        )

    built = graph()
    built.build()
    return built


def ready_images(rows: int, size: int, device: str) -> Any:
    images = np.random.RandomState(0).randint(0, 256, (rows, size, size, 3)).astype(np.uint8)
    if device == "cpu":
        return images
    import torch

    return torch.from_numpy(images).cuda()


def seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def finished(outputs: Any, device: str) -> None:
    """Waits for the GPU, which `run` does not."""
    if device == "gpu":
        import torch

        torch.cuda.synchronize()


def spread(values: list[float], digits: int) -> dict[str, float]:
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": round(middle, digits), "q1": round(low, digits), "q3": round(high, digits)}


def measure(
    method: Method, granularity: str, images: Any, plain: Any, args: argparse.Namespace
) -> dict[str, Any]:
    policy = MixPolicy([method], granularity=granularity)
    mixing = pipeline(policy, images, args.device, args.threads)
    rows, height, width, _ = images.shape
    times: dict[str, list[float]] = {"mixed": [], "plain": [], "plan": []}
    for step in range(args.repeats + 1):
        taken = {
            "plain": seconds(lambda: finished(plain.run(), args.device)),
            "mixed": seconds(lambda: finished(mixing.run(), args.device)),
            "plan": seconds(lambda step=step: policy.plan(rows, height, width, seed=0, epoch=0, step=step)),
        }
        if step:  # the first one allocates
            for name, value in taken.items():
                times[name].append(value)
    ratios = [mixed / plain for mixed, plain in zip(times["mixed"], times["plain"], strict=True)]
    uint8, float32 = passes(method)
    return {
        "method": method.name,
        "granularity": granularity,
        "uint8_passes": uint8,
        "float32_passes": float32,
        "milliseconds": spread([1000 * t for t in times["mixed"]], 1),
        "plain_milliseconds": spread([1000 * t for t in times["plain"]], 1),
        "plan_milliseconds": spread([1000 * t for t in times["plan"]], 2),
        "ratio": spread(ratios, 2),
    }


def machine(device: str) -> dict[str, Any]:
    from nvidia import dali

    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [
            line.split(":", 1)[1].strip()
            for line in info.read_text().splitlines()
            if line.startswith("model name")
        ]
        name = models[0] if models else name
    about = {
        "cpu": name,
        "cores": usable_cores(),
        "dali": dali.__version__,
        "numpy": np.__version__,
    }
    if device == "gpu":
        import torch

        about["gpu"] = torch.cuda.get_device_name()
    return about


def table(report: dict[str, Any]) -> str:
    """The report as Markdown: one line per method, per batch and per sample side by side."""
    by = {(row["method"], row["granularity"]): row for row in report["results"]}
    lines = [
        "| method | uint8 passes | float32 passes | per batch: ms | times plain | per sample: ms | times plain "
        "| planning, per batch / per sample: ms |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(row["method"] for row in report["results"]):
        batch, sample = by[name, "batch"], by[name, "sample"]
        cells = [name, str(batch["uint8_passes"]), str(batch["float32_passes"])]
        for row in (batch, sample):
            cells += [f"{row['milliseconds']['median']:.0f}", _ratio(row["ratio"])]
        cells.append(
            f"{batch['plan_milliseconds']['median']:.1f} / {sample['plan_milliseconds']['median']:.1f}"
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _ratio(ratio: dict[str, float]) -> str:
    return f"{ratio['median']:.1f} ({ratio['q1']:.1f} to {ratio['q3']:.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--size", type=int, default=224, help="height and width in pixels")
    parser.add_argument("--repeats", type=int, default=21, help="batches timed per method and granularity")
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--methods", nargs="+", choices=sorted(REGISTRY), default=list(REGISTRY))
    parser.add_argument(
        "--out", type=Path, help="default: results/mixing_cost_<device>.json beside this file"
    )
    parser.add_argument(
        "--table", action="store_true", help="print the table of what was measured before, and stop"
    )
    args = parser.parse_args()
    out = args.out or RESULTS / f"mixing_cost_{args.device}.json"
    if args.table:
        print(table(json.loads(out.read_text())))
        return
    images = ready_images(args.batch_size, args.size, args.device)
    plain = pipeline(None, images, args.device, args.threads)
    report = {
        "machine": machine(args.device),
        "batch_size": args.batch_size,
        "height": args.size,
        "width": args.size,
        "repeats": args.repeats,
        "threads": args.threads,
        "load_average_before": round(os.getloadavg()[0], 1),
        "results": [],
    }
    for name in args.methods:
        for granularity in ("batch", "sample"):
            row = measure(REGISTRY[name](), granularity, images, plain, args)
            report["results"].append(row)
            print(
                f"{name:10s} {granularity:7s} {row['milliseconds']['median']:7.1f} ms, "
                f"{row['ratio']['median']:5.2f} x plain ({row['ratio']['q1']:.2f} to {row['ratio']['q3']:.2f}), "
                f"planning {row['plan_milliseconds']['median']:.1f} ms",
                flush=True,
            )
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(report, indent=1) + "\n")
    print(f"written: {out}")


if __name__ == "__main__":
    main()
