"""Names of several files in one: what a pattern matches, and what it does not."""

from __future__ import annotations

import glob
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dali_mixup.sources import RecordIO, TarShards, TFRecords, open_source
from dali_mixup.sources.patterns import existing_files
from tests.archives import imagenet_example, write_rec, write_tfrecord
from tests.object_store import KEYS, S3Server, environment
from tests.tars import pair, write_tar


def tfrecord(path: Path, number: int) -> Path:
    return write_tfrecord(path.with_name(f"{path.name}-0000{number}-of-00002"), [imagenet_example(b"x", 0)])


def tar(path: Path, number: int) -> Path:
    return write_tar(path.with_name(f"{path.name}-{number}.tar"), pair(number))


def rec(path: Path, number: int) -> Path:
    return write_rec(path.with_name(f"{path.name}-{number}.rec"), [(0, b"x")])


@pytest.mark.parametrize(("write", "kind"), [(tfrecord, TFRecords), (tar, TarShards), (rec, RecordIO)])
@pytest.mark.parametrize("pattern", ["train-*", "*", "train-?*"])
def test_a_pattern_matches_the_same_files_every_time(
    tmp_path: Path, write: Callable[[Path, int], Path], kind: Any, pattern: str
) -> None:
    files = [write(tmp_path / "train", number) for number in range(2)]
    for _ in range(3):
        for opened in (kind, open_source):
            assert len(opened(str(tmp_path / pattern))) == 2
        Path(f"{files[0]}.4711.partial").touch()  # of a process that writes at this moment
    assert len(list(tmp_path.iterdir())) == 5, "with two indices"


def test_files_that_are_named_are_taken_as_they_are(tmp_path: Path) -> None:
    for name in ("a.index", "a.partial", "a.index.npz", "a.tar"):
        (tmp_path / name).touch()
        assert existing_files([str(tmp_path / name)]) == [str(tmp_path / name)]
    assert existing_files([str(tmp_path / "a.*")]) == [str(tmp_path / "a.tar")]
    with pytest.raises(FileNotFoundError, match="does not exist"):
        existing_files([str(tmp_path / "*.index")])


KEYS_IN_BRACKETS = ["run[1]/a-0.tar", "run[1]/a-1.tar", "run1/a-0.tar", "what?/a.tar", "every*/a.tar"]


@pytest.fixture
def local_and_remote(s3: S3Server, tmp_path: Path) -> list[str]:
    """The same shards in a folder and in a bucket."""
    s3.make_bucket("brackets")
    for number, key in enumerate(KEYS_IN_BRACKETS):
        path = tmp_path / "data" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        write_tar(path, pair(number))
        s3.put("brackets", key, path.read_bytes())
        for ending in (".index.npz", ".1.partial"):
            s3.put("brackets", f"{key}{ending}", b"ours")
    return [f"{tmp_path}/data", "s3://brackets"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("run[1]/a-0.tar", ["run[1]/a-0.tar"]),
        ("run[1]/a-{0..1}.tar", ["run[1]/a-0.tar", "run[1]/a-1.tar"]),
        ("what?/a.tar", ["what?/a.tar"]),
        ("every*/a.tar", ["every*/a.tar"]),
        ("run[0-9]/a-0.tar", ["run1/a-0.tar"]),
        ("*/a-0.tar", ["run1/a-0.tar", "run[1]/a-0.tar"]),
        ("run*/a-*.tar", ["run1/a-0.tar", "run[1]/a-0.tar", "run[1]/a-1.tar"]),
    ],
)
def test_a_name_with_brackets_that_exists_is_no_pattern(
    local_and_remote: list[str], tmp_path: Path, pattern: str, found: list[str]
) -> None:
    with environment(**KEYS, XDG_CACHE_HOME=str(tmp_path / "caches")):
        for root in local_and_remote:
            assert existing_files([f"{root}/{pattern}"]) == [f"{root}/{key}" for key in found]
            for data in (f"{root}/{pattern}", [f"{root}/{pattern}"]):
                source = open_source(data)
                assert [source.name(i).partition(".tar")[0] for i in range(len(source))] == [
                    f"{root}/{key[:-4]}" for key in found
                ]


def test_wildcards_match_none_of_our_own_files(local_and_remote: list[str]) -> None:
    with environment(**KEYS):
        for root in local_and_remote:
            assert existing_files([f"{root}/run*/a-0*"]) == [
                f"{root}/{KEYS_IN_BRACKETS[at]}" for at in (2, 0)
            ]


def test_a_name_with_brackets_that_does_not_exist_is_said(local_and_remote: list[str]) -> None:
    for root in local_and_remote:
        with pytest.raises(FileNotFoundError, match="does not exist"):
            existing_files([f"{root}/run[2]/a-0.tar"])


KEYS_AT_DEPTHS = [
    "x/a.tar", "x/y/b.tar", "x/y/c.tar", "x/y/z/d.tar", "x/y/z/y/e.tar", "x/other/f.tar", "x/notes.txt", "a.tar",
    "x/.hidden/g.tar", "x/y/.h.tar", "x/y/a.tar.index.npz",
]  # fmt: skip


@pytest.mark.parametrize(
    "pattern",
    [
        "x/**/*.tar", "**/*.tar", "**/y/*.tar", "x/**/y/**/*.tar", "x/**/**/b.tar", "x/y/**", "x/**/a.tar", "x/*/*.tar",
        "x/y**/*.tar", "x/**/[a-d].tar", "x/.*/**/*.tar", "x/**/.*.tar", "x/**/z/y/?.tar", "**/{d,e}.tar", "*", "x/y/*",
        "x/**/*", "x/**b.tar",
    ],
)  # fmt: skip
def test_wildcards_are_those_of_glob(s3: S3Server, tmp_path: Path, pattern: str) -> None:
    s3.make_bucket("depths")
    for key in KEYS_AT_DEPTHS:
        path = tmp_path / "data" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        s3.put("depths", key, b"")
    alternatives = [pattern.replace("{d,e}", each) for each in ("de" if "{" in pattern else "-")]
    found = [glob.glob(each, root_dir=tmp_path / "data", recursive=True) for each in alternatives]
    files = [
        key
        for each in found
        for key in sorted(set(each))
        if key in KEYS_AT_DEPTHS and not key.endswith(".npz")
    ]
    with environment(**KEYS):
        for root in (f"{tmp_path}/data", "s3://depths"):
            if files:
                matches = existing_files([f"{root}/{pattern}"])
                assert [match for match in matches if not Path(match).is_dir()] == [
                    f"{root}/{key}" for key in files
                ]
            else:
                with pytest.raises(FileNotFoundError):
                    existing_files([f"{root}/{pattern}"])


def test_any_depth_is_read_as_one_data_set(tmp_path: Path) -> None:
    for number, folder in enumerate(("x", "x/y", "x/y/z")):
        (tmp_path / folder).mkdir()
        tar(tmp_path / folder / "s", number)
    assert len(open_source(f"{tmp_path}/x/**/*.tar")) == len(TarShards(f"{tmp_path}/x/**")) == 3
    (tmp_path / "x" / "back").symlink_to(tmp_path / "x")
    with pytest.raises(ValueError, match=r"are one file"):
        open_source(f"{tmp_path}/x/**/*.tar")
