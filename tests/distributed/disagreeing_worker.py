"""One rank of a run whose ranks do not have the same loader; see test_disagreement.py. Prints how its epoch ended."""

from __future__ import annotations

import datetime
import os
import sys
from typing import Any

import torch.distributed as dist

from dali_mixup import CutMix, MixUp, Runtime, train_loader
from dali_mixup.sources import open_source

data, difference = sys.argv[1:]
dist.init_process_group("gloo", timeout=datetime.timedelta(seconds=60))
second = dist.get_rank() == 1
source = open_source(data)
arguments: dict[str, Any] = {"policy": MixUp(0.8), "batch_size": 4, "seed": 0}
if second and difference == "seed":
    arguments["seed"] = 7
if second and difference == "files":
    source = source.subset(range(len(source) - 4))
if second and difference == "policy":
    arguments["policy"] = CutMix(1.0)
if difference == "same rank twice":
    arguments |= {"rank": 0, "world_size": 2}
if second and difference == "threads":  # nothing that matters
    arguments["runtime"] = Runtime(num_threads=2, prefetch=1)

seen: list[int] = []
said = "agreed"
loader = train_loader(source, image_size=16, device="cpu", **arguments)
try:
    for _ in loader:
        seen += loader.last_batch.indices.tolist()
except ValueError as error:
    said = str(error)
everybody: list[Any] = [None, None]
dist.all_gather_object(everybody, (said, seen))
if not second:
    print(*(said for said, _ in everybody), sep="\n")
    print(len({index for _, seen in everybody for index in seen}), os.environ["WORLD_SIZE"])
loader.close()
dist.destroy_process_group()
