"""The exponential moving average of a model, used as a teacher."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Literal

import torch
from torch import Tensor, nn

from dali_mixup._checks import choice, number

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

    Raises:
        ValueError: bad decay or buffers; in `update`, a student whose parameters differ from the teacher's.
    """

    def __init__(self, model: nn.Module, *, decay: float = 0.999, buffers: Buffers = "copy") -> None:
        super().__init__()
        self.decay = number("EMATeacher", "decay", decay, at_least=0.0, below=1.0)
        self.buffer_rule = choice("EMATeacher", "buffers", buffers, ("copy", "average", "own"))
        self.model = deepcopy(_bare(model)).requires_grad_(False)
        self.model.train(buffers == "own")
        self.updates = 0

    @torch.no_grad()
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.model(*args, **kwargs)

    def train(self, mode: bool = True) -> EMATeacher:
        """Keep the mode that `buffers` needs, also when the teacher is part of a larger module."""
        self.training = mode
        return self

    @torch.no_grad()
    def update(self, student: nn.Module) -> None:
        """Move the teacher towards the student; call it after the optimiser's step. It reads nothing from the
        device."""
        self.updates += 1
        weight = 1.0 - min(1.0 - 1.0 / (self.updates + 1), self.decay)
        bare = _bare(student)
        mine = [p.detach() for p in self.model.parameters()]
        theirs = [p.detach() for p in bare.parameters()]
        if [p.shape for p in mine] != [p.shape for p in theirs]:
            raise ValueError(
                f"EMATeacher: the student has {len(theirs)} parameter tensors, the teacher {len(mine)}, or their "
                "shapes differ; expected the model that the teacher was made from"
            )
        _follow(mine, theirs, weight)
        if self.buffer_rule == "own":
            return
        pairs = list(zip(self.model.buffers(), bare.buffers(), strict=True))
        average = self.buffer_rule == "average"
        smooth = [(a, b) for a, b in pairs if average and a.is_floating_point()]
        _follow([a for a, _ in smooth], [b for _, b in smooth], weight)
        for a, b in pairs:
            if not (average and a.is_floating_point()):
                a.copy_(b)

    def get_extra_state(self) -> dict[str, int]:
        return {"updates": self.updates}

    def set_extra_state(self, state: dict[str, int]) -> None:
        self.updates = state["updates"]


def _follow(mine: list[Tensor], theirs: list[Tensor], weight: float) -> None:
    if mine:
        torch._foreach_lerp_(mine, theirs, weight=weight)


def _bare(model: nn.Module) -> nn.Module:
    """The model inside DistributedDataParallel and torch.compile wrappers, whichever is the outer one."""
    while True:
        if isinstance(model, (nn.parallel.DistributedDataParallel, nn.DataParallel)):
            model = model.module
        elif isinstance(inside := getattr(model, "_orig_mod", None), nn.Module):
            model = inside
        else:
            return model
