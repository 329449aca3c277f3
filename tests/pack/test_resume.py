"""Killed at any moment, packing continues, and the result is that of a run that was not killed."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest

from dali_mixup import open_source
from dali_mixup._files import NotWritten
from dali_mixup.pack import Part, merge
from tests.odd_images import picture
from tests.pack.conftest import bytes_of, command, run

COUNT = 40
OPTIONS = ("--shorter-side", "300", "--per-shard", "4", "--workers", "2")
PATIENCE = 120  # seconds, for a loaded machine


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of which one takes long enough to be interrupted."""
    folder = tmp_path_factory.mktemp("large")
    for i in range(COUNT):
        (folder / f"c{i % 3}").mkdir(exist_ok=True)
        picture(1200, 900, seed=i % 5).save(folder / f"c{i % 3}" / f"{i}.png", compress_level=1)
    return folder


@pytest.fixture(scope="module")
def whole(large: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole") / "packed"
    run(large, folder, shorter_side=300, per_shard=4)
    return bytes_of(folder)


def until(reached: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + PATIENCE
    while not reached():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.001)


def finished(folder: Path) -> int:
    return len(list(folder.glob(".pack/[0-9]*.json")))


def partial(folder: Path) -> bool:
    return any(folder.glob("shard-*.partial"))


def killed(process: subprocess.Popen[str], number: int = signal.SIGKILL) -> tuple[str, str]:
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    output = process.communicate(timeout=PATIENCE)
    _, alive = psutil.wait_procs(children, timeout=PATIENCE)
    assert not alive, "no process is left behind"
    return output


def completed(*arguments: object) -> str:
    process = command(*arguments)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    return out


def test_a_killed_run_continues(large: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    """After the first shard, in the middle of one, and again before the end."""
    folder = tmp_path / "packed"
    for moment in (1, 4, 7):
        process = command(large, folder, *OPTIONS)
        until(lambda moment=moment: finished(folder) >= moment and partial(folder), process)
        before = {path: path.stat().st_mtime_ns for path in folder.glob("shard-*.tar")}
        killed(process)
        assert all(path.stat().st_mtime_ns == at for path, at in before.items())
        with pytest.raises(FileNotFoundError, match="not completely packed"):
            open_source(folder)
    completed(large, folder, *OPTIONS)
    assert bytes_of(folder) == whole


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_a_run_killed_at_random_moments_continues(
    large: Path, whole: dict[str, bytes], tmp_path: Path, seed: int
) -> None:
    folder, rng = tmp_path / "packed", np.random.RandomState(seed)
    for _ in range(8):
        process = command(large, folder, *OPTIONS)
        time.sleep(rng.uniform(0, 6))
        if process.poll() is None:
            killed(process)
        else:
            process.communicate()
    completed(large, folder, *OPTIONS)
    assert bytes_of(folder) == whole


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_without_losing_a_shard(
    large: Path, whole: dict[str, bytes], tmp_path: Path, number: int, code: int
) -> None:
    folder = tmp_path / "packed"
    process = command(large, folder, *OPTIONS)
    until(lambda: finished(folder) >= 2 and partial(folder), process)
    _, error = killed(process, number)
    assert process.returncode == code
    lines = error.strip().splitlines()
    assert len(lines) == 2 and lines[0].endswith("of 10 shards are finished; the same command continues"), (
        error
    )
    assert not partial(folder)
    completed(large, folder, *OPTIONS)
    assert bytes_of(folder) == whole


def test_a_process_that_dies_is_reported_with_the_images_it_had(large: Path, tmp_path: Path) -> None:
    folder = tmp_path / "packed"
    process = command(large, folder, *OPTIONS)
    until(lambda: finished(folder) >= 1 and partial(folder), process)
    psutil.Process(process.pid).children()[0].kill()
    _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2 and "Traceback" not in error
    assert "dies (SIGKILL) while it packs 'c" in error and "fewer --workers" in error
    completed(large, folder, *OPTIONS)
    assert len(open_source(folder)) == COUNT


def test_a_full_disk_is_named_and_costs_no_finished_shard(
    large: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    """A limit of the size of files stands for the full disk."""
    folder = tmp_path / "packed"
    run(large, folder, part=Part(0, 10), shorter_side=300, per_shard=4)
    limit = 20_000
    process = command(
        large, folder, *OPTIONS, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    )
    _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2 and len(error.strip().splitlines()) == 2, error
    assert "1 of 10 shards are finished" in error
    assert "error: cannot write" in error and os.strerror(errno.EFBIG) in error
    assert finished(folder) == 1 and not partial(folder)
    completed(large, folder, *OPTIONS)
    assert bytes_of(folder) == whole


@pytest.mark.parametrize("damage", ["cut", "gone", "line cut", "line gone"])
def test_a_damaged_shard_is_written_again(image_folder: Path, tmp_path: Path, damage: str) -> None:
    run(image_folder, tmp_path / "packed")
    run(image_folder, tmp_path / "again", part=Part(0, 2))
    victim = tmp_path / "again" / (".pack/000002.json" if "line" in damage else "shard-000002.tar")
    victim.unlink() if "gone" in damage else os.truncate(victim, 100)
    run(image_folder, tmp_path / "again")
    assert bytes_of(tmp_path / "again") == bytes_of(tmp_path / "packed")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"shorter_side": 50}, "shorter_side was None, is 50"),
        ({"per_shard": 6}, "per_shard was 5, is 6"),
        ({"seed": 3}, "seed was 0, is 3"),
        ({"layout": "files"}, "layout was 'shards', is 'files'"),
    ],
)
@pytest.mark.parametrize("complete", [False, True])
def test_other_options_are_refused(
    image_folder: Path, tmp_path: Path, change: dict[str, object], words: str, complete: bool
) -> None:
    run(image_folder, tmp_path, part=None if complete else Part(0, 2))
    with pytest.raises(ValueError, match=words):
        run(image_folder, tmp_path, **change)


def test_other_data_are_refused(image_folder: Path, imagenet_root: Path, tmp_path: Path) -> None:
    run(image_folder, tmp_path, part=Part(0, 2))
    with pytest.raises(ValueError, match=r"other data or options: fingerprint was .*samples was 24, is 12"):
        run(imagenet_root / "val", tmp_path)


def denied(*arguments: object, **_: object) -> None:
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.path.basename(str(arguments[0])))


def test_leftovers_that_are_another_users_are_named(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(image_folder, tmp_path, part=Part(0, 2))
    for name in ("000001.file", "000001.json.12.partial", "000001.json.12-0123abcd.partial"):
        (tmp_path / ".pack" / name).touch()
        with (
            monkeypatch.context() as patch,
            pytest.raises(NotWritten, match=rf"cannot write '{name}': Permission"),
        ):
            patch.setattr(os, "remove", denied)
            run(image_folder, tmp_path)
        (tmp_path / ".pack" / name).unlink()


def test_packed_data_are_complete_also_where_the_work_folder_stays(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(shutil, "rmtree", denied)
    for _ in range(2):
        assert run(image_folder, tmp_path).complete and len(open_source(tmp_path)) == 24
    merge(tmp_path)
    said = f"{tmp_path}/.pack is no longer needed but cannot be removed: Permission denied"
    assert caplog.messages.count(said) == 3
