"""The mixing methods, one per file, and the registry by which recipes name them. NumPy only."""

from __future__ import annotations

from dali_mixup.methods.base import Draws as Draws
from dali_mixup.methods.base import Form as Form
from dali_mixup.methods.base import Method as Method
from dali_mixup.methods.by_map import MapMethod as MapMethod
from dali_mixup.methods.classmix import ClassMix as ClassMix
from dali_mixup.methods.contours import Contours as Contours
from dali_mixup.methods.cutmix import CutMix as CutMix
from dali_mixup.methods.cutthumbnail import CutThumbnail as CutThumbnail
from dali_mixup.methods.dcutmix import DCutMix as DCutMix
from dali_mixup.methods.fmix import FMix as FMix
from dali_mixup.methods.gmix import GMix as GMix
from dali_mixup.methods.gridmix import GridMix as GridMix
from dali_mixup.methods.hmix import HMix as HMix
from dali_mixup.methods.maskmix import MaskMix as MaskMix
from dali_mixup.methods.masks import Bits as Bits
from dali_mixup.methods.masks import Levels as Levels
from dali_mixup.methods.masks import Separable as Separable
from dali_mixup.methods.mixup import MixUp as MixUp
from dali_mixup.methods.mosaic import Mosaic as Mosaic
from dali_mixup.methods.resizemix import ResizeMix as ResizeMix
from dali_mixup.methods.ricap import RICAP as RICAP
from dali_mixup.methods.smoothmix import SmoothMix as SmoothMix
from dali_mixup.methods.specmix import SpecMix as SpecMix
from dali_mixup.methods.stackmix import StackMix as StackMix
from dali_mixup.methods.tokenmix import TokenMix as TokenMix
from dali_mixup.methods.vhmixup import VHMixUp as VHMixUp

# A line above registers a method: every class of methods imported here, by the value of its `name`. Methods that need
# maps are left out: recipes are for data with labels.
REGISTRY: dict[str, type[Method]] = {
    item.name: item
    for item in list(globals().values())
    if isinstance(item, type)
    and issubclass(item, Method)
    and item is not Method
    and not issubclass(item, MapMethod)
}

__all__ = [
    "REGISTRY",
    "Bits",
    "ClassMix",
    "Contours",
    "Draws",
    "Form",
    "Levels",
    "MapMethod",
    "Method",
    "Separable",
    *(kind.__name__ for kind in REGISTRY.values()),
]
