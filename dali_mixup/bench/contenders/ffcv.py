"""FFCV is listed but not measured: it cannot do this work."""

from __future__ import annotations

from typing import ClassVar

from dali_mixup.bench.contenders.base import Contender, Loader
from dali_mixup.bench.work import Samples, Work


class Ffcv(Contender):
    name: ClassVar[str] = "ffcv"
    title: ClassVar[str] = "FFCV"
    modules: ClassVar[tuple[str, ...]] = ("ffcv",)
    unfit: ClassVar[str] = "unequal work: reads only its own .beton files and has no CutMix"

    def build(self, samples: Samples, work: Work) -> Loader:
        raise NotImplementedError(self.unfit)
