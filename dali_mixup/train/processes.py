"""The processes of one training run and their communication. With a single process everything is a no-op."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from dali_mixup._epochs.ranks import Rank, rank_of_process
from dali_mixup._graph.device import chosen_device

T = TypeVar("T")


class OtherRankFailed(ValueError):
    """Another process of the run failed in what all do together."""


@contextmanager
def processes(device: str) -> Iterator[tuple[Rank, torch.device]]:
    """This process's rank and device; under torchrun a process group exists inside the block.

    Tensors on the CPU travel through gloo, on GPU machines too, so that communication waits for no GPU.
    """
    process = rank_of_process("train", None, None)
    where = chosen_device(device, process.local_rank)
    if where.type == "cuda":
        torch.cuda.set_device(where)
    started = process.world_size > 1 and not dist.is_initialized()
    if started:
        dist.init_process_group("cpu:gloo,cuda:nccl" if where.type == "cuda" else "gloo")
    try:
        yield process, where
    finally:
        if started:
            dist.destroy_process_group()


def under_torchrun() -> bool:
    return "TORCHELASTIC_RUN_ID" in os.environ


def any_of(flag: bool) -> bool:
    """True if any process passes True. All must call it."""
    if not dist.is_initialized():
        return flag
    answer = torch.tensor([float(flag)])
    dist.all_reduce(answer, dist.ReduceOp.MAX)
    return bool(answer.item())


def total(values: torch.Tensor) -> torch.Tensor:
    """The sum of the processes' tensors, on the CPU."""
    values = values.detach().cpu()
    if dist.is_initialized():
        dist.all_reduce(values)
    return values


def gathered(value: Any) -> list[Any]:
    """Every process's value, by rank."""
    if not dist.is_initialized():
        return [value]
    values: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(values, value)
    return values


def together(work: Callable[[], T]) -> T:
    """What `work` returns, in each process, once it has in all; if it fails in one, all raise, so that none waits for
    it in vain. All must call it, and `work` must not communicate.

    Raises:
        Exception: what `work` raised here.
        OtherRankFailed: it raised in other processes; the message names them.
    """
    result: Any = None
    mine: Exception | None = None
    try:
        result = work()
    except Exception as error:
        mine = error
    failures = gathered(None if mine is None else f"{type(mine).__name__}: {mine}")
    if mine is not None:
        raise mine
    failed = [(rank, text) for rank, text in enumerate(failures) if text is not None]
    if failed:
        rank, text = failed[0]
        further = f" (and {len(failed) - 1} more ranks)" if len(failed) > 1 else ""
        raise OtherRankFailed(f"train: this process ends because rank {rank}{further} failed: {text}")
    return result


def same_buffers(model: torch.nn.Module) -> None:
    """Copy rank 0's buffers (batch statistics) to all processes, before the model is evaluated or saved."""
    if dist.is_initialized():
        for buffer in model.buffers():
            dist.broadcast(buffer, 0)
