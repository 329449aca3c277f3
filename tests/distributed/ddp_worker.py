"""One rank of a run under torchrun: trains a tiny DDP model and validates it, and writes down what it was given.

torchrun --nproc-per-node 2 ddp_worker.py TRAIN VAL OUT
"""

from __future__ import annotations

import hashlib
import json
import os
import runpy
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from dali_mixup import CutMix, MixPolicy, MixUp, Runtime, SoftTargetCrossEntropy, train_loader, val_loader


def run_example(path: str, train: str, val: str, out: Path) -> float:
    example = runpy.run_path(path)
    small = ["--model", "shufflenet_v2_x0_5", "--batch-size", "4", "--image-size", "32"]
    for epochs in ("1", "2"):  # the second time it resumes
        accuracy = example["main"](
            [train, val, *small, "--epochs", epochs, "--checkpoints", str(out / "ddp")]
        )
    return accuracy


def main(train: str, val: str, out: Path) -> None:
    torch.manual_seed(0)
    rank = dist.get_rank()
    policy = MixPolicy([MixUp(0.8), CutMix(1.0)], granularity="sample", label_smoothing=0.1)
    size = {"image_size": 8, "device": "cpu", "runtime": Runtime(num_threads=1)}
    record: dict[str, object] = {"rank": rank}
    with (
        train_loader(train, policy=policy, batch_size=3, drop_last=False, seed=7, **size) as batches,
        train_loader(train, policy=policy, batch_size=3, drop_last=True, seed=7, **size) as full_batches,
        val_loader(val, batch_size=4, **size) as images_to_judge,
    ):
        model = DistributedDataParallel(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 4)))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        loss_of = SoftTargetCrossEntropy()
        for name, loader in (("all", batches), ("full", full_batches)):
            epochs = []
            for _ in range(2):
                steps = []
                for images, targets in loader:
                    optimizer.zero_grad()
                    loss_of(model(images), targets).backward()
                    optimizer.step()
                    batch = loader.last_batch
                    steps.append(
                        {
                            "indices": batch.indices.tolist(),
                            "lam": batch.plan.weights[:, 0].tolist(),
                            "pixels": hashlib.sha256(images.numpy().tobytes()).hexdigest(),
                            "partners": batch.plan.partners.max().item(),
                        }
                    )
                epochs.append(steps)
            record[name] = {"len": len(loader), "epochs": epochs}
        model.eval()
        judged, counts = [], torch.zeros(2)
        with torch.no_grad():
            for images, labels in images_to_judge:
                guess = model.module(images).argmax(1)
                counts += torch.tensor([(guess == labels).sum(), len(labels)])
                rows = images_to_judge.last_batch.indices.tolist()
                judged.append([rows, (guess == labels).tolist()])
        dist.all_reduce(counts)
        record["val"] = {"len": len(images_to_judge), "judged": judged, "all_reduced": counts.tolist()}
        record["weights"] = [float(p.detach().double().sum()) for p in model.parameters()]
    (out / f"{rank}.json").write_text(json.dumps(record))


if __name__ == "__main__":
    dist.init_process_group("gloo")
    here = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    for example in sys.argv[4:]:
        accuracy = run_example(example, *here)
    main(*here)
    if sys.argv[4:]:
        (here[2] / f"example-{os.environ['RANK']}.json").write_text(json.dumps(accuracy))
    dist.destroy_process_group()
