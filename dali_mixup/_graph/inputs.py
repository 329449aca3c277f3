"""Checks of the inputs of `fn.mix`, batch by batch: a graph knows neither shapes nor types when it is built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from nvidia.dali import fn
from nvidia.dali.data_node import DataNode

GATES = ("is_blend", "paste_ids", "is_resize", "is_mask", "is_separable")
"""Arrays of a plan that the operators which depend on the images' size cannot do without."""


def checked(
    labels: DataNode,
    nodes: Mapping[str, DataNode],
    images: DataNode,
    layout: str,
    height: int,
    width: int,
    means: int,
    num_classes: int | None,
) -> tuple[DataNode, dict[str, DataNode]]:
    """The same labels and arrays of the plan; a batch that cannot be mixed ends the run, where DALI would mix something
    else without an error: boxes would be outside the images, a grey image would be added to each channel of a coloured
    one, the GPU's crop_mirror_normalize would begin again with the first mean where there are more channels than means,
    and one_hot would give a row of off values for a class it does not have.

    Args:
        labels: labels on the CPU.
        nodes: the plan's arrays. Those in `GATES` pass through the check, so that no operator fails before it does.
        images: images on any device, in `layout`; only their shapes are read.
        height, width: size for which the plans are made.
        means: number of means of the normalisation; 1 is for any number of channels.
        num_classes: number of classes for class ids; None: the labels are vectors.
    """
    gates = [name for name in GATES if name in nodes]
    made = fn.python_function(
        labels,
        images.shape(device="cpu"),
        *(nodes[name] for name in gates),
        function=_Inputs(layout, height, width, means, num_classes),
        num_outputs=1 + len(gates),
        batch_processing=True,
    )
    labels, *passed = made if gates else [made]
    return labels, {**nodes, **dict(zip(gates, passed, strict=True))}


class _Inputs:
    """Called by DALI with a batch's labels and shapes. A class, not a closure, so that autograph leaves it alone."""

    def __init__(self, layout: str, height: int, width: int, means: int, num_classes: int | None):
        self.layout, self.height, self.width = layout, height, width
        self.means, self.num_classes = means, num_classes
        self.__name__ = "inputs_of_mix"

    def __call__(self, labels: Any, shapes: Any, *passed: Any) -> Any:
        self._check_sizes(np.stack([np.asarray(shape) for shape in shapes]))
        rows = [np.asarray(label) for label in labels]
        if self.num_classes is None:
            self._check_vectors(rows)
        else:
            self._check_ids(rows, self.num_classes)
        return (labels, *passed) if passed else labels

    def _check_sizes(self, shapes: np.ndarray) -> None:
        if shapes.shape[1] != 3:
            raise ValueError(f"images of {shapes.shape[1]} dimensions; expected {self.layout}, which has 3")
        y, x, c = (self.layout.index(axis) for axis in "HWC")
        wrong = shapes[(shapes[:, y] != self.height) | (shapes[:, x] != self.width)]
        if len(wrong):
            other = "CHW" if self.layout == "HWC" else "HWC"
            swapped = wrong[0][c] not in (1, 3, 4) and wrong[0][other.index("C")] in (1, 3, 4)
            raise ValueError(
                f"an image of {wrong[0][y]} x {wrong[0][x]} pixels ({self.layout} shape {tuple(map(int, wrong[0]))}), "
                f"but image_size=({self.height}, {self.width}); give the size that the images have"
                + (
                    f", and layout='{other}', which their shape looks like"
                    if swapped
                    else ", or resize them before"
                )
            )
        channels = np.unique(shapes[:, c]).tolist()
        if len(channels) > 1:
            raise ValueError(
                f"images of {' and '.join(map(str, channels))} channels in one batch; give all of them the same "
                "number, for example by decoding to types.RGB"
            )
        if self.means not in (1, channels[0]):
            raise ValueError(
                f"images of {channels[0]} channels, but output has {self.means} means and deviations; give one for "
                "each channel, or one for all"
            )

    def _check_ids(self, rows: list[np.ndarray], num_classes: int) -> None:
        wrong = next((row for row in rows if row.size != 1 or row.dtype.kind not in "iu"), None)
        if wrong is not None:
            raise ValueError(
                f"a label of shape {wrong.shape} and type {wrong.dtype} with num_classes={num_classes}; expected one "
                "integer class id per image (for one-hot, multi-hot or regression vectors leave num_classes out)"
            )
        values = np.array([int(row.reshape(())) for row in rows])
        bad = values[(values < 0) | (values >= num_classes)]
        if len(bad):
            raise ValueError(
                f"label {int(bad[0])} is outside [0, {num_classes}); {len(bad)} of {len(values)} labels in this batch "
                f"are. Give num_classes >= {int(values.max()) + 1}, or correct the labels"
            )

    def _check_vectors(self, rows: list[np.ndarray]) -> None:
        if rows[0].ndim != 1 or any(row.shape != rows[0].shape for row in rows):
            raise ValueError(
                f"labels of shapes {sorted({row.shape for row in rows})} without num_classes; expected one vector (C,) "
                "per image, all of one length (for class ids give num_classes)"
            )
        if rows[0].dtype.kind in "iu" and rows[0].size == 1:
            raise ValueError(
                f"labels of one {rows[0].dtype} number each without num_classes; give num_classes for class ids, or "
                "float32 vectors for regression targets"
            )
