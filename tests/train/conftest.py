"""A small real task: crops of photographs, which no two splits share pixels of."""

from __future__ import annotations

from pathlib import Path

import pytest

from dali_mixup.bench.photographs import write_photographs

RECIPE = """
title: a small network on crops of photographs
source: {model: test_resnet}
transform:
  image_size: 48
  scale: [0.5, 1.0]
policy:
  methods: [{method: mixup, alpha: 0.2}, {method: cutmix, alpha: 1.0}]
  prob: 0.5
  granularity: sample
  label_smoothing: 0.05
  schedule: {stop: 4}
validation: {transform: {image_size: 48, resize_size: 48}}
training:
  epochs: 5
  batch_size: 16
  optimizer: {name: adamw}
  learning_rate: {base: 3.0e-3, warmup_epochs: 1}
  weight_decay: 0.05
  decay_biases_and_norms: false
  ema: {decay: 0.9, every: 2}
"""


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """{train,val}/<class>: 240 and 80 crops of ten photographs."""
    root = tmp_path_factory.mktemp("photographs")
    write_photographs(root, train_per_class=24, val_per_class=8)
    return root


@pytest.fixture(scope="session")
def few_photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with 60 and 20 crops."""
    root = tmp_path_factory.mktemp("few")
    write_photographs(root, train_per_class=6, val_per_class=2)
    return root


@pytest.fixture(scope="session")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A recipe file for these tasks."""
    file = tmp_path_factory.mktemp("recipe") / "small.yaml"
    file.write_text(RECIPE)
    return str(file)
