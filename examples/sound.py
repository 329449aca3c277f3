"""Sound: wav files to log-mel spectrograms inside DALI, mixed there, and a small network that tells words apart.

python examples/sound.py words/train words/val --method specmix

The folders have one folder per class, as those of Speech Commands have. Every sound is cut or padded to one second.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from nvidia.dali import fn, pipeline_def, types
from nvidia.dali.data_node import DataNode
from nvidia.dali.plugin.pytorch import DALIGenericIterator, LastBatchPolicy
from torch import nn

from dali_mixup import CutMix, MixPolicy, MixUp, Output, Schedule, SoftTargetCrossEntropy
from dali_mixup.fn import mix
from dali_mixup.methods import SpecMix

RATE = 16_000  # samples per second, and per sound
STEP = 160  # samples from one window to the next: 10 ms
BANDS, TIMES = 64, RATE // STEP + 1
MEAN, STD = -40.0, 20.0  # decibels below the loudest, from -80 to 0


def main(arguments: Sequence[str] | None = None) -> float:
    """The share of validation sounds classified correctly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("train")
    parser.add_argument("val")
    parser.add_argument("--method", choices=["mixup", "cutmix", "specmix"], default="mixup")
    parser.add_argument("--warm-up", type=int, default=5, help="epochs without mixing, as in the mixup paper")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch-size", type=int, default=64)
    args = parser.parse_args(arguments)

    torch.set_num_threads(1)  # the network is too small to be shared
    classes = class_count(args.train, args.val)
    files = unmixed(args.train, batch_size=args.batch_size).reader_meta("reader")["epoch_size"]
    steps = math.ceil(files / args.batch_size)  # of the pipeline, which runs the last batch, dropped, too
    method = {"mixup": MixUp(0.2), "cutmix": CutMix(1.0), "specmix": SpecMix(0.3)}[args.method]
    policy = MixPolicy(method, granularity="sample", schedule=Schedule(start=args.warm_up))
    training = iterator(
        mixed(args.train, policy, classes, steps, 0, batch_size=args.batch_size), LastBatchPolicy.DROP
    )
    validation = iterator(unmixed(args.val, batch_size=args.batch_size), LastBatchPolicy.PARTIAL)

    torch.manual_seed(0)
    model = network(classes)
    optimizer = torch.optim.Adam(model.parameters())
    loss_of = SoftTargetCrossEntropy()
    accuracy = 0.0
    for epoch in range(args.epochs):
        model.train()
        for (batch,) in training:
            optimizer.zero_grad()
            loss_of(model(batch["spectrograms"][:, None]), batch["targets"]).backward()
            optimizer.step()
        accuracy = validate(model, validation)
        print(f"{epoch + 1} epochs done, {accuracy:.1%} of the validation sounds correct")
    return accuracy


def class_count(train: str, val: str) -> int:
    """DALI numbers the class folders of each in alphabetical order, so both need the same ones."""
    of_train, of_val = (
        {entry.name for entry in Path(folder).iterdir() if entry.is_dir()} for folder in (train, val)
    )
    if of_train != of_val:
        raise ValueError(
            f"only one of {train} and {val} has the class folders {sorted(of_train ^ of_val)}; expected the same in "
            "both, because DALI numbers those that are there: add or remove folders"
        )
    return len(of_train)


def spectrograms(folder: str, seed: int | None) -> tuple[DataNode, DataNode]:
    """(BANDS, TIMES) float32 decibels, and the number of the class's folder in alphabetical order.

    Args:
        seed: of the order; None: as the files are.
    """
    shuffle = {} if seed is None else {"random_shuffle": True, "seed": seed + 1}  # DALI draws a seed below 1
    # Padded, every epoch has the same number of batches, which `steps_per_epoch` needs. Without, an epoch's last batch
    # takes the first sounds of the next one. The padded batch is dropped, so no copy is mixed.
    encoded, labels = fn.readers.file(file_root=folder, pad_last_batch=True, name="reader", **shuffle)
    sound, _ = fn.decoders.audio(encoded, sample_rate=RATE, downmix=True, dtype=types.DALIDataType.FLOAT)
    second = fn.slice(sound, 0, RATE, axes=[0], out_of_bounds_policy="pad")
    power = fn.spectrogram(second, nfft=512, window_length=400, window_step=STEP)
    mel = fn.mel_filter_bank(power, sample_rate=RATE, nfilter=BANDS)
    return fn.to_decibels(mel, multiplier=10.0, cutoff_db=-80.0), labels


@pipeline_def(num_threads=2, device_id=None)
def mixed(folder: str, policy: MixPolicy, classes: int, steps: int, seed: int) -> Any:
    decibels, labels = spectrograms(folder, seed)
    return mix(
        decibels,
        labels,
        policy,
        layout="HW",  # frequency and time
        image_size=(BANDS, TIMES),
        num_classes=classes,
        steps_per_epoch=steps,
        output=Output(mean=MEAN, std=STD),
        seed=seed,
    )


@pipeline_def(num_threads=2, device_id=None)
def unmixed(folder: str) -> Any:
    decibels, labels = spectrograms(folder, None)
    return (decibels - MEAN) / STD, labels


def iterator(pipeline: Any, last: LastBatchPolicy) -> DALIGenericIterator:
    return DALIGenericIterator(
        pipeline, ["spectrograms", "targets"], reader_name="reader", last_batch_policy=last, auto_reset=True
    )


def network(classes: int) -> nn.Module:
    layers: list[nn.Module] = []
    for before, after in ((1, 16), (16, 32), (32, 64)):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d((1, 4)), nn.Flatten(), nn.Linear(256, classes))


@torch.no_grad()
def validate(model: nn.Module, validation: DALIGenericIterator) -> float:
    model.eval()
    right = seen = 0
    for (batch,) in validation:
        right += int((model(batch["spectrograms"][:, None]).argmax(1) == batch["targets"][:, 0]).sum())
        seen += len(batch["targets"])
    return right / seen


if __name__ == "__main__":
    main()
