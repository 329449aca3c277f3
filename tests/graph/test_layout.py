"""The axes of rows: in every layout, the four that the operators work on hold the same numbers, in the right order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup._graph.layout import Layout

EXTENTS = st.integers(1, 4)


def of(layout: str | None, boxed: bool = True, means: int = 1, channels_last: bool | None = None) -> Layout:
    return Layout.of("mix", layout, boxed=boxed, means=means, channels_last=channels_last)


@st.composite
def layouts(draw: Any) -> tuple[Layout, tuple[int, ...]]:
    """A layout that is accepted, with the shape of a row."""
    boxed = draw(st.booleans())
    lead = draw(st.permutations("FDBX"))[: draw(st.integers(0, 3))]
    axes = [*lead, *(["HW"] if boxed else draw(st.sampled_from([[], ["T"], ["H"], ["W", "H"]])))]
    if draw(st.booleans()) or not axes:
        axes.insert(draw(st.integers(0, len(axes))), "C")
    name = "".join(axes)
    channels_last = draw(st.sampled_from([None, True, False]))
    # Without an output there is one mean.
    means = draw(st.sampled_from([1, 3])) if "C" in name and channels_last is not None else 1
    layout = of(name, boxed, means, channels_last)
    return layout, tuple(draw(EXTENTS) for _ in name)


@given(layouts())
def test_what_the_graph_does_moves_every_number_where_its_axes_say(case: tuple[Layout, Any]) -> None:
    layout, shape = case
    assert layout.given is not None and layout.made is not None
    row = np.arange(np.prod(shape)).reshape(shape)
    worked = (row if layout.permutation is None else row.transpose(layout.permutation)).reshape(
        layout.frames(shape)
    )
    if layout.images:
        assert layout.worked == "HWC" and worked.shape[0] == 1
        worked = worked[0]
    moved = worked.transpose([layout.worked.index(axis) for axis in layout.normalised])
    expected = row.transpose([layout.given.index(axis) for axis in layout.made])
    assert layout.made_shape(shape) == expected.shape
    np.testing.assert_array_equal(moved.reshape(layout.made_shape(shape)), expected)


@given(layouts())
def test_height_width_and_channels_are_the_axes_of_that_name(case: tuple[Layout, Any]) -> None:
    layout, shape = case
    assert layout.given is not None
    extent = dict(zip(layout.given, shape, strict=True))
    frames, height, width, channels = layout.frames(shape)
    if layout.boxed:
        assert (height, width) == (extent["H"], extent["W"])
    else:
        assert (frames, height) == (1, 1)
    if layout.per_channel or layout.images:
        assert channels == extent["C"]


@given(st.lists(EXTENTS, max_size=5))
def test_rows_of_any_shape_are_lines(shape: list[int]) -> None:
    layout = of(None, boxed=False)
    assert layout.frames(shape) == (1, 1, np.prod(shape, dtype=int), 1)
    assert layout.made_shape(shape) == tuple(shape) and layout.permutation is None


def test_with_a_size_and_without_a_layout_rows_are_images() -> None:
    assert of(None) == of("HWC") and of(None).images


@pytest.mark.parametrize("layout", ["FHWC", "CDHW", "DHW", "HW", "HWD", "WC"])
def test_axes_that_come_back_as_they_were_are_not_moved(layout: str) -> None:
    assert of(layout).permutation is None and of(layout).made == layout


@pytest.mark.parametrize(
    ("layout", "channels_last", "made"),
    [
        ("FHWC", False, "CFHW"),
        ("FHWC", True, "FHWC"),
        ("FCHW", False, "CFHW"),
        ("CDHW", False, "CDHW"),
        ("CDHW", True, "DHWC"),
        ("HW", False, "HW"),
        ("CHW", True, "HWC"),
        ("FCHW", None, "FCHW"),
    ],
)
def test_channels_come_back_first_or_last_of_all_axes(
    layout: str, channels_last: bool | None, made: str
) -> None:
    assert of(layout, channels_last=channels_last).made == made


@pytest.mark.parametrize("layout", ["NHWC", "HHWC", "H W", "HW2", "", "Ü"])
def test_letters_that_name_no_axes_are_refused(layout: str) -> None:
    with pytest.raises(ValueError, match="expected a different letter for each axis of a row, without N"):
        of(layout)


@pytest.mark.parametrize("layout", ["WH", "HFW", "HC", "FC", "hw", "HCW"])
def test_a_box_needs_its_axes_side_by_side(layout: str) -> None:
    with pytest.raises(ValueError, match=rf"layout='{layout}' with image_size, expected H followed by W"):
        of(layout)


def test_axes_behind_w_cannot_be_normalised_by_channel() -> None:
    assert of("HWDC").frames((2, 3, 4, 5)) == (1, 2, 3, 20)
    with pytest.raises(ValueError, match="axes behind W"):
        of("HWDC", means=3)


@pytest.mark.parametrize(("layout", "boxed"), [("HW", True), ("DHW", True), (None, False), ("FT", False)])
def test_means_per_channel_need_channels(layout: str | None, boxed: bool) -> None:
    with pytest.raises(ValueError, match=r"3 means and deviations, but layout=.* has no channels"):
        of(layout, boxed=boxed, means=3)


def test_another_type_is_refused() -> None:
    with pytest.raises(TypeError, match="layout=3, expected a string such as 'HWC'"):
        of(3)  # type: ignore[arg-type]
