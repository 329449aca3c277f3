"""Bad files in loaders and in the check, every run in a process of its own that may die or hang.

    python -m tests.bad_runs '[["gif", "first", 32, 1, "skip", "files"]]'

prints one JSON line per run: the run, how it ended, and whether every bad file was named and nothing else.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import select
import shutil
import signal
import sys
import tarfile
import tempfile
import traceback
from pathlib import Path
from typing import Any

from tests.bad_images import GOOD_SIZE, NOT_FILES, contents, make
from tests.odd_images import picture

LIMIT = 90.0
PLACES = ("alone", "first", "middle", "many")
BATCHES, THREADS = (8, 32, 256), (1, 2)
MODES, SOURCES = ("raise", "skip", "check"), ("files", "tar", "manifest")

Run = tuple[str, str, int, int, str, str]
"""Kind of file, its place in its batch, batch size, threads, what is to be done, form of the data."""


def some_runs(number: int, seed: int = 0) -> list[Run]:
    """That many different runs, every kind equally often, drawn from all there are."""
    kinds = (*contents(), *NOT_FILES)
    rng = random.Random(seed)
    others = list(itertools.product(PLACES, BATCHES, THREADS, MODES, SOURCES))
    of_kind = {
        kind: rng.sample([other for other in others if kind not in NOT_FILES or other[-1] != "tar"], 60)
        for kind in kinds
    }
    turns = itertools.islice(itertools.product(range(60), kinds), number)
    return [(kind, *of_kind[kind][turn]) for turn, kind in turns]


def bad_rows(place: str, batch: int) -> list[int]:
    """Where the bad files stand in the data, which are two batches long or one file."""
    rows = {"alone": [0], "first": [0], "middle": [batch // 2], "many": list(range(0, batch, 5))}
    return rows[place]


def made(run: Run, folder: Path) -> tuple[Any, list[str]]:
    """The data of a run, and the keys of its bad files."""
    kind, place, batch, _, _, form = run
    files = [folder / f"c{i % 2}" / f"{i:04}.jpg" for i in range(1 if place == "alone" else 2 * batch)]
    bad = [files[row] for row in bad_rows(place, batch)]
    (folder / "c0").mkdir(parents=True)
    (folder / "c1").mkdir()
    (
        folder / "c0" / "notes.txt"
    ).touch()  # so that a folder whose only image is missing is not taken for an outage
    picture(*GOOD_SIZE).save(folder / "good.jpg")
    for file in files:
        if file in bad:
            make(kind, file)
        else:
            os.link(folder / "good.jpg", file)
    labels = [i % 2 for i in range(len(files))]
    if form == "files":
        return [(str(file), label) for file, label in zip(files, labels, strict=True)], [
            file.name for file in bad
        ]
    if form == "manifest":
        from dali_mixup.sources import FileList, write_manifest

        below = [file.relative_to(folder) for file in files]
        write_manifest(folder / "m.jsonl", FileList(below, labels, ["a", "b"], root=folder))
        return str(folder / "m.jsonl"), [file.name for file in bad]
    with tarfile.open(folder / "s.tar", "w") as tar:
        for file, label in zip(files, labels, strict=True):
            (folder / "label").write_text(str(label))
            tar.add(file, file.name)
            tar.add(folder / "label", file.name.replace(".jpg", ".cls"))
    return str(folder / "s.tar"), [file.name for file in bad]


def outcome(run: Run, folder: Path) -> str:
    """ "" where the run names every bad file that it meets, and nothing else; what else happened otherwise."""
    from dali_mixup import BadFileError, MixUp, Runtime, Skip, TrainTransform, open_source, train_loader
    from dali_mixup.check import scan

    _, place, batch, threads, mode, _ = run
    data, bad = made(run, folder)
    if mode == "check":
        named = [Path(finding.key).name for finding in scan(open_source(data), threads=threads).findings]
        return "" if sorted(named) == sorted(bad) else f"the check names {named} instead of {bad}"
    loader = train_loader(
        data,
        policy=MixUp(0.2),
        batch_size=min(batch, len(open_source(data))),
        transform=TrainTransform(
            32, scale=(1, 1), ratio=(4 / 3, 4 / 3)
        ),  # windows may leave out what is cut off
        device="cpu",
        drop_last=False,
        runtime=Runtime(num_threads=threads, cpu_kernels="dali"),
        bad_files=Skip(at_most=1000) if mode == "skip" else "raise",
    )
    try:
        rows = sum(len(images) for images, _ in loader)
    except BadFileError as error:
        named = [Path(file.name).name for file in error.files]
        if mode == "skip" and place == "alone":
            return "" if "no sample is left" in str(error) and named == bad else f"not expected: {error}"
        fine = (
            mode == "raise"
            and named
            and set(named) <= set(bad)
            and all(name in str(error) for name in named[:10])
        )
        return "" if fine else f"not expected: {error}"
    skipped = [Path(name).name for name in loader.skipped]
    if mode == "skip" and sorted(skipped) == sorted(bad) and rows == len(loader.dataset):
        return ""
    return f"{rows} rows, and {skipped} was skipped instead of {bad}"


def in_child(run: Run) -> dict[str, Any]:
    """How a run ends in a forked process."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        folder = Path(tempfile.mkdtemp(prefix="bad-run-"))
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        try:
            said = outcome(run, folder)
        except BaseException:
            said = traceback.format_exc()[-1500:]
        os.write(writing, said.encode() or b"fine")
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)
    os.close(writing)
    ready, _, _ = select.select([reading], [], [], LIMIT)
    if not ready:
        os.kill(child, signal.SIGKILL)
    said = os.read(reading, 1 << 16).decode(errors="replace") if ready else "hang"
    _, status = os.waitpid(child, 0)
    os.close(reading)
    if os.WIFSIGNALED(status) and said != "hang":
        said = f"crash: {signal.Signals(os.WTERMSIG(status)).name}"
    return {"run": run, "said": "" if said == "fine" else said or "died without a word"}


def main(runs: list[Run]) -> None:
    import nvidia.dali
    import torch

    import dali_mixup._loader.factory  # everything is loaded once, and no thread is started before the fork

    torch.set_num_threads(1)
    assert nvidia.dali and dali_mixup
    contents()
    for run in runs:
        print(json.dumps(in_child(run)), flush=True)


if __name__ == "__main__":
    main([tuple(run) for run in json.loads(sys.argv[1])])
