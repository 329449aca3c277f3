"""The exponential moving average of a model, used as a teacher."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from typing import Any, Literal

import torch
from torch import Tensor, nn

from dali_mixup._checks import choice, number
from dali_mixup.latent.layers import check_module

Buffers = Literal["copy", "average", "own"]


class EMATeacher(nn.Module):
    """A teacher whose weights follow the student's (mean teacher, arXiv 1703.01780, its code):

        theta' <- d_t theta' + (1 - d_t) theta,   d_t = min(1 - 1 / (t + 1), decay)

    where t = 1, 2, .. counts updates, so the teacher is the plain average of the students so far until the decay takes
    over. Its forward pass records no gradient.

    Under DistributedDataParallel every rank keeps its own teacher, unwrapped. All have the same weights. Without
    SyncBatchNorm their BatchNorm statistics may differ, as the students' do after a step: keep rank 0's.

    Args:
        model: the student; the teacher starts as its copy. Of DDP and compiled wrappers, the wrapped model is copied.
        decay: in [0, 1).
        buffers: the treatment of BatchNorm statistics and other buffers. "copy" takes the student's (the teacher is in
            eval mode); "average" averages floating ones like weights and copies the others (eval mode); "own" leaves
            them to the teacher's own forward passes in train mode, as the published mean-teacher and ICT code does.

    The number of updates is part of `state_dict()`.

    Weights are averaged in 32 bits at least: in bfloat16 a step of 1 - d_t is less than the distance of two numbers,
    and the teacher would stand still. Train in float32 under autocast, or give a float32 copy of the student here;
    `update` takes the student itself.

    Raises:
        TypeError: a model or a student that is no module.
        ValueError: bad decay or buffers; in `update`, a student whose parameters, or buffers that are followed, have
            other names, shapes or devices than the teacher's, or a wider dtype; the teacher is then as it was.
            Averages in less than 32 bits.
    """

    def __init__(self, model: nn.Module, *, decay: float = 0.999, buffers: Buffers = "copy") -> None:
        super().__init__()
        check_module("EMATeacher", "model", model)
        self.decay = number("EMATeacher", "decay", decay, at_least=0.0, below=1.0)
        self.buffer_rule = choice("EMATeacher", "buffers", buffers, ("copy", "average", "own"))
        self.model = deepcopy(_bare(model)).requires_grad_(False)
        self.model.train(buffers == "own")
        self.updates = 0
        _refuse_half(self._averaged())

    @torch.no_grad()
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.model(*args, **kwargs)

    def train(self, mode: bool = True) -> EMATeacher:
        """Keep the mode that `buffers` needs, also when the teacher is part of a larger module."""
        self.training = mode
        return self

    def _averaged(self) -> list[tuple[str, Tensor]]:
        """The teacher's tensors that are averages."""
        named = list(self.model.named_parameters())
        return named + (list(self.model.named_buffers()) if self.buffer_rule == "average" else [])

    @torch.no_grad()
    def update(self, student: nn.Module) -> None:
        """Move the teacher towards the student; call it after the optimiser's step. It reads nothing from the
        device."""
        check_module("EMATeacher.update", "student", student)
        bare = _bare(student)
        _refuse_half(self._averaged())
        weights = _pairs("parameter", self.model.named_parameters(), bare.named_parameters())
        buffers: Pairs = []
        if self.buffer_rule != "own":
            buffers = _pairs("buffer", self.model.named_buffers(), bare.named_buffers())
        updates = self.updates + 1
        weight = 1.0 - min(1.0 - 1.0 / (updates + 1), self.decay)
        averaged = weights + buffers if self.buffer_rule == "average" else weights
        copied = [] if self.buffer_rule == "average" else buffers
        _follow([pair for pair in averaged if _has_a_mean(pair[0])], weight)
        for mine, theirs in copied + [pair for pair in averaged if not _has_a_mean(pair[0])]:
            mine.copy_(theirs)
        self.updates = updates

    def get_extra_state(self) -> dict[str, int]:
        return {"updates": self.updates}

    def set_extra_state(self, state: dict[str, int]) -> None:
        self.updates = state["updates"]


Pairs = list[tuple[Tensor, Tensor]]
Named = Iterable[tuple[str, Tensor]]


def _pairs(kind: str, teachers: Named, students: Named) -> Pairs:
    """The teacher's tensors beside the student's of the same names; ValueError where they do not correspond."""
    mine, theirs = (
        # A layer that was compiled in place, before or after the copy, has this word in its name.
        {name.replace("_orig_mod.", ""): tensor.detach() for name, tensor in named}
        for named in (teachers, students)
    )
    for name in [*theirs, *mine]:
        here, there = mine.get(name), theirs.get(name)
        if here is None or there is None or not _follows(here, there):
            raise ValueError(
                f"EMATeacher: {kind} {name!r} is {_shown(there)} in the student and {_shown(here)} in the teacher; "
                "expected the model that the teacher was made from, in its dtype and on its device (teacher.to(...) "
                "takes the teacher along)"
            )
    return [(tensor, theirs[name]) for name, tensor in mine.items()]


def _follows(mine: Tensor, theirs: Tensor) -> bool:
    """Whether the teacher's tensor can follow the student's: the same shape and device, and the same dtype, or a
    floating one of more bits."""
    floating = mine.is_floating_point() and theirs.is_floating_point()
    wider = floating and mine.dtype.itemsize > theirs.dtype.itemsize
    return (mine.shape, mine.device) == (theirs.shape, theirs.device) and (
        wider or mine.dtype == theirs.dtype
    )


def _refuse_half(named: Named) -> None:
    for name, tensor in named:
        if tensor.is_floating_point() and tensor.dtype.itemsize < 4:
            raise ValueError(
                f"EMATeacher: {name!r} is {tensor.dtype}, in which an average stops moving; expected float32: train in "
                "float32 under autocast, or give the teacher a copy: EMATeacher(copy.deepcopy(model).float())"
            )


def _shown(tensor: Tensor | None) -> str:
    return "missing" if tensor is None else f"{tuple(tensor.shape)} {tensor.dtype} {tensor.device}"


def _has_a_mean(tensor: Tensor) -> bool:
    """False for whole numbers and truth values, such as counts and frozen tables, which are copied."""
    return tensor.is_floating_point() or tensor.is_complex()


def _follow(pairs: Pairs, weight: float) -> None:
    if pairs:
        mine, theirs = zip(*pairs, strict=True)
        same = [student.to(teacher.dtype) for teacher, student in zip(mine, theirs, strict=True)]
        torch._foreach_lerp_(mine, same, weight=weight)


def _bare(model: nn.Module) -> nn.Module:
    """The model inside DistributedDataParallel and torch.compile wrappers, whichever is the outer one."""
    while True:
        if isinstance(model, (nn.parallel.DistributedDataParallel, nn.DataParallel)):
            model = model.module
        elif isinstance(inside := getattr(model, "_orig_mod", None), nn.Module):
            model = inside
        else:
            return model
