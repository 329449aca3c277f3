from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dali_mixup._graph.pixel_kind import PixelKind
from dali_mixup._graph.trial import MOST_FILES
from dali_mixup.check.findings import Header
from dali_mixup.check.trials import MOST_BYTES, care_for, trials

FORMATS = st.sampled_from(["JPEG", "PNG", "WEBP", "TIFF"])
HEADERS = st.builds(
    lambda format, channels, pixels: Header(format, pixels, 1, channels, 9, rotated=False),
    FORMATS,
    st.integers(1, 4),
    st.integers(1, 2 * MOST_BYTES // 3) | st.integers(1, 1000),
)


@given(st.lists(HEADERS, max_size=300))
def test_trials_keep_their_bounds_and_every_sample(headers: list[Header]) -> None:
    given_headers = {3 * i: header for i, header in enumerate(headers)}
    cut = list(trials(given_headers))
    assert sorted(index for _, batch in cut for index in batch) == list(given_headers)
    for care, batch in cut:
        assert 1 <= len(batch) <= MOST_FILES
        assert {care_for(given_headers[index]) for index in batch} == {care}
        assert len(batch) == 1 or sum(3 * given_headers[index].width for index in batch) <= MOST_BYTES


def test_formats_of_many_kinds_are_compared_and_plain_ones_are_not() -> None:
    def care(format: str, channels: int) -> str:
        return care_for(Header(format, 8, 8, channels, 9, rotated=False))

    assert [care("JPEG", c) for c in (1, 3, 4)] == ["whole", "whole", "compare"]
    assert [care("PNG", c) for c in (1, 2, 3, 4)] == ["whole"] * 4
    assert care("WEBP", 4) == "window"
    assert care_for(Header("TIFF", 8, 8, 5, 9, rotated=False), PixelKind(5)) == "window"
    assert {care(name, 3) for name in ("TIFF", "BMP", "PPM", "JPEG2000")} == {"compare"}
