"""What the trainer refuses before the work."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.train.running import run


def test_wrong_data_end_with_what_to_do(recipe: str, few_photographs: Path, tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"does not exist; expected a folder with train and val in it"
    ):
        run(recipe, tmp_path / "nowhere", tmp_path / "a")
    with pytest.raises(FileNotFoundError, match=r"no folders train and val \(found astronaut, brick"):
        run(recipe, few_photographs / "train", tmp_path / "a")
    with pytest.raises(ValueError, match=r"the data have 10 classes, expected num_classes=1000"):
        run(recipe, few_photographs, tmp_path / "a", num_classes=1000)

    other = tmp_path / "val"
    for folder in (few_photographs / "val").iterdir():
        if folder.name != "cat":
            name = "lynx" if folder.name == "coffee" else folder.name
            (other / name).mkdir(parents=True)
            (other / name / "0.jpg").write_bytes((folder / f"{folder.name}_0.JPEG").read_bytes())
    with pytest.raises(ValueError, match=r"1 of the 9 classes .* not in classes=: 'lynx'"):
        run(recipe, few_photographs, tmp_path / "a", val_data=other)


def test_what_this_trainer_cannot_do_is_refused(recipe: str, few_photographs: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no model 'test_resnt' \(did you mean 'test_resnet'\?\)"):
        run(recipe, few_photographs, tmp_path, model="test_resnt")
    with pytest.raises(ValueError, match="needs MultiMix inside the training step"):
        run("multimix-cifar100", few_photographs, tmp_path)
    with pytest.raises(ValueError, match="batch of 16 does not divide among 1 processes x accumulate=3"):
        run(recipe, few_photographs, tmp_path, accumulate=3)
    with pytest.raises(
        ValueError, match=r"accumulate=8 batches is longer than an epoch, which has 7, .* <= 7"
    ):
        run(recipe, few_photographs, tmp_path, batch_size=8, accumulate=8)
    with pytest.raises(ValueError, match="amp='fp16' needs a GPU"):
        run(recipe, few_photographs, tmp_path, amp="fp16")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dino", "the loss of recipe dino is not one of this trainer's; examples/dino.py has it"),
        ("fixmatch-cifar10", "examples/fixmatch.py has it"),
        ("mixmatch-cifar10", "needs MixMatchStep inside the training step"),
    ],
)
def test_a_training_step_of_another_kind_is_refused(
    few_photographs: Path, tmp_path: Path, name: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        run(name, few_photographs, tmp_path / "out")


def test_views_or_unlabelled_samples_that_the_loss_does_not_use_are_refused(
    recipe: str, few_photographs: Path, tmp_path: Path
) -> None:
    head, _, tail = Path(recipe).read_text().partition("policy:")
    rest = f"validation:{tail.partition('validation:')[2]}"
    file = tmp_path / "views.yaml"
    for section, part in (("views: [{count: 2}]", "views"), ("unlabelled: {}", "unlabelled samples")):
        file.write_text(f"{head}{section}\n{rest}")
        with pytest.raises(ValueError, match=f"has {part}, of which loss.name='cross-entropy' makes no use"):
            run(str(file), few_photographs, tmp_path / "out")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_images_of_half_precision_need_autocast(
    recipe: str, few_photographs: Path, tmp_path: Path, dtype: str
) -> None:
    file = tmp_path / "half.yaml"
    file.write_text(f"{Path(recipe).read_text()}output: {{dtype: {dtype}}}\n")
    for amp in ("off", "auto"):
        with pytest.raises(ValueError, match=rf"images are {dtype} .* amp='{amp}' on cpu .* give amp='bf16'"):
            run(str(file), few_photographs, tmp_path / amp, amp=amp)
    assert run(str(file), few_photographs, tmp_path / "bf16", amp="bf16", max_steps=1).step == 1
