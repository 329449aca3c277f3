"""One rank of a run whose ranks do not have the same loader; see test_disagreement.py. Rank 0 prints, for each
difference one line of JSON: how the epoch of either rank ended, and how many samples they have seen together."""

from __future__ import annotations

import datetime
import json
import sys
from typing import Any

import torch.distributed as dist

from dali_mixup import CutMix, Extra, MixUp, Runtime, TrainTransform, train_loader
from dali_mixup.sources import open_source


def list_of(*batch: Any) -> list[Any]:
    return list(batch)


data, *differences = sys.argv[1:]
dist.init_process_group("gloo", timeout=datetime.timedelta(seconds=60))
second = dist.get_rank() == 1
for difference in differences:
    source = open_source(data)
    arguments: dict[str, Any] = {"policy": MixUp(0.8), "batch_size": 4, "seed": 0}
    if second and difference == "seed":
        arguments["seed"] = 7
    if second and difference == "files":
        source = source.subset(range(len(source) - 4))
    if second and difference == "policy":
        arguments["policy"] = CutMix(1.0)
    if second and difference == "extra":
        arguments["transform"] = TrainTransform(16, extra=[Extra(list_of, "batch")])
    if second and difference == "threads":
        arguments["runtime"] = Runtime(num_threads=2, prefetch=1)
    if difference == "same rank twice":
        arguments |= {"rank": 0, "world_size": 2}
    seen: list[int] = []
    said = "agreed"
    with train_loader(source, image_size=16, device="cpu", **arguments) as loader:
        try:
            for _ in loader:
                seen += loader.last_batch.indices.tolist()
        except ValueError as error:
            said = str(error)
    everybody: list[Any] = [None, None]
    dist.all_gather_object(everybody, (said, seen))
    if not second:
        samples = {index for _, seen in everybody for index in seen}
        print(json.dumps([[said for said, _ in everybody], len(samples)]))
dist.destroy_process_group()
