"""The cost of mixing: the time of a batch with every method, relative to the same batch only normalised.

    python benchmarks/mixing_cost.py                       measures on the CPU, writes results/mixing_cost_cpu.json
    python benchmarks/mixing_cost.py --device gpu          the same on the GPU
    python benchmarks/methods_table.py                     writes the tables of docs/methods.md from the CPU's results

Random uint8 images are ready in memory; nothing is read or decoded. The graph is the loaders': on the CPU once with the
compiled kernels and once with DALI's operators, which `fn.mix` and the GPU use. Pipelines that mix and those that only
normalise take turns, so all see the same disturbances; the report has medians and quartiles of the times and of the
ratios. Planning (NumPy, on one thread) is part of the time, and also reported separately.
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
from dali_mixup._graph.pixel_scale import IMAGENET_MEAN, IMAGENET_STD
from dali_mixup.methods import REGISTRY, Form, Method

RESULTS = Path(__file__).parent / "results"
KERNELS = {"cpu": ("numba", "dali"), "gpu": ("dali",)}


def passes(method: Method) -> tuple[int, int]:
    """Passes of DALI's operators over the batch: (over uint8 pixels, over float32 pixels, four times the bytes), by the
    method's form; the last float32 pass is the normalisation, needed in any case. The compiled kernels take one."""
    partners = method.columns - 1
    if method.form == Form.MASK and method.hard:
        return 4, 1  # gather; own times mask, partner's times the rest, their sum
    return {
        Form.BLEND: (partners, 2 * partners + 1),  # gather; times its ratio, plus the rest
        Form.PASTE: (1, 1),  # paste
        Form.RESIZE: (2 * method.inset_count + 1, 1),  # gather and resize each; paste
        Form.MASK: (1, 4),  # as above, but in float32
        Form.SEPARABLE: (1, 4),
    }[method.form]


def pipeline(policy: MixPolicy | None, kernels: str, images: Any, device: str, threads: int) -> Any:
    """A built pipeline that normalises, and first mixes if there is a policy; it prepares nothing ahead."""
    from nvidia.dali import Pipeline, fn, types

    from dali_mixup._graph.feed import PlanFeed
    from dali_mixup._graph.feed_kernels import normalising
    from dali_mixup._graph.pixels import mixed_and_normalised

    rows, height, width, _ = images.shape
    pipe = Pipeline(
        batch_size=rows,
        num_threads=threads,
        device_id=0 if device == "gpu" else None,
        prefetch_queue_depth=1,
        exec_async=False,
        exec_pipelined=False,
    )
    with pipe:
        pixels = fn.external_source(
            source=lambda info: images, device=device, batch=True, batch_info=True, no_copy=True, layout="HWC"
        )
        if policy is not None:
            feed = PlanFeed(policy, IMAGENET_MEAN, IMAGENET_STD, height, width, kernels == "numba")

            def planned(info: Any) -> Any:
                plan = policy.plan(rows, height, width, seed=0, epoch=0, step=info.iteration)
                return feed.arrays(plan, feed.pixel_names)

            fed = fn.external_source(
                source=planned, num_outputs=len(feed.pixel_names), batch=True, batch_info=True
            )
            nodes = dict(zip(feed.pixel_names, fed, strict=True))
            made = mixed_and_normalised(pixels, feed, nodes, types.FLOAT, "CHW")
        elif kernels == "numba":
            from dali_mixup._cpu.operators import normalised

            coefficients = types.Constant(normalising(IMAGENET_MEAN, IMAGENET_STD), device="cpu")
            made = normalised(pixels, coefficients, types.FLOAT, "CHW")
        else:
            made = fn.crop_mirror_normalize(
                pixels,
                mean=list(IMAGENET_MEAN),
                std=list(IMAGENET_STD),
                dtype=types.FLOAT,
                output_layout="CHW",
            )
        pipe.set_outputs(made)
    pipe.build()
    return pipe


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
    method: Method, granularity: str, images: Any, plain: dict[str, Any], args: argparse.Namespace
) -> list[dict[str, Any]]:
    """One result for each of the kernels in `plain`, their pipelines that only normalise."""
    policy = MixPolicy([method], granularity=granularity)
    mixing = {kernels: pipeline(policy, kernels, images, args.device, args.threads) for kernels in plain}
    rows, height, width, _ = images.shape
    times: dict[str, list[float]] = {}
    for step in range(args.repeats + 1):
        taken = {"plan": seconds(lambda s=step: policy.plan(rows, height, width, seed=0, epoch=0, step=s))}
        for kernels in plain:
            for name, pipe in (("plain", plain[kernels]), ("mixed", mixing[kernels])):
                taken[f"{name} {kernels}"] = seconds(lambda p=pipe: finished(p.run(), args.device))
        if step:  # the first one allocates
            for name, value in taken.items():
                times.setdefault(name, []).append(value)
    uint8, float32 = passes(method)
    return [
        {
            "method": method.name,
            "granularity": granularity,
            "kernels": kernels,
            "uint8_passes": uint8,
            "float32_passes": float32,
            "milliseconds": spread([1000 * t for t in times[f"mixed {kernels}"]], 1),
            "plain_milliseconds": spread([1000 * t for t in times[f"plain {kernels}"]], 1),
            "plan_milliseconds": spread([1000 * t for t in times["plan"]], 2),
            "ratio": spread(ratios(times[f"mixed {kernels}"], times[f"plain {kernels}"]), 2),
            "ratio_to_dali": spread(ratios(times[f"mixed {kernels}"], times["plain dali"]), 2),
        }
        for kernels in plain
    ]


def ratios(mixed: list[float], plain: list[float]) -> list[float]:
    return [a / b for a, b in zip(mixed, plain, strict=True)]


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
    args = parser.parse_args()
    out = args.out or RESULTS / f"mixing_cost_{args.device}.json"
    images = ready_images(args.batch_size, args.size, args.device)
    plain = {
        kernels: pipeline(None, kernels, images, args.device, args.threads)
        for kernels in KERNELS[args.device]
    }
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
            for row in measure(REGISTRY[name](), granularity, images, plain, args):
                report["results"].append(row)
                print(
                    f"{name:10s} {granularity:7s} {row['kernels']:6s}{row['milliseconds']['median']:7.1f} ms, "
                    f"{row['ratio']['median']:5.2f} x plain ({row['ratio']['q1']:.2f} to {row['ratio']['q3']:.2f}), "
                    f"{row['ratio_to_dali']['median']:5.2f} x DALI's plain, "
                    f"planning {row['plan_milliseconds']['median']:.1f} ms",
                    flush=True,
                )
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(report, indent=1) + "\n")
    print(f"written: {out}")


if __name__ == "__main__":
    main()
