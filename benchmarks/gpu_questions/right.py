"""Correct pixels: windows against the CPU's, every method against the CPU's graph, options that must work."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from nvidia.dali import fn, pipeline_def

from benchmarks.gpu_questions.visit import BOTH, Visit
from dali_mixup import HandOver, MixPolicy, Output, TrainTransform, load_recipe, val_loader
from dali_mixup._graph.decode import Backend
from dali_mixup._graph.decoder_load import hw_decoder_load
from dali_mixup._graph.selftest import judged
from dali_mixup._graph.windows import decoded, mixed_jpegs, whole_pipeline, windows_pipeline
from dali_mixup.augment import MultiScale, RandomErasing
from dali_mixup.fn import mix
from dali_mixup.methods import REGISTRY

Save = Callable[[object], None]
RECIPES = ("deit-s", "rsb-a1", "deit3-s", "nvidia-efficientnet-b0", "ffcv-rn50", "mixup-cifar10")
LOADS = (0.0, 0.65, 1.0)  # shares of the hardware JPEG decoder


def selftest(visit: Visit, save: Save) -> Any:
    """The verdict of the self-test of window decoding for each share of the hardware decoder, and the share chosen."""
    answer: dict[str, Any] = {"chosen hw_decoder_load": hw_decoder_load(None, 0 if visit.gpu else None)}
    for load in LOADS:
        verdict = judged(0, load)
        answer[f"load={load}"] = {"works": verdict.works, "reason": verdict.reason}
        save(answer)
    return answer


def windows(visit: Visit, save: Save) -> Any:
    """Differences of the GPU's pixels from the CPU's on 64 JPEGs of all kinds: whole images and windows."""
    files, answer = mixed_jpegs(), {}
    for name, make in (("whole", whole_pipeline), ("windows", windows_pipeline)):
        expected = decoded(make(files, None, Backend(gpu=False)), 2)
        for load in LOADS:
            backend = Backend(gpu=visit.gpu, hw_decoder_load=load)
            got = decoded(make(files, 0 if visit.gpu else None, backend), 2)
            apart = [np.abs(a.astype(np.int16) - b) for a, b in zip(got, expected, strict=True)]
            answer[f"{name} load={load}"] = {
                "worst image, mean levels apart": max(float(x.mean()) for x in apart),
                "share of values over 2 levels": float(np.mean([(x > 2).mean() for x in apart])),
                "most levels": max(int(x.max()) for x in apart),
            }
            save(answer)
    return answer


def methods(visit: Visit, save: Save) -> Any:
    """Rows of noise images in which the graph on the device and the CPU's differ by more than a rounding step."""
    sets = [[name] for name in REGISTRY]
    sets += [["mixup", "cutmix"], ["cutmix", "mosaic"], ["cutmix", "ricap"], list(REGISTRY)]
    answer: dict[str, Any] = {}
    for names in sets:
        for granularity in ("batch", "sample"):
            for dtype, channels_last in (("float32", False), ("float16", True)):
                policy = MixPolicy([REGISTRY[name]() for name in names], granularity=granularity)
                output = Output(0.0, 1.0, dtype, channels_last)
                key = f"{'+'.join(names)} {granularity} {dtype}"
                try:
                    answer[key] = _difference(visit, policy, output)
                except Exception as error:
                    answer[key] = f"{type(error).__name__}: {error}"[:400]
                save(answer)
    return answer


def _difference(visit: Visit, policy: MixPolicy, output: Output) -> dict[str, float]:
    expected, got = (_mixed(gpu, policy, output) for gpu in (False, visit.gpu))
    apart = [np.abs(a[0] - b[0]).reshape(len(a[0]), -1).max(1) for a, b in zip(got, expected, strict=True)]
    return {
        "rows off by over 1": int(sum((x > 1).sum() for x in apart)),
        "rows": int(sum(len(x) for x in apart)),
        "targets off by": float(max(np.abs(a[1] - b[1]).max() for a, b in zip(got, expected, strict=True))),
    }


def _mixed(gpu: bool, policy: MixPolicy, output: Output) -> list[tuple[np.ndarray, ...]]:
    rows, size = 32, (96, 80)
    images = [np.random.RandomState(i).randint(0, 256, (*size, 3)).astype(np.uint8) for i in range(rows)]
    ids = [np.array([i], np.int32) for i in range(rows)]

    @pipeline_def(batch_size=rows, num_threads=4, device_id=0 if gpu else None)
    def graph():  # type: ignore[no-untyped-def]  # DALI's decorator has no types
        x = fn.external_source(source=lambda info: images, batch=True, batch_info=True, layout="HWC")
        y = fn.external_source(source=lambda info: ids, batch=True, batch_info=True)
        moved = x.gpu() if gpu else x
        return mix(moved, y, policy, image_size=size, num_classes=rows, seed=1, output=output)

    pipe = graph()
    pipe.build()
    batches = []
    for _ in range(3):
        outputs = pipe.run()
        batches.append(tuple(np.array(o.as_cpu().as_tensor()).astype(np.float32) for o in outputs))
    return batches


def options(visit: Visit, save: Save) -> Any:
    """Loaders with every kind of option: each must give three finite batches on the device, and a state."""
    cases: dict[str, Callable[[], Any]] = {
        name: lambda name=name: load_recipe(name).train_loader(
            visit.folder(), batch_size=32, device=visit.device
        )
        for name in RECIPES
    }
    for mode in ("const", "rand", "pixel"):
        for dtype in ("float16", "bfloat16", "float32"):
            transform = TrainTransform(96, random_erasing=RandomErasing(1.0, mode, place="after_mix"))
            given = {
                "transform": transform,
                "output": Output(dtype=dtype, channels_last=True),
                "batch_size": 32,
            }
            cases[f"erasing after mixing, {mode}, {dtype}"] = lambda given=given: visit.loader(BOTH, **given)
    several = TrainTransform(MultiScale((96, 128), "batch"))
    cases["changing sizes"] = lambda: visit.loader(BOTH, batch_size=32, transform=several)
    cases["handover"] = lambda: visit.loader(BOTH, batch_size=32, handover=HandOver(clean=True))
    half = Output(dtype="float16", channels_last=True)
    cases["validation"] = lambda: val_loader(visit.folder(), batch_size=32, device=visit.device, output=half)
    answer: dict[str, str] = {}
    for name, make in cases.items():
        try:
            _three_batches(make(), visit)
            answer[name] = "ok"
        except Exception as error:
            answer[name] = f"{type(error).__name__}: {error}"[:500]
        save(answer)
    return answer


def _three_batches(loader: Any, visit: Visit) -> None:
    with loader:
        for n, (images, *_) in enumerate(loader, 1):
            if images.device.type != visit.device or not torch.isfinite(images.float()).all():
                raise AssertionError("not finite, or on another device")
            if n == 3:
                break
        json.dumps(loader.state_dict())
