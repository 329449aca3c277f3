"""Every recipe that ships: it loads, says where it is from, and makes loaders and a loss that work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dali_mixup import Balanced, MixPolicy, Remix, Runtime
from dali_mixup.augment.sizes import SizeSchedule
from dali_mixup.losses import JensenShannonCrossEntropy
from dali_mixup.recipes import load_recipe, recipe_names

ONE_THREAD = Runtime(num_threads=1)

PUBLISHED = {
    "augmix-cifar10", "augmix-resnet50", "byol", "cmo-cifar100-lt", "cmo-imagenet-lt", "convnext-t",
    "cutmix-resnet50", "deit-b", "deit-s", "deit3-s", "dino", "dinov2", "ffcv-rn50", "fixmatch-cifar10",
    "ict-cifar10", "imix-cifar10", "mixmatch-cifar10", "mixup-cifar10", "mixup-resnet50", "mixup-resnet50-200",
    "moco-v3", "mosaic-hot", "mosaic-medium", "mosaic-mild", "multimix-cifar100", "nvidia-efficientnet-b0",
    "nvidia-resnet50-250", "nvidia-resnet50-90", "regmixup-cifar10", "regmixup-cifar100", "remix-cifar100-lt",
    "rsb-a1", "rsb-a2", "rsb-a3", "simclr", "swin-t", "torchvision-resnet50-v1", "torchvision-resnet50-v2",
    "uda-cifar10", "unimix-cifar100-lt", "unmix-cifar10",
}  # fmt: skip
OF_VIEWS = {"byol", "dino", "dinov2", "imix-cifar10", "moco-v3", "simclr",
            "unmix-cifar10"}  # fmt: skip
WITHOUT_A_LOSS = {"fixmatch-cifar10", "uda-cifar10"}


def test_all_of_them_ship() -> None:
    assert set(recipe_names()) == PUBLISHED


@pytest.mark.parametrize("name", sorted(PUBLISHED - OF_VIEWS - WITHOUT_A_LOSS))
def test_makes_loaders_and_a_loss(name: str, imagenet_root: Path) -> None:
    recipe = load_recipe(name)
    classes = 4
    with recipe.train_loader(
        imagenet_root / "train", batch_size=8, device="cpu", runtime=ONE_THREAD
    ) as loader:
        images, targets, *records = next(iter(loader))
    size = recipe.transform.image_size
    if isinstance(size, SizeSchedule):
        size = size.at(0, 0, 0)[0]
    views = images if isinstance(images, tuple) else (images,)
    for view in views:
        assert view.shape == (8, 3, size, size)
        assert torch.isfinite(view).all()
    if recipe.policy is None:
        assert targets.dtype == torch.int64 and targets.shape == (8,)
    else:
        assert targets.shape == (8, classes)
        torch.testing.assert_close(targets.sum(1), torch.ones(8))
        off = recipe.policy.label_smoothing / classes
        assert (targets >= off * 0.999).all()

    # A loss that takes the clean images' logits and labels too needs them handed over; another takes those of views.
    logits = torch.zeros(8 * (len(views) + len(records)), classes, requires_grad=True)
    loss = recipe.loss()(logits, *(record.labels for record in records), targets)
    loss.backward()
    assert torch.isfinite(loss) and logits.grad is not None and logits.grad.abs().sum() > 0

    with recipe.val_loader(imagenet_root / "val", batch_size=4, device="cpu", runtime=ONE_THREAD) as loader:
        images, labels = next(iter(loader))
    assert images.shape == (4, 3, *recipe.validation.transform.size)
    assert labels.tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_says_where_it_is_from(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.source.paper or recipe.source.code
    assert recipe.source.top1 is not None or "gives" in recipe.source.notes
    assert not (set(recipe.recalled) & set(recipe.unstated))


def test_deit_mixes_as_timm_is_told_to() -> None:
    assert load_recipe("deit-s").policy == MixPolicy.from_timm(
        mixup_alpha=0.8, cutmix_alpha=1.0, prob=1.0, switch_prob=0.5, label_smoothing=0.1
    )


def test_normalisation_is_torchvisions(imagenet_root: Path) -> None:
    from torchvision.models import ResNet50_Weights

    recipe = load_recipe("torchvision-resnet50-v2")
    theirs = ResNet50_Weights.IMAGENET1K_V2.transforms()
    np.testing.assert_allclose(recipe.output.mean, [255 * m for m in theirs.mean])
    np.testing.assert_allclose(recipe.output.std, [255 * s for s in theirs.std])
    cut = recipe.validation.transform
    assert [cut.resize_size, cut.image_size] == [*theirs.resize_size, *theirs.crop_size]
    assert cut.interpolation == theirs.interpolation.value
    assert recipe.source.top1 == ResNet50_Weights.IMAGENET1K_V2.meta["_metrics"]["ImageNet-1K"]["acc@1"]
    loader = recipe.train_loader(imagenet_root / "train", batch_size=4, device="cpu", runtime=ONE_THREAD)
    np.testing.assert_allclose(loader.spec.pipeline.first.mean, [255 * m for m in theirs.mean])


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_timm_has_the_network(name: str) -> None:
    timm = pytest.importorskip("timm")
    assert timm.is_model(load_recipe(name).source.model)


@pytest.mark.parametrize("name", ["ict-cifar10", "mixmatch-cifar10", "multimix-cifar100"])
def test_the_latent_module_is_made_with_the_recipes_parameters(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.latent is not None
    arguments = {} if name == "ict-cifar10" else {"num_classes": 10}
    module = recipe.latent_module(**arguments)
    assert type(module).__name__ == recipe.latent.module
    for key, value in recipe.latent.parameters.items():
        if hasattr(module, key):
            assert getattr(module, key) == value
    assert load_recipe("deit-s").latent_module() is None


def test_multimix_hands_over_unmixed_batches_about_half_the_time() -> None:
    recipe = load_recipe("multimix-cifar100")
    policy = recipe.policy
    assert policy is not None
    plans = [policy.plan(16, 32, 32, seed=0, epoch=0, step=step) for step in range(400)]
    mixed = np.array([(plan.method == 0).mean() for plan in plans])
    assert set(mixed[mixed < 0.5]) == {
        0
    }  # the regime is the batch's, but for rows whose partner is themselves
    unmixed = (mixed == 0).sum()
    assert 140 < unmixed < 260  # binomial(400, 1/2), six standard deviations


def test_ffcv_grows_at_the_published_epochs() -> None:
    size = load_recipe("ffcv-rn50").transform.image_size
    assert isinstance(size, SizeSchedule)
    sides = [size.at(0, epoch, 0)[0] for epoch in range(88)]
    # ffcv-imagenet's rule: 160 up to epoch 65, 192 from 76, between them linear and rounded to 32.
    theirs = [int(np.round(np.interp(epoch, [65, 76], [160, 192]) / 32)) * 32 for epoch in range(88)]
    assert sides == theirs


def test_cmo_pastes_balanced_partners_after_the_fourth_and_until_the_third_last_epoch() -> None:
    """naver-ai/cmo, cifar_train.py: start_data_aug < epoch < epochs - end_data_aug, both 3, of 200 epochs."""
    policy = load_recipe("cmo-cifar100-lt").policy
    assert policy is not None and policy.rule == Balanced()
    on = [policy.schedules.active(epoch, 0, 10) for epoch in range(200)]
    assert on == [3 < epoch < 200 - 3 for epoch in range(200)]


def test_remix_counts_the_classes_of_its_data(imagenet_root: Path) -> None:
    recipe = load_recipe("remix-cifar100-lt")
    loader = recipe.train_loader(imagenet_root / "train", batch_size=8, device="cpu", runtime=ONE_THREAD)
    policy = loader.spec.policies[0]
    assert policy is not None
    assert policy.remix == Remix(np.bincount(loader.dataset.labels), kappa=3.0, tau=0.5)


def test_augmix_compares_the_same_crop_with_and_without_augmentation(imagenet_root: Path) -> None:
    recipe = load_recipe("augmix-resnet50")
    loss = recipe.loss()
    assert isinstance(loss, JensenShannonCrossEntropy) and (loss.num_splits, loss.alpha) == (3, 12)
    small = {"batch_size": 4, "device": "cpu", "runtime": ONE_THREAD}
    with recipe.train_loader(imagenet_root / "train", image_size=64, **small) as loader:
        (clean, first, second), labels = next(iter(loader))
    plain = replace(recipe.transform, image_size=64, auto_augment=None)
    with recipe.train_loader(imagenet_root / "train", transform=plain, views=None, **small) as loader:
        alone, same_labels = next(iter(loader))
    assert torch.equal(clean, alone) and torch.equal(labels, same_labels)
    assert not torch.equal(first, clean) and not torch.equal(first, second)
