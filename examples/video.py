"""Video clips decoded and mixed in DALI, and a small 3-D convolutional network that learns what moves where.

python examples/video.py clips

The folder has `train` and `val`, and in each one folder of WebM files per class. Where it does not exist, clips are
drawn into it first: something moves to the left, to the right, up or down, which no single frame tells.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from nvidia.dali import fn, pipeline_def, types
from nvidia.dali.plugin.pytorch import DALIGenericIterator, LastBatchPolicy

import dali_mixup.fn
from dali_mixup import CutMix, MixPolicy, MixUp, Output, SoftTargetCrossEntropy

GPU = torch.cuda.is_available()
FRAMES, SIZE = 8, 32  # of a clip that the network sees
POLICY = MixPolicy([MixUp(0.8), CutMix(1.0)], label_smoothing=0.1)
OUTPUT = Output(mean=(110.0, 110.0, 110.0), std=(60.0, 60.0, 60.0))
DIRECTIONS = {"left": (0, -1), "right": (0, 1), "up": (-1, 0), "down": (1, 0)}


@pipeline_def(num_threads=2, device_id=0 if GPU else None, seed=1)
def clips(folder: Path, training: bool, num_classes: int) -> tuple[Any, ...]:
    encoded, labels = fn.readers.file(
        file_root=str(folder),
        file_filters=["*.webm"],
        random_shuffle=training,
        pad_last_batch=not training,
        name="reader",
    )
    # On the CPU VP8, VP9 and MJPEG, on the GPU H.264 and others too.
    start = fn.random.uniform(range=(0, 4), dtype=types.INT32) if training else 0
    device = "mixed" if GPU else "cpu"
    # Without pad_mode DALI would fill frames that a clip lacks with black. "none" leaves it short, which is an error.
    frames = fn.decoders.video(
        encoded, start_frame=start, sequence_length=FRAMES, pad_mode="none", device=device
    )
    frames = fn.resize(frames, size=SIZE)  # (F, H, W, C)
    if not training:
        mean, std = list(OUTPUT.mean), list(OUTPUT.std)
        return fn.crop_mirror_normalize(frames, mean=mean, std=std, output_layout="CFHW"), labels
    # One weight for each clip, and one box for all its frames; channels come first, as Conv3d takes them.
    return dali_mixup.fn.mix(
        frames, labels, POLICY, layout="FHWC", image_size=SIZE, num_classes=num_classes, output=OUTPUT
    )


def network(num_classes: int) -> torch.nn.Module:
    """(N, 3, F, H, W) -> (N, classes)."""

    def stage(before: int, after: int) -> list[torch.nn.Module]:
        convolution = torch.nn.Conv3d(before, after, 3, padding=1, bias=False)
        return [convolution, torch.nn.BatchNorm3d(after), torch.nn.ReLU(), torch.nn.MaxPool3d((1, 2, 2))]

    pooled = [torch.nn.AdaptiveAvgPool3d(1), torch.nn.Flatten(), torch.nn.Linear(32, num_classes)]
    return torch.nn.Sequential(*stage(3, 8), *stage(8, 16), *stage(16, 32), *pooled)


def main(arguments: Sequence[str] | None = None) -> float:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=16)
    args = parser.parse_args(arguments)
    if not args.folder.exists():
        args.folder.parent.mkdir(parents=True, exist_ok=True)
        # Drawn beside it and then renamed: after Ctrl-C the next run would take half of the clips for all of them.
        with tempfile.TemporaryDirectory(dir=args.folder.parent) as unfinished:
            draw(Path(unfinished) / "clips")
            os.replace(Path(unfinished) / "clips", args.folder)
    num_classes = class_count(args.folder / "train", args.folder / "val")
    common = {"batch_size": args.batch_size, "num_classes": num_classes}
    batches = DALIGenericIterator(
        clips(args.folder / "train", True, **common),
        ["clips", "targets"],
        reader_name="reader",
        last_batch_policy=LastBatchPolicy.DROP,
        auto_reset=True,
    )
    validation = DALIGenericIterator(
        clips(args.folder / "val", False, **common),
        ["clips", "labels"],
        reader_name="reader",
        last_batch_policy=LastBatchPolicy.PARTIAL,
    )

    torch.manual_seed(0)
    model = network(num_classes).to("cuda" if GPU else "cpu")
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    steps = args.epochs * len(batches)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    loss_of = SoftTargetCrossEntropy()
    for _ in range(args.epochs):
        for (batch,) in batches:
            optimizer.zero_grad()
            loss_of(model(batch["clips"]), batch["targets"]).backward()
            optimizer.step()
            schedule.step()

    model.eval()
    right = seen = 0
    with torch.no_grad():
        for (batch,) in validation:
            chosen = model(batch["clips"]).argmax(1).cpu()
            right += int((chosen == batch["labels"].flatten().cpu()).sum())
            seen += len(chosen)
    print(f"{right} of {seen} clips correct")
    return right / seen


def class_count(train: Path, val: Path) -> int:
    """DALI numbers the class folders of each in alphabetical order, so both need the same ones."""
    of_train, of_val = (
        {entry.name for entry in folder.iterdir() if entry.is_dir()} for folder in (train, val)
    )
    if of_train != of_val:
        raise ValueError(
            f"only one of {train} and {val} has the class folders {sorted(of_train ^ of_val)}; expected the same in "
            "both, because DALI numbers those that are there: add or remove folders"
        )
    return len(of_train)


def draw(folder: Path, train: int = 40, val: int = 16, frames: int = FRAMES + 4, size: int = 40) -> None:
    """`train` and `val` clips of each direction: a square of random colour and pace, which leaves at one side and comes
    back at the other, before noise."""
    rng = np.random.RandomState(0)
    for part, count in (("train", train), ("val", val)):
        for name, (down, across) in DIRECTIONS.items():
            (folder / part / name).mkdir(parents=True)
            for i in range(count):
                background = rng.randint(60, 120, (size, size, 1)).astype(np.uint8).repeat(3, 2)
                colour, start = rng.randint(130, 256, 3), rng.randint(0, size, 2)
                pace, side = rng.randint(2, 5), rng.randint(6, 12)
                clip = np.repeat(background[None], frames, 0)
                for t in range(frames):
                    y, x = start[0] + t * pace * down, start[1] + t * pace * across
                    rows = np.arange(y, y + side) % size
                    clip[t, rows[:, None], np.arange(x, x + side) % size] = colour
                write(folder / part / name / f"{i}.webm", clip)


def write(file: Path, clip: np.ndarray) -> None:
    """Write (F, H, W, 3) uint8 frames as VP9."""
    with av.open(str(file), "w") as container:
        stream = container.add_stream("libvpx-vp9", rate=8)
        stream.height, stream.width, stream.pix_fmt = *clip.shape[1:3], "yuv420p"
        for frame in clip:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


if __name__ == "__main__":
    main()
