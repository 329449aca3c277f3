"""The mixing methods, one to a file, and the registry that recipes name them by. NumPy only."""

from __future__ import annotations

from .base import Draws as Draws
from .base import Form as Form
from .base import Method as Method
from .cutmix import CutMix as CutMix
from .fmix import FMix as FMix
from .gmix import GMix as GMix
from .gridmix import GridMix as GridMix
from .hmix import HMix as HMix
from .maskmix import MaskMix as MaskMix
from .mixup import MixUp as MixUp
from .mosaic import Mosaic as Mosaic
from .resizemix import ResizeMix as ResizeMix
from .ricap import RICAP as RICAP
from .smoothmix import SmoothMix as SmoothMix
from .tokenmix import TokenMix as TokenMix
from .vhmixup import VHMixUp as VHMixUp

# A line above registers a method: every class of methods imported here, by the name it gives itself.
REGISTRY: dict[str, type[Method]] = {
    item.name: item
    for item in list(globals().values())
    if isinstance(item, type) and issubclass(item, Method) and item is not Method
}
