"""The contenders, each by its own best practice. `CONTENDERS` lists them all, installed or not: what a contender needs
beside torch is imported when it is built."""

from __future__ import annotations

from dali_mixup.bench.contenders.base import Batch, Contender, Loader
from dali_mixup.bench.contenders.dali_dynamic import DaliDynamic
from dali_mixup.bench.contenders.dali_torch import DaliTorch, DaliUnmixed
from dali_mixup.bench.contenders.ffcv import Ffcv
from dali_mixup.bench.contenders.kornia_batches import Kornia
from dali_mixup.bench.contenders.litdata_raw import LitData
from dali_mixup.bench.contenders.ours import Ours, OursByDali, OursOnCpu, OursUnmixed
from dali_mixup.bench.contenders.roofline import DecodeOnly
from dali_mixup.bench.contenders.spdl_threads import SpdlThreads
from dali_mixup.bench.contenders.timm_collate import TimmFastCollate
from dali_mixup.bench.contenders.torchvision_v2 import TorchvisionPil, TorchvisionTensor

CONTENDERS: dict[str, Contender] = {
    contender.name: contender
    for contender in (
        Ours(),
        OursOnCpu(),
        DaliTorch(),
        DaliDynamic(),
        TimmFastCollate(),
        TorchvisionTensor(),
        TorchvisionPil(),
        Kornia(),
        LitData(),
        SpdlThreads(),
        Ffcv(),
        OursUnmixed(),
        OursByDali(),
        DaliUnmixed(),
        DecodeOnly(),
    )
}

__all__ = ["CONTENDERS", "Batch", "Contender", "Loader"]
