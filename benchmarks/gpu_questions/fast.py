"""Speed: rates, kernels and copies."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity
from torch.profiler import profile as profiled

from benchmarks.gpu_questions.visit import BOTH, Visit
from dali_mixup import CutMix, MixPolicy, MixUp, Output
from dali_mixup.bench.environment import environment as software
from dali_mixup.methods import FMix, GMix

Save = Callable[[object], None]
POLICIES = {
    "off": None,
    "MixUp per batch": MixPolicy([MixUp()]),
    "CutMix per batch": MixPolicy([CutMix()]),
    "both per sample": BOTH,
    "GMix per batch": MixPolicy([GMix()]),
    "GMix per sample": MixPolicy([GMix()], granularity="sample"),
    "FMix per batch": MixPolicy([FMix()]),
    "FMix per sample": MixPolicy([FMix()], granularity="sample"),
}


def on_the_gpu(events: Iterable[Any], batches: int) -> list[dict[str, Any]]:
    """What ran on the GPU, the longest first. Operators of torch are left out: their time is that of the kernels and
    copies that they launch, which have rows of their own."""
    rows = [
        {
            "kernel": event.key[:110],
            "per batch": event.count / batches,
            "ms": event.self_device_time_total / 1e3 / batches,
        }
        for event in events
        if event.device_type == DeviceType.CUDA
    ]
    return sorted(rows, key=lambda row: -row["ms"])


def environment(visit: Visit, save: Save) -> Any:
    """Software and hardware, and the speed of a copy on the GPU."""
    answer: dict[str, Any] = {"software": software(visit.folder())}
    if visit.gpu:
        answer["gpu"] = str(torch.cuda.get_device_properties(0))
        source = torch.empty(1 << 30, dtype=torch.uint8, device="cuda")
        target = torch.empty_like(source).copy_(source)
        visit.wait()
        begun = time.perf_counter()
        for _ in range(20):
            target.copy_(source)
        visit.wait()
        answer["copy, TB/s read and written"] = 40 * 2**30 / (time.perf_counter() - begun) / 1e12
    return answer


def speed(visit: Visit, save: Save) -> Any:
    """Images per second: the decoder's settings, then mixing off and on. Everything twice, to see the noise."""
    answer: dict[str, dict[str, list[float]]] = {"decoder": {}, "mixing": {}}
    for _ in range(2):
        for windows in (False, True):
            for load in (0.0, 0.65, 1.0) if visit.gpu else (0.0,):
                runtime = {"roi_decoding": windows, "hw_decoder_load": load}
                with visit.loader(None, runtime=runtime) as loader:
                    rate = _rate(visit, loader)
                answer["decoder"].setdefault(f"windows={windows} load={load}", []).append(rate)
                save(answer)
        for name, policy in POLICIES.items():
            for dtype in ("float32", "float16") if visit.gpu else ("float32",):
                with visit.loader(policy, output=Output(dtype=dtype)) as loader:
                    rate = _rate(visit, loader)
                answer["mixing"].setdefault(f"{name}, {dtype}", []).append(rate)
                save(answer)
    return answer


def _rate(visit: Visit, loader: Iterable[Any]) -> float:
    warm_up, batches = visit.scaled(10, 1), visit.scaled(40, 2)
    done, begun = 0, 0.0
    while True:
        for _ in loader:
            done += 1
            if done == warm_up:
                visit.wait()
                begun = time.perf_counter()
            if done == warm_up + batches:
                visit.wait()
                return batches * visit.batch_size / (time.perf_counter() - begun)


def profile(visit: Visit, save: Save) -> Any:
    """Kernels and copies per batch, and their time."""
    answer: dict[str, Any] = {}
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if visit.gpu else [])]
    batches = visit.scaled(5, 1)
    for name in ("off", "MixUp per batch", "both per sample", "GMix per batch", "GMix per sample"):
        with visit.loader(POLICIES[name]) as loader:
            run = iter(loader)
            for _ in range(visit.scaled(8, 1)):
                next(run)
            visit.wait()
            with profiled(activities=activities) as trace:
                for _ in range(batches):
                    next(run)
                visit.wait()
            del run
        rows = on_the_gpu(trace.key_averages(), batches)
        answer[name] = {
            "kernels": sum(row["per batch"] for row in rows),
            "ms": sum(row["ms"] for row in rows),
            "top": rows[:25],
        }
        save(answer)
    return answer
