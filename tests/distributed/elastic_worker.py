"""One rank of an elastic run under torchrun: two epochs, a checkpoint after every step, and accidents on the way.

elastic_worker.py DATA CHECKPOINT [dies]

A checkpoint holds the loader's state and the samples that the model has seen. Work after it is lost with the processes,
as in any training, so what counts is what the checkpoint says. First life: the rank that `dies` takes a batch and is
killed, and its agent with it. Second life, alone: waits for the other agent to come back. Third life: trains on, to the
end.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import torch.distributed as dist

from dali_mixup import MixUp, train_loader

EPOCHS = 2
STEPS = 3
"""Steps of the first life and of the second."""


def main(data: str, checkpoint: Path, dies: bool) -> None:
    rank = dist.get_rank()
    saved: dict[str, Any] = {"seen": [[] for _ in range(EPOCHS)], "worlds": [], "state": None}
    if checkpoint.exists():
        saved = json.loads(checkpoint.read_text())
    life = len(saved["worlds"])
    saved["worlds"].append(dist.get_world_size())
    with train_loader(
        data, policy=MixUp(0.8), batch_size=2, image_size=16, device="cpu", drop_last=False, elastic=True
    ) as loader:
        if saved["state"] is not None:
            loader.load_state_dict(saved["state"])
        steps = 0
        while loader.epoch < EPOCHS:
            epoch = loader.epoch
            for _ in loader:
                if dies and life == 0 and steps == STEPS:
                    os.kill(os.getppid(), signal.SIGKILL)
                    os.kill(os.getpid(), signal.SIGKILL)
                shares: list[Any] = [None] * dist.get_world_size()
                dist.all_gather_object(shares, loader.last_batch.indices.tolist())
                for share in shares:
                    saved["seen"][epoch] += share
                saved["state"] = loader.state_dict()
                if rank == 0:
                    write(checkpoint, saved)
                dist.barrier()
                steps += 1
                while life == 1 and steps == STEPS:
                    checkpoint.with_name("alone").touch()
                    time.sleep(0.2)  # until the agents restart it together with the other rank


def write(checkpoint: Path, saved: dict[str, Any]) -> None:
    partial = checkpoint.with_suffix(".partial")
    partial.write_text(json.dumps(saved))
    partial.replace(checkpoint)


if __name__ == "__main__":
    dist.init_process_group("gloo")
    main(sys.argv[1], Path(sys.argv[2]), "dies" in sys.argv[3:])
    dist.destroy_process_group()
