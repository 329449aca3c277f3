"""Trains, to be killed: a process with everything imported that forks a training child for every line it reads.

A line is `data state log batches`. The child prints its pid, resumes from the state file if there is one, and
after every batch appends a line to the log and replaces the state file, as a training loop does. It stops after so
many batches and waits to be killed, so its progress does not depend on how soon the kill comes; 0: to the end.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import traceback
from pathlib import Path

EPOCHS = 20


def train(data: str, state: Path, log: Path, batches: int) -> None:
    from dali_mixup import CutMix, MixPolicy, MixUp, Runtime, train_loader

    runtime = Runtime(num_threads=1, cpu_kernels="dali")  # Numba's would be loaded anew in every child
    policy = MixPolicy([MixUp(0.8), CutMix(1.0)], granularity="pair", label_smoothing=0.1)
    loader = train_loader(
        data,
        policy=policy,
        batch_size=4,
        image_size=16,
        drop_last=False,
        device="cpu",
        runtime=runtime,
        seed=3,
    )
    if state.exists():
        loader.load_state_dict(json.loads(state.read_text()))
    made = 0
    with log.open("a") as out:
        while loader.epoch < EPOCHS:
            for images, targets in loader:
                batch = loader.last_batch
                raw = images.numpy().tobytes() + targets.numpy().tobytes() + batch.indices.numpy().tobytes()
                out.write(f"{batch.epoch} {batch.step} {hashlib.sha256(raw).hexdigest()}\n")
                out.flush()
                state.with_suffix(".partial").write_text(json.dumps(loader.state_dict()))
                os.replace(state.with_suffix(".partial"), state)
                made += 1
                if made == batches:
                    signal.pause()
        out.write("done\n")


def main() -> None:
    import dali_mixup._loader.factory  # noqa: F401  the children start with everything imported

    for line in sys.stdin:
        data, state, log, batches = line.split()
        child = os.fork()
        if child == 0:
            try:
                train(data, Path(state), Path(log), int(batches))
            except BaseException:
                traceback.print_exc()
            os._exit(0)
        print(child, flush=True)
        os.waitpid(child, 0)
        print("gone", flush=True)


if __name__ == "__main__":
    main()
