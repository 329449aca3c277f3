"""Images, each with a mask."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from dali_mixup.sources.base import Place, Source
from dali_mixup.sources.classes import Classes
from dali_mixup.sources.masks.options import MOST_IDS, Masks
from dali_mixup.sources.masks.pixels import class_ids, mask_pixels
from dali_mixup.sources.remarks import Remark
from dali_mixup.sources.views import position

if TYPE_CHECKING:
    from PIL.Image import Image


class ImagesWithMasks(Source):
    """Images, each with a mask of class ids per pixel: the data of segmentation.

    The samples are those of `images`, whose own classes are not used: `labels` are all 0, and `classes` are those of
    the pixels. Until they are named (`classes=`, `with_classes`) they are "0" to "255", any that 8 bits can hold.

    Args:
        images, masks: sources of as many samples, in the same order.
        stored: how the class ids are stored; its `files` are not used.
        remarks: see `Source`.

    Attributes:
        images, masks: as given.
        stored: as given, without `files`.
        ignore_index: the value of pixels without a class.

    Raises:
        ValueError: different numbers of images and masks.
    """

    def __init__(
        self, images: Source, masks: Source, stored: Masks, *, remarks: tuple[Remark, ...] = ()
    ) -> None:
        if len(images) != len(masks):
            raise ValueError(
                f"{len(images)} images and {len(masks)} masks; expected one mask per image, in order"
            )
        self.images, self.masks = images, masks
        self.ignore_index, self._table = stored.ignore_index, stored.table
        self.stored = Masks([], stored.ignore_index, stored.ids)
        self.read_in_dali, self.remote = images.read_in_dali, images.remote or masks.remote
        labels = np.zeros(len(images), np.int32)
        super().__init__(
            images._names, labels, tuple(map(str, range(MOST_IDS))), images.root, remarks=remarks
        )
        self.classes_named = False

    def feed(self, indices: np.ndarray) -> list[np.ndarray]:
        return self.images.feed(indices)

    def places(self, indices: np.ndarray) -> list[Place]:
        """Those of the images, then those of the masks."""
        return [*self.images.places(indices), *self.masks.places(indices)]

    @property
    def in_files(self) -> bool:
        """False: a manifest would lose the masks."""
        return False

    def subset(self, indices: Any) -> ImagesWithMasks:
        part = ImagesWithMasks(self.images.subset(indices), self.masks.subset(indices), self.stored)
        part.classes, part.class_map, part.classes_named = self.classes, self.class_map, self.classes_named
        part.remarks = self.remarks  # logged when the whole was opened
        return part

    def with_classes(self, classes: Classes) -> ImagesWithMasks:
        """As `Source.with_classes`; ValueError too if `ids` name a class that is not among them."""
        named = super().with_classes(classes)
        named.refuse_ids_beyond(named.num_classes)
        return named

    def refuse_ids_beyond(self, classes: int) -> None:
        """Raise ValueError if `ids` map a value to a class id that is neither below `classes` nor `ignore_index`."""
        for stored, label in (self.stored.ids or {}).items():
            if label >= classes and label != self.ignore_index:
                raise ValueError(
                    f"Masks: ids maps {stored} to class {label}, but there are {classes} classes; expected ids below "
                    f"{classes}, or ignore_index={self.ignore_index}"
                )

    def fingerprint(self) -> str:
        """As that of `Source`, and of the masks' keys and options."""
        ids = None if self.stored.ids is None else sorted(self.stored.ids.items())
        parts = [super().fingerprint(), self.masks.fingerprint(), json.dumps([self.ignore_index, ids])]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def ids_in(self, encoded: bytes | np.ndarray, classes: int, most_pixels: int) -> np.ndarray:
        """(H, W) uint8 class ids in an encoded mask, below `classes` or `ignore_index`.

        Raises:
            ValueError, OSError: an image that is no mask, cannot be decoded, or has other ids.
        """
        return class_ids(mask_pixels(encoded, most_pixels), self._table, classes, self.ignore_index)

    def __getitem__(self, index: int) -> tuple[Image, Any]:
        """A sample as torchvision's datasets give it without a transform: an RGB image, and its class ids as a grey
        image."""
        from PIL import Image

        place = position(index, len(self))
        image, _ = self.images[place]
        ids = self.ids_in(self.masks.encoded(place), MOST_IDS, image.width * image.height)
        return image, Image.fromarray(ids)
