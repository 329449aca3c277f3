"""`dali-mixup pack`: exit codes, messages, and what it refuses before any work."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from dali_mixup.cli import app
from dali_mixup.sources import open_source
from dali_mixup.sources.archives import imagenet
from tests.imagenet_archives import write_archives
from tests.pack.conftest import bytes_of


def pack(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["pack", *map(str, arguments)])


def is_one_line(result: Result, *words: str) -> bool:
    """Exit code 2 with one line on stderr that holds these words."""
    lines = result.stderr.strip().splitlines()
    return result.exit_code == 2 and len(lines) == 1 and all(word in lines[0] for word in words)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "packed"


def test_a_folder_is_packed_and_verified(image_folder: Path, folder: Path) -> None:
    result = pack(image_folder, folder, "--shorter-side", 64, "--per-shard", 6, "--workers", 2)
    assert result.exit_code == 0, result.output
    assert "4 of the 1000 classes of ImageNet-1k" in result.output
    assert "packed: 24 images, 0.1 MB" in result.output.replace("\n", "")
    assert len(list(folder.glob("shard-*.tar"))) == 4
    assert min(open_source(folder)[0][0].size) == 64
    verified = pack("--verify", folder)
    assert verified.exit_code == 0 and "as packed" in verified.stdout
    shard = folder / "shard-000001.tar"
    shard.write_bytes(shard.read_bytes()[::-1])
    verified = pack("--verify", folder / "pack.jsonl")
    assert verified.exit_code == 1 and "shard-000001.tar: its checksum" in verified.stdout


def test_parts_are_packed_and_merged(image_folder: Path, folder: Path, tmp_path: Path) -> None:
    options = ("--per-shard", 6, "--seed", 7, "--workers", 1)
    for index in range(2):
        result = pack(image_folder, folder, *options, "--part", f"{index}/2")
        assert (
            result.exit_code == 0 and "when all parts are finished: dali-mixup pack --merge" in result.stdout
        )
        assert is_one_line(pack("--verify", folder), "is not completely packed")
        assert pack("--merge", folder).exit_code == (0 if index else 2)
    assert pack(image_folder, tmp_path / "whole", *options).exit_code == 0
    assert bytes_of(folder) == bytes_of(tmp_path / "whole")


def test_bad_files_are_exit_code_1_and_then_left_out(
    image_folder: Path, folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(image_folder, tmp_path / "data")
    (tmp_path / "data" / "n01440764" / "n01440764_3.JPEG").write_bytes(b"GIF89a")
    result = pack(tmp_path / "data", folder, "--per-shard", 12)
    assert result.exit_code == 1 and "bad: n01440764/n01440764_3.JPEG (" in result.stdout
    assert "1 of 2 shards are finished; the others hold 1 bad files" in result.stderr.replace("\n", " ")
    result = pack(tmp_path / "data", folder, "--per-shard", 12, "--skip-bad")
    assert result.exit_code == 0 and "23 images" in result.stdout and "1 bad files left out" in result.stdout


def test_nothing_but_bad_files_is_exit_code_1(folder: Path, tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / "data" / f"c{number}").mkdir(parents=True)
        (tmp_path / "data" / f"c{number}" / "a.jpg").write_bytes(b"no image")
    for part in range(2):  # another part may have images
        assert pack(tmp_path / "data", folder, "--skip-bad", "--part", f"{part}/2").exit_code == 0
    for result in (
        pack("--merge", folder),
        pack(tmp_path / "data", folder, "--skip-bad"),
        pack(tmp_path / "data", tmp_path / "again", "--skip-bad"),
    ):
        assert result.exit_code == 1 and "no image was packed" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["DATA"], "give the data and the folder to write"),
        (["nowhere", "TO"], "'nowhere' does not exist"),
        (["DATA", "TO", "--quality", 80], "give --shorter-side too"),
        (["DATA", "TO", "--subsampling", "4:4:4"], "give --shorter-side too"),
        (["DATA", "TO", "--shorter-side", 9, "--subsampling", "2"], "expected one of '4:2:0'"),
        (["DATA", "TO", "--part", "2/2"], "expected i/n such as 0/4"),
        (["DATA", "TO", "--part", "first"], "expected i/n such as 0/4"),
        (["DATA", "TO", "--md5"], "--md5 is for ImageNet's archives"),
        (["DATA", "TO", "--merge"], "take one packed folder and no data"),
        (["TO", "--merge", "--verify"], "take one packed folder and no data"),
        (
            ["TO", "--merge", "--shorter-side", 3, "--folder"],
            "--shorter-side, --folder: --merge makes no use",
        ),
        (["TO", "--merge", "--workers", 1, "--md5"], "--workers, --md5: --merge makes no use"),
        (["TO", "--verify", "--part", "0/2", "--skip-bad"], "--skip-bad, --part: --verify makes no use"),
        (["--merge", "DATA"], "holds no unfinished packed data"),
        (["--verify", "DATA"], "pack.jsonl' does not exist"),
        (["DATA", "/proc/packed"], "cannot write"),
    ],
)
def test_what_is_impossible_is_one_line(
    image_folder: Path, folder: Path, arguments: list[object], words: str
) -> None:
    places = {"DATA": image_folder, "TO": folder}
    result = pack(*(places.get(str(argument), argument) for argument in arguments))
    assert is_one_line(result, words), result.output
    assert not folder.exists()


def test_imagenet_is_packed_from_its_archives(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    md5 = write_archives(tmp_path)
    for name in (imagenet.TRAIN, imagenet.VAL):
        assert is_one_line(pack(tmp_path / name, folder, "--md5"), f"the MD5 of {name} is {md5[name]}")
    monkeypatch.setattr(imagenet, "MD5", md5)
    for name, count in ((imagenet.TRAIN, 9), (imagenet.VAL, 5)):
        result = pack(tmp_path / name, folder / name, "--md5", "--shorter-side", 20)
        assert result.exit_code == 0 and f"{count} images" in result.stdout, result.output
        copy = open_source(folder / name)
        assert sorted(copy.filenames()) == open_source(tmp_path / name).filenames()
        assert copy.classes == ("n01440764", "n02105855", "n02119789")
        assert {min(image.size) for image, _ in (copy[i] for i in range(count))} == {20}


def test_a_devkit_that_cannot_be_read_is_one_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imagenet, "MD5", write_archives(tmp_path))
    devkit = tmp_path / imagenet.DEVKIT
    devkit.write_bytes(devkit.read_bytes()[:400])
    assert is_one_line(pack(tmp_path / imagenet.VAL, folder), "is not the devkit of ILSVRC 2012")
    assert is_one_line(pack("~no such user/" + imagenet.TRAIN, folder, "--md5"), "does not exist")


def test_a_folder_that_another_user_began_is_named(image_folder: Path, folder: Path) -> None:
    """A folder stands for the lock that is another user's: the system refuses either, also to root."""
    assert pack(image_folder, folder, "--per-shard", 8, "--part", "0/2").exit_code == 0
    lock = folder / ".pack" / "part-0-of-1.lock"
    lock.mkdir()
    result = pack(image_folder, folder, "--per-shard", 8)
    assert result.exit_code == 2 and result.exception.__class__ is SystemExit
    assert result.stderr.splitlines()[1:] == [f"error: cannot write {str(lock)!r}: Is a directory"]


def test_names_of_files_cannot_write_to_the_terminal(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "data" / "c").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "data" / "c" / "a.jpg")
    (tmp_path / "data" / "c" / "\x1b[31m\n.jpg").write_bytes(b"no image")
    result = pack(tmp_path / "data", folder)
    assert result.exit_code == 1 and "\x1b[31m" not in result.stdout
    assert r"bad: 'c/\x1b[31m\n.jpg' (" in result.stdout
