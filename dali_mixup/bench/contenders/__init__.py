"""The contenders, each by its own best practice. `CONTENDERS` names them all, installed here or not."""

from __future__ import annotations

from .base import Batch, Contender, Loader
from .dali_torch import DaliTorch, DaliUnmixed
from .ffcv import Ffcv
from .ours import Ours, OursByDali, OursOnCpu, OursUnmixed
from .roofline import DecodeOnly
from .spdl_threads import SpdlThreads
from .timm_collate import TimmFastCollate
from .torchvision_v2 import TorchvisionPil, TorchvisionTensor

CONTENDERS: dict[str, Contender] = {
    contender.name: contender
    for contender in (
        Ours(),
        OursOnCpu(),
        DaliTorch(),
        TimmFastCollate(),
        TorchvisionTensor(),
        TorchvisionPil(),
        SpdlThreads(),
        Ffcv(),
        OursUnmixed(),
        OursByDali(),
        DaliUnmixed(),
        DecodeOnly(),
    )
}

__all__ = ["CONTENDERS", "Batch", "Contender", "Loader"]
