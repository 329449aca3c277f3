"""One rank of a run whose ranks do not have the same loader; see test_disagreement.py. Rank 0 prints, for each
difference one line of JSON: how the epoch of either rank ended, and how many samples they have seen together."""

from __future__ import annotations

import datetime
import json
import logging
import sys
from typing import Any

import torch.distributed as dist

from dali_mixup import CutMix, Extra, MixUp, Runtime, TrainTransform, train_loader, val_loader
from dali_mixup.sources import open_source


def list_of(*batch: Any) -> list[Any]:
    return list(batch)


class Warnings(logging.Handler):
    """The last warning."""

    said = "agreed"

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            self.said = record.getMessage()


data, *differences = sys.argv[1:]
dist.init_process_group("gloo", timeout=datetime.timedelta(seconds=60))
second = dist.get_rank() == 1
for difference in differences:
    source, make, said = open_source(data), train_loader, ""
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
    if difference == "validation without a batch":  # for rank 1; counted there, too
        for _ in val_loader(source.subset([0]), batch_size=1, image_size=16, device="cpu"):
            pass
        make = val_loader
        del arguments["policy"], arguments["seed"]
    seen: list[int] = []
    warnings = Warnings()
    logging.getLogger("dali_mixup").addHandler(warnings)
    with make(source, image_size=16, device="cpu", **arguments) as loader:
        if second and difference == "epoch":
            loader.set_epoch(3)
        try:
            for _ in loader:
                seen += loader.last_batch.indices.tolist()
        except ValueError as error:
            said = str(error)
    logging.getLogger("dali_mixup").removeHandler(warnings)
    everybody: list[Any] = [None, None]
    dist.all_gather_object(everybody, (said or warnings.said, seen))
    if not second:
        samples = {index for _, seen in everybody for index in seen}
        print(json.dumps([[said for said, _ in everybody], len(samples)]))
dist.destroy_process_group()
