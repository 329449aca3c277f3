"""Files that change or fail while a loader reads them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dali_mixup._loader.blame
import dali_mixup._loader.run
from dali_mixup import BadFileError, MixUp, Runtime, Skip, TrainTransform, train_loader
from dali_mixup._graph.gate import Gate
from dali_mixup.sources import StorageError, reading
from tests.bad_images import contents, make
from tests.damaged import BATCH, COUNT, in_step, new, run, same
from tests.odd_images import picture

EARLY = Runtime(num_threads=2, prefetch=1)


def test_a_file_of_which_only_the_window_fails_is_named_and_skipped(pictures: list[tuple[str, int]]) -> None:
    at = in_step(1, 2)
    os.remove(pictures[at][0])
    make("bmp_without_window", Path(pictures[at][0]))
    loader = new(pictures, bad_files=Skip())
    assert len(run(loader)) == len(loader) and loader.skipped == (pictures[at][0],)
    with pytest.raises(BadFileError, match=rf"{pictures[at][0]}: truncated") as caught:
        run(new(pictures))
    assert isinstance(caught.value.__cause__, RuntimeError), "DALI's own error"


def test_files_that_fail_in_their_batch_only_are_named_too(
    pictures: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the GPU's decoder fails: nothing is found in the files decoded by themselves."""
    monkeypatch.setattr(dali_mixup._loader.blame, "undecodable", lambda *_: [])
    rows = {in_step(1, 0), in_step(1, 3)}
    for at in rows:
        Path(pictures[at][0]).write_bytes(contents()["bmp_without_window"])
    with pytest.raises(BadFileError, match="decodes whole on the CPU") as caught:
        run(new(pictures))
    assert {file.index for file in caught.value.files} == rows


def test_a_file_replaced_after_it_was_looked_at_kills_nothing(tmp_path: Path) -> None:
    """In the second epoch, in a batch large enough for DALI to parse in its threads; in a process that may die."""
    code = f"""
        from pathlib import Path
        from dali_mixup import MixUp, Runtime, Sequential, Skip, train_loader
        from tests.bad_images import contents

        files = sorted(Path({str(tmp_path)!r}).glob("*.jpg"))
        loader = train_loader([(str(file), 0) for file in files], policy=MixUp(0.2), batch_size=64, image_size=32,
            device="cpu", order=Sequential(), runtime=Runtime(1, cpu_kernels="dali"), bad_files=Skip())
        next(iter(loader))
        for number, kind in enumerate(("text", "empty", "gif", "png_without_end")):
            files[number].write_bytes(contents()[kind])
            for _ in range(2):
                assert sum(len(images) for images, _ in loader) == 64, kind
            assert loader.skipped == tuple(map(str, files[: number + 1])), kind
    """
    for i in range(64):
        picture(seed=i).save(tmp_path / f"{i:02}.jpg")
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def test_files_cut_short_while_they_are_read_end_in_no_signal(tmp_path: Path) -> None:
    """Another process rewrites the files all the time; a mapped file that shrinks means SIGBUS."""
    code = f"""
        import os, time
        from pathlib import Path
        from dali_mixup import Runtime, Skip, train_loader

        files = sorted(Path({str(tmp_path)!r}).glob("*.jpg"))
        contents = [file.read_bytes() for file in files]
        child = os.fork()
        if child == 0:
            while True:
                for file, content in zip(files, contents):
                    with open(file, "r+b") as open_file:
                        open_file.truncate(5000)
                        time.sleep(0.0005)
                        open_file.seek(0)
                        open_file.write(content)
        try:
            end, batches = time.monotonic() + 4, 0
            while time.monotonic() < end:
                loader = train_loader([(str(file), 0) for file in files], batch_size=8, image_size=32, device="cpu",
                    runtime=Runtime(2, cpu_kernels="dali"), bad_files=Skip(10**6), seed=batches)
                try:
                    for _ in loader:
                        batches += 1
                except RuntimeError:
                    pass  # all files of a batch were cut at the time
                loader.close()
        finally:
            os.kill(child, 9)
            os.waitpid(child, 0)
    """
    import numpy as np
    from PIL import Image

    rng = np.random.RandomState(0)
    for i in range(16):
        noise = rng.randint(0, 255, (300, 400, 3)).astype(np.uint8)
        Image.fromarray(noise).save(tmp_path / f"{i:02}.jpg", quality=95)
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def test_an_outage_of_the_storage_leaves_nothing_out(
    pictures: list[tuple[str, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole folder is gone for a while: first for less than the loader waits, then for more."""
    expected = run(new(pictures, bad_files=Skip()))
    away = tmp_path.with_name(f"{tmp_path.name}-away")
    waited: list[float] = []

    def back_after(waits: int) -> Any:
        def sleep(seconds: float) -> None:
            waited.append(seconds)
            if len(waited) == waits:
                shutil.move(away, tmp_path)

        return sleep

    monkeypatch.setattr(reading.time, "sleep", back_after(2))
    loader = new(pictures, bad_files=Skip(), runtime=EARLY)
    shutil.move(tmp_path, away)
    assert same(run(loader), expected) and loader.skipped == ()
    assert waited == list(reading.WAITS[:2])

    monkeypatch.setattr(reading.time, "sleep", waited.append)
    loader = new(pictures, bad_files=Skip(), runtime=EARLY)
    iterator = iter(loader)
    first = next(iterator)
    shutil.move(tmp_path, away)
    with pytest.raises(StorageError, match="is the storage mounted"):
        list(iterator)
    state = loader.state_dict()
    shutil.move(away, tmp_path)
    assert state["skipped"] == [] and len(first[0]) == BATCH
    loader.load_state_dict(state)
    assert same(run(loader), expected[state["step"] :])


def test_a_failure_that_is_no_files_fault_is_tried_again_and_then_shown(
    pictures: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading in DALI fails a number of times, and whenever the files are looked into they are fine."""
    expected = run(new(pictures))
    built = dali_mixup._loader.run.build
    failures = 0

    class Failing:
        def __init__(self, pipe: Any):
            self.pipe = pipe

        def run(self, *given: Any) -> Any:
            nonlocal failures
            outputs = self.pipe.run(*given)
            if failures:
                failures -= 1
                raise RuntimeError("the reader failed")
            return outputs

        def checkpoint(self) -> bytes:
            return self.pipe.checkpoint()

    def looked_into(batches: Any, batch: Any, restored: Any) -> tuple[None, list[Any]]:
        return None, []

    monkeypatch.setattr(dali_mixup._loader.run, "build", lambda *given: Failing(built(*given)))
    monkeypatch.setattr(dali_mixup._loader.run, "unusable", looked_into)
    failures = 2
    loader = new(pictures, bad_files=Skip())
    assert same(run(loader), expected) and loader.skipped == ()
    failures = 3
    with pytest.raises(RuntimeError, match="the reader failed"):
        run(new(pictures, bad_files=Skip()))


def test_images_beyond_the_limit_are_bad_files(pictures: list[tuple[str, int]]) -> None:
    at = in_step(2, 0)
    picture(200, 100).save(pictures[at][0])
    loader = new(pictures, bad_files=Skip(), runtime=Runtime(2, max_pixels=200 * 100 - 1))
    run(loader)
    assert loader.skipped == (pictures[at][0],)
    loader = new(pictures, bad_files=Skip(), runtime=Runtime(2, max_pixels=200 * 100))
    assert len(run(loader)) == COUNT // BATCH and loader.skipped == ()


def test_every_sample_is_looked_at_once_in_the_life_of_a_loader(
    pictures: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By compiled code or by the parser."""
    from dali_mixup._graph import gate

    looked, real, recognise = [], gate.look_at, Gate._recognised

    def counted(source: Any, index: int, *how: Any) -> Any:
        looked.append(index)
        return real(source, index, *how)

    def recognised(self: Gate, source: Any, indices: np.ndarray) -> tuple[np.ndarray, bool]:
        found, late = recognise(self, source, indices)
        looked.extend(indices[found].tolist())
        return found, late

    monkeypatch.setattr(gate, "look_at", counted)
    monkeypatch.setattr(Gate, "_recognised", recognised)
    loader = train_loader(
        pictures,
        policy=MixUp(0.2),
        batch_size=BATCH,
        transform=TrainTransform(16),
        device="cpu",
        runtime=Runtime(2),
    )
    run(loader, epochs=3)
    assert sorted(looked) == list(range(COUNT))
    assert isinstance(loader.spec.gate, Gate)
