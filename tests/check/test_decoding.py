from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dali_mixup.check.decoding import MOST_FILES, MOST_PIXELS, batches


@given(st.lists(st.integers(1, 2 * MOST_PIXELS) | st.integers(1, 1000), max_size=300))
def test_batches_keep_their_bounds_and_every_image(pixels: list[int]) -> None:
    indices = [3 * i for i in range(len(pixels))]
    cut = list(batches(indices, pixels))
    assert [index for batch in cut for index in batch] == indices
    for batch in cut:
        assert 1 <= len(batch) <= MOST_FILES
        assert len(batch) == 1 or sum(pixels[index // 3] for index in batch) <= MOST_PIXELS
