"""What was checked when it was given stays as it was then, whatever its owner does with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from dali_mixup import CutMix, LabelVectors, MixUp, Neighbours, View


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_vectors_do_not_change_with_the_array(dtype: type) -> None:
    given = np.zeros((4, 3), dtype)
    kept = LabelVectors(given)
    given[:] = np.nan
    assert (kept.vectors == 0).all()
    with pytest.raises(ValueError, match="read-only"):
        kept.vectors[0] = 1


def test_vectors_do_not_change_with_the_tensor_or_view() -> None:
    tensor, array = torch.zeros(4, 3), np.zeros((8, 3), np.float32)
    kept = LabelVectors(tensor), LabelVectors(array[::2]), LabelVectors(array[:4])
    tensor.fill_(torch.nan)
    array[:] = np.nan
    assert all((one.vectors == 0).all() for one in kept)
    assert array.flags.writeable


def test_what_nobody_can_write_to_is_not_copied(tmp_path: Path) -> None:
    np.save(tmp_path / "vectors.npy", np.zeros((4, 3), np.float32))
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    assert np.shares_memory(LabelVectors(mapped).vectors, mapped)


def test_neighbours_do_not_change_with_the_table() -> None:
    array, tensor = np.zeros((4, 2), int), torch.zeros(4, 2, dtype=torch.int64)
    kept = Neighbours(array), Neighbours(tensor)
    array[:] = tensor[:] = 99
    assert all(one.table.max() == 0 for one in kept)


def test_a_view_does_not_change_with_the_list_of_methods() -> None:
    methods = [MixUp(), CutMix()]
    view = View(policy=methods)
    methods.clear()
    assert view.mixing is not None and len(view.mixing.all_methods) == 2
    assert hash(view) == hash(View(policy=(MixUp(), CutMix())))
