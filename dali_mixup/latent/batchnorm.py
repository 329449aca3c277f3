"""Forward passes that use the batch's statistics and do not change the running ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from dali_mixup.latent.layers import check_module


@contextmanager
def running_statistics_kept(model: nn.Module) -> Iterator[None]:
    """Inside the block, BatchNorm layers in train mode normalise by the batch as usual but do not update their running
    mean and variance. In eval mode nothing changes. Regions under activation checkpointing run again in the backward
    pass, outside of the block, and update them then.

    Raises:
        TypeError: a model that is no module.
    """
    check_module("running_statistics_kept", "model", model)
    layers = [
        m for m in model.modules() if isinstance(m, _BatchNorm) and m.track_running_stats and m.training
    ]
    for layer in layers:
        layer.track_running_stats = False
    try:
        yield
    finally:
        for layer in layers:
            layer.track_running_stats = True
