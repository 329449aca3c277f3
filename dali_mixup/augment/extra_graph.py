"""A user's functions as nodes of a graph."""

from __future__ import annotations

from collections.abc import Sequence

from nvidia.dali import fn, types
from nvidia.dali.data_node import DataNode

from dali_mixup._checks import called
from dali_mixup.augment.extra import Extra


def with_extras(images: DataNode, extras: Sequence[Extra], place: str, layout: str = "HWC") -> DataNode:
    """The images after the functions of that place, in their order.

    Args:
        layout: of the images.

    Raises:
        TypeError: a function returned no node.
        ValueError: a function returned a node on another device.
        Exception: whatever a function raises.
    """
    for extra in extras:
        if extra.place == place:
            images = of_the_same_shape(images, node_of(extra, images), layout)
    return images


def node_of(extra: Extra, images: DataNode) -> DataNode:
    """The node that a function returns; errors as of `with_extras`."""
    made = called(f"extra {extra.name}", extra.function, images)
    if not isinstance(made, DataNode):
        raise TypeError(
            f"extra {extra.name} at {extra.place!r} returned a {type(made).__name__}, expected a DALI node: the images"
        )
    if made.device != images.device:
        raise ValueError(
            f"extra {extra.name} at {extra.place!r} returned a node on the {made.device}, but the images are on the "
            f"{images.device}; end it with .{images.device}()"
        )
    return made


def of_the_same_shape(given: DataNode, made: DataNode, layout: str) -> DataNode:
    """`made`, without a copy; DALI fails on a batch in which a shape is not that of `given`. What follows would read
    beyond the pixels. The layout is set because few functions in Python set one."""
    other = made.shape(device="cpu") != given.shape(device="cpu")
    # 1 times each extent where they are equal, 2 times where they are not, which no reshaping can give.
    return fn.reshape(made, rel_shape=fn.cast(other, dtype=types.DALIDataType.FLOAT) + 1.0, layout=layout)


def refuse_other_shape(error: Exception, extras: Sequence[Extra]) -> None:
    """Raise ValueError if DALI's error is that of `of_the_same_shape`: it has the traceback of its operator."""
    if f", in {of_the_same_shape.__name__}\n" in str(error):
        names = " or ".join(one.name for one in extras if one.place != "batch")
        raise ValueError(
            f"extra {names} returned images of another shape than it was given, which only some images show: every "
            "image must keep its height, width and channels"
        ) from error
