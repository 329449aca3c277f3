"""The stages of a batch in the loop's thread, as ranges in a profiler's timeline (`nsys profile --trace=cuda,nvtx`).

DALI names its own operators there. "plan", in which samples and mixing are decided and files looked at, lies inside
"wait for the pipeline", where DALI asks for it.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch


def stage(name: str, gpu: bool) -> AbstractContextManager[None]:
    """A range "dali_mixup: <name>" around a block; no effect on the CPU, which has no such timeline."""
    return torch.cuda.nvtx.range(f"dali_mixup: {name}") if gpu else nullcontext()
