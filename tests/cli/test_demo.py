"""`dali-mixup demo`, shortened: it trains, it reports, it draws."""

from __future__ import annotations

import re
from pathlib import Path

from PIL import Image
from typer.testing import CliRunner

from dali_mixup.cli import app


def test_the_demo_learns_and_reports_what_it_did(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["demo", "--out", str(tmp_path), "--epochs", "3", "--device", "cpu"])
    assert result.exit_code == 0, result.output
    losses = [float(loss) for loss in re.findall(r"loss (\d\.\d+)   validation", result.output)]
    accuracies = [float(share) for share in re.findall(r"accuracy (\d+\.\d)%", result.output)]
    assert len(losses) == len(accuracies) == 3
    assert losses[-1] < losses[0] - 0.2
    assert accuracies[-1] > 40  # of ten classes, from parts of the photographs that training did not see
    assert re.search(r"[\d,]+ images/s read, mixed and trained on", result.output)
    # 1,920 rows, each mixed with prob 0.8 and by chance with itself 1 time in 32: 77.5%, 5 standard deviations = 4.8%.
    (share,) = re.findall(r"(\d+\.\d)% of the rows were mixed", result.output)
    assert 72.7 < float(share) < 82.3
    with Image.open(tmp_path / "contact_sheet.png") as sheet:
        assert sheet.width > 1000
