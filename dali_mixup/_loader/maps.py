"""The class ids of a batch's pixels: masks after the windows, flips and affine operations of their images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:  # these load torch and DALI
    from dali_mixup._loader.masks import MaskReader
    from dali_mixup._loader.spec import LoaderSpec
    from dali_mixup.augment.windows import Windows


@dataclass(frozen=True)
class Maps:
    """The maps of a view of all rows of a batch, before mixing.

    Attributes:
        ids: (R, H, W) uint8 class ids, or the ignore index.
        windows: of all rows.
    """

    ids: np.ndarray
    windows: Windows


def made_of(
    masks: Sequence[np.ndarray],
    reads: Sequence[Any],
    spec: LoaderSpec,
    reader: MaskReader,
    *,
    rank: int,
    epoch: int,
    step: int,
) -> tuple[Maps, ...]:
    """The maps of a batch, for each view of the labelled samples, from the masks of those rows that have one, in their
    order.

    Args:
        reads: as `Batch.reads`; rows of other sources than the loader's have no mask, and only the ignore index.
    """
    assert spec.paired is not None
    coming = iter(masks)
    of_rows: list[np.ndarray | None] = []
    sizes: list[tuple[int, ...]] = []
    for source, indices, _ in reads:
        if source is spec.source:
            own = [next(coming) for _ in indices]
            of_rows += own
            sizes += [mask.shape for mask in own]
        else:
            of_rows += [None] * len(indices)
            sizes += reader.sizes(source, indices.tolist())
    table = np.array(sizes, np.int64).reshape(-1, 2)
    made = []
    for number, view in enumerate(spec.pipeline.views[: spec.labelled_views]):
        ids, windows = view.transform.maps(
            of_rows,
            table,
            spec.paired.ignore_index,
            seed=spec.seed_of(number),
            window_seed=spec.seed_of(view.window),
            rank=rank,
            epoch=epoch,
            step=step,
        )
        made.append(Maps(ids, windows))
    return tuple(made)
