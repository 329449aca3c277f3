"""A machine without a UTF-8 locale, such as a bare container, has file names in UTF-8 all the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.odd_images import picture


@pytest.mark.parametrize("coercion", ["0", "1"])
def test_good_files_with_other_letters_are_fit_without_a_utf8_locale(tmp_path: Path, coercion: str) -> None:
    picture(40, 30, seed=0).save(tmp_path / "one.jpg")
    for name in ("größe", "日本"):
        (tmp_path / "data" / name).mkdir(parents=True)
        shutil.copy(tmp_path / "one.jpg", tmp_path / "data" / name / f"{name}.jpg")
    plain = {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": coercion}
    result = subprocess.run(
        [sys.executable, "-m", "dali_mixup", "check", "data", "--manifest", "m.jsonl"],
        cwd=tmp_path,
        env=os.environ | plain | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        timeout=240,
    )
    assert result.returncode == 0, result.stderr.decode(errors="replace")
    assert b"0 unfit" in result.stdout and (tmp_path / "m.jsonl").is_file()


SAYS = """
import json, sys
from dali_mixup import open_source, train_loader
source = open_source(sys.argv[1])
loader = train_loader(source, batch_size=2, image_size=16, device="cpu", rank=0, world_size=1, drop_last=False)
others = open_source(sys.argv[1], exclude=["gr\\xf6\\xdfe/gr\\xf6\\xdfe.jpg"])
print(json.dumps([
    source.classes, source.fingerprint(), source.class_to_idx, [source.key(i) for i in range(len(source))],
    loader.state_dict(), len(others),
]))
"""


def test_names_states_and_manifests_are_the_same_in_every_locale(tmp_path: Path) -> None:
    """Otherwise a state saved on one machine is refused, as one of other data, on another."""
    picture(40, 30, seed=0).save(tmp_path / "one.jpg")
    for name in (*map(os.fsencode, ("größe", "grosz", "日本", "\ufb00", "😀", "plain")), b"\xff\xfe"):
        folder = os.path.join(os.fsencode(tmp_path), b"data", name)
        os.makedirs(folder)
        for file in (name, b"b" + name):
            shutil.copy(tmp_path / "one.jpg", os.path.join(folder, file + b".jpg"))
    said, manifests, reports = [], [], []
    for number, language in enumerate(
        ({"LC_ALL": "C.UTF-8"}, {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0"})
    ):
        environment = os.environ | {"PYTHONCOERCECLOCALE": "0"} | language
        environment["PYTHONPATH"] = str(Path(__file__).parents[2])
        for command in (
            ["-c", SAYS, "data"],
            ["-m", "dali_mixup", "check", "data", "--manifest", f"{number}.jsonl"],
        ):
            done = subprocess.run(
                [sys.executable, *command], cwd=tmp_path, env=environment, capture_output=True, timeout=240
            )
            assert done.returncode == 0, done.stderr.decode(errors="replace")
            (said if command[0] == "-c" else reports).append(done.stdout)
        manifests.append((tmp_path / f"{number}.jsonl").read_bytes())
    assert said[0] == said[1]
    assert json.loads(said[0])[0] == ["grosz", "größe", "plain", "日本", "\udcff\udcfe", "\ufb00", "😀"]
    assert manifests[0] == manifests[1]
    assert reports[0].replace(b"0.jsonl", b"1.jsonl") == reports[1]
