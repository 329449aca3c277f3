"""A network that does not take every image size of a run is refused before the first epoch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup.augment import MultiScale, SizeSchedule
from dali_mixup.train import TrainOptions, prepared
from dali_mixup.train.trial import training_sizes
from tests.train.running import run


def changed(recipe: str, name: str, text: str) -> str:
    file = Path(recipe).with_name(name)
    file.write_text(f"extends: {Path(recipe).name}\n{text}\n")
    return str(file)


@pytest.mark.parametrize(
    ("model", "change", "message"),
    [
        (
            "deit_tiny_patch16_224",
            "validation: {transform: {image_size: 64, resize_size: 64}}",
            r"validation images of 64 x 64 pixels \(.*48.*\)\. Set validation\.transform\.image_size to "
            "training's 48 x 48",
        ),
        (
            "deit_tiny_patch16_224",
            "transform: {image_size: {kind: size_schedule, knots: [[0, 32], [2, 48]], multiple: 16}}",
            "training images of 32 x 32 .* Choose one image_size for all epochs",
        ),
        (
            "deit_tiny_patch16_224",
            "transform: {image_size: {kind: multi_scale, sizes: [32, 48]}}",
            "training images of 32 x 32 .* Choose one image_size for all epochs",
        ),
        (
            "test_vit",
            "transform: {image_size: 40}",
            "training images of 40 x 40 .* Choose another image_size or another model",
        ),
    ],
    ids=["validation", "schedule", "multi_scale", "patches"],
)
def test_sizes_that_a_transformer_does_not_take(
    recipe: str, few_photographs: Path, tmp_path: Path, model: str, change: str, message: str
) -> None:
    other = changed(recipe, "sizes.yaml", change)
    with pytest.raises(ValueError, match=f"train: model '{model}' does not take {message}"):
        run(other, few_photographs, tmp_path / "out", model=model)
    assert not (tmp_path / "out").exists()


def test_a_network_that_cannot_be_built_for_the_size(
    recipe: str, few_photographs: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"'xcit_nano_12_p16_224' cannot be built for .* 50 x 50 pixels"):
        run(recipe, few_photographs, tmp_path, model="xcit_nano_12_p16_224", image_size=50)


def test_a_transformer_takes_oblong_images(recipe: str, few_photographs: Path, tmp_path: Path) -> None:
    sizes = "transform: {image_size: [32, 48]}\nvalidation: {transform: {image_size: [32, 48]}}"
    other = changed(recipe, "oblong.yaml", sizes)
    run(other, few_photographs, tmp_path, model="deit_tiny_patch16_224", max_steps=1)


def test_the_trial_changes_nothing(recipe: str, few_photographs: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    options = TrainOptions(
        recipe, few_photographs, output=tmp_path, device="cpu", num_threads=1, image_size=32
    )
    with prepared(options) as made:
        drawn = torch.rand(3)
        assert made.learner.bare.training and all(part.training for part in made.learner.bare.modules())
        buffers = dict(made.learner.bare.named_buffers())
        assert all(value == 0 for name, value in buffers.items() if name.endswith("num_batches_tracked"))
        assert all(not value.any() for name, value in buffers.items() if name.endswith("running_mean"))
    torch.manual_seed(0)
    assert torch.equal(drawn, torch.rand(3))


KNOTS = st.lists(st.tuples(st.integers(0, 9), st.integers(8, 64)), min_size=1, max_size=4).map(
    lambda knots: tuple(sorted(knots))
)


@given(
    size=st.one_of(
        st.builds(SizeSchedule, KNOTS, st.sampled_from([1, 4, 8])),
        st.builds(
            MultiScale,
            st.lists(st.integers(1, 99), min_size=1, max_size=4).map(tuple),
            st.sampled_from(["epoch", "batch"]),
        ),
    ),
    seed=st.integers(0, 9),
    epochs=st.integers(1, 12),
)
def test_every_size_of_a_batch_is_tried(size: SizeSchedule | MultiScale, seed: int, epochs: int) -> None:
    sizes = training_sizes(size, seed, epochs)
    assert len(sizes) == len(set(sizes))
    assert {size.at(seed, epoch, step) for epoch in range(epochs) for step in range(3)} <= set(sizes)


def test_a_size_that_does_not_change_is_tried_alone() -> None:
    assert training_sizes(32, 0, 9) == [(32, 32)] and training_sizes((24, 32), 0, 9) == [(24, 32)]
