"""Arguments that the loaders refuse, before anything is built."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch

from dali_mixup import Output, Runtime
from dali_mixup._decide.policy import MixPolicy
from dali_mixup._loader.factory import train_loader, val_loader
from dali_mixup.augment import TrainTransform, ValTransform
from dali_mixup.methods import MixUp


class TestErrors:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"batch_size": 0}, "batch_size"),
            ({"batch_size": 100}, "drop_last"),
            (
                {"batch_size": 2**31, "drop_last": False},
                "batch_size=2147483648, expected an integer >= 1 and <=",
            ),
            ({"image_size": 0}, "image_size=0"),
            ({"policy": "mixup"}, r"expected MixPolicy\(\.\.\.\), a method"),
            ({"num_classes": 2}, "the data have 4 classes"),
            (
                {"seed": 2**64},
                "seed=18446744073709551616, expected an integer >= 0 and <= 18446744073709551615",
            ),
            ({"num_classes": 2**40}, "num_classes=1099511627776, expected an integer >= 1 and <= 10000000"),
            ({"targets": "soft"}, "'dense', 'compact', 'labels'"),
            ({"targets": "labels", "policy": MixPolicy(MixUp())}, "lose the mixed labels"),
            ({"output": "float16"}, r"expected Output\(\.\.\.\)"),
            ({"output": Output(dtype="uint8")}, "output has dtype='uint8', expected one of 'float32'"),
            ({"output": Output(mean=(9.0, 8.0), std=(1.0, 2.0))}, "or 3, one per channel"),
            ({"output": Output(mean=(0.5,) * 3)}, r"images in 0\.\.1.*mean=\(127\.5"),
            ({"rank": 1}, "give both"),
            ({"rank": 2, "world_size": 2}, "rank=2 is outside"),
            ({"runtime": 4}, r"expected Runtime\(\.\.\.\)"),
            ({"seed": -1}, "seed=-1"),
            ({"device": "tpu"}, "expected 'auto', 'cpu', 'cuda'"),
            ({"image_size": 64, "transform": TrainTransform(32)}, "give one"),
        ],
    )
    def test_bad_arguments_are_refused_at_construction(
        self, image_folder: Path, arguments: dict, message: str
    ) -> None:
        with pytest.raises((TypeError, ValueError), match=message):
            train_loader(image_folder, **({"batch_size": 4} | arguments))

    def test_validation_refuses_sizes_that_disagree(self, image_folder: Path) -> None:
        with pytest.raises(ValueError, match="resize_size=32 is smaller than image_size=64"):
            ValTransform(64, 32)
        with pytest.raises(ValueError, match="give one of them"):
            val_loader(image_folder, batch_size=4, image_size=64, transform=ValTransform(32, 40))

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: Output(dtype=torch.int64), "dtype=torch.int64, expected one of 'float32'"),
            (lambda: Output(mean=(0.5,)), "as many std as mean"),
            (lambda: Runtime(num_threads=0), "num_threads=0"),
            (lambda: Runtime(num_threads=10**6), "num_threads=1000000"),
            (lambda: Runtime(prefetch=0), "prefetch=0"),
            (lambda: Runtime(prefetch=10**9), "prefetch=1000000000"),
            (lambda: Runtime(read_ahead=-1), "read_ahead=-1"),
            (lambda: Runtime(hw_decoder_load=2), "hw_decoder_load=2"),
            (lambda: Runtime(memory_padding=-1), "memory_padding=-1"),
            (lambda: Runtime(roi_decoding="maybe"), "'maybe'"),
        ],
    )
    def test_output_and_runtime_refuse_bad_values_themselves(self, make: Any, message: str) -> None:
        with pytest.raises((TypeError, ValueError), match=message):
            make()

    @pytest.mark.skipif(torch.cuda.is_available(), reason="asks for a GPU where there is none")
    def test_a_gpu_that_is_not_there_is_refused_and_auto_says_so_once(
        self, image_folder: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        with pytest.raises(ValueError, match="torch sees no usable GPU; use device='cpu' or 'auto'"):
            train_loader(image_folder, batch_size=4, device="cuda")
        from dali_mixup._graph import device

        device._say_once.cache_clear()
        with caplog.at_level(logging.INFO, logger="dali_mixup"):
            for _ in range(3):
                train_loader(image_folder, batch_size=4)
        assert [r.message for r in caplog.records if "auto" in r.message] == [
            "device='auto' chose cpu: torch sees no usable GPU"
        ]
