"""Memory: races, growth and captures."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.gpu_questions.visit import BOTH, Visit

Save = Callable[[object], None]


def streams(visit: Visit, save: Save) -> Any:
    """Rows whose pixels change under load. The reference is a quiet run; then the GPU is kept busy, and batches are
    read late, freed while they are still read, and used on a side stream. Any non-zero count is a race: of the hardware
    JPEG decoder (docs/gpu.md), or of the way batches are handed over."""
    answer: dict[str, Any] = {}
    for load in (0.0, 0.65, 1.0):
        quiet = _sums(visit, load, busy=False, side=False)
        for side in (False, True):
            runs = [_sums(visit, load, busy=True, side=side) for _ in range(2)]
            answer[f"load={load} side stream={side}"] = [int((run != quiet).sum()) for run in runs]
            save(answer)
    return answer


def _sums(visit: Visit, load: float, busy: bool, side: bool) -> torch.Tensor:
    """(12, rows) sums of the pixels of twelve batches."""
    batch_size = min(64, visit.batch_size)
    loader = visit.loader(BOTH, batch_size=batch_size, seed=3, runtime={"hw_decoder_load": load})
    work = torch.randn(8192, 8192, device="cuda") if visit.gpu else None
    stream = torch.cuda.stream(torch.cuda.Stream()) if visit.gpu and side else contextlib.nullcontext()
    kept: list[torch.Tensor] = []
    with loader, stream:
        while len(kept) < 12:
            for images, _ in loader:
                if busy and work is not None:
                    for _ in range(6):  # about 100 ms, before the batch is read
                        work @ work
                kept.append(images.double().sum(dim=(1, 2, 3)))
                del images  # while the sum is still queued
                if len(kept) == 12:
                    break
        visit.wait()
    return torch.stack(kept)


def memory(visit: Visit, save: Save) -> Any:
    """MiB of GPU memory in use, over many batches that are dropped at once or kept eight deep, and after `close`."""
    answer: dict[str, list[float]] = {}
    batches = visit.scaled(150, 4)
    for deep in (0, 8):
        trace: list[float] = []
        kept: list[torch.Tensor] = []
        with visit.loader(BOTH) as loader:
            n = 0
            while n < batches:
                for images, _ in loader:
                    kept = [*kept, images][-deep:] if deep else []
                    n += 1
                    if n % 25 == 0:
                        trace.append(_used(visit))
                    if n == batches:
                        break
        del images
        kept = []
        answer[f"{deep} kept"] = [*trace, _used(visit)]
        save(answer)
    return answer


def _used(visit: Visit) -> float:
    if not visit.gpu:
        return 0.0
    free, total = torch.cuda.mem_get_info()
    return (total - free) / 2**20


def capture(visit: Visit, save: Save) -> Any:
    """Captures of a CUDA graph, of eight, that fail while a loader runs: DALI frees batches in a thread that calls
    cudaDeviceSynchronize, which is not allowed during a capture of mode "global"."""
    if not visit.gpu:
        return "needs a GPU"
    answer: dict[str, Any] = {}
    _captured("global", answer, "without a loader", lambda: None)
    with visit.loader(None, batch_size=64) as loader:
        batches = iter(loader)
        for mode in ("global", "thread_local"):
            _captured(mode, answer, mode, lambda: next(batches))
            save(answer)
    return answer


def _captured(mode: str, answer: dict[str, Any], name: str, before: Callable[[], object]) -> None:
    """Eight captures of matrix products, each after `before()`, whose result is dropped first."""
    failed = 0
    for _ in range(8):
        before()
        weights = torch.randn(512, 512, device="cuda")
        weights @ weights  # cuBLAS is set up by its first product, which must not be captured
        torch.cuda.current_stream().synchronize()
        try:
            with torch.cuda.graph(torch.cuda.CUDAGraph(), capture_error_mode=mode):
                for _ in range(200):
                    weights = weights @ weights * 1e-3
        except RuntimeError as error:
            failed += 1
            answer[f"{name} error"] = str(error)[:200]
    answer[name] = f"{failed} of 8 failed"
