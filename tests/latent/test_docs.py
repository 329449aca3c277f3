"""docs/latent.md: its snippets run in order, and its table is the benchmark's result."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

import torch

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "latent.md").read_text()


def loader(device: str) -> list[tuple[torch.Tensor, torch.Tensor, SimpleNamespace]]:
    torch.manual_seed(0)
    steps = []
    for regime in ("mixed", "clean"):
        images = torch.randn(8, 3, 12, 12, device=device)
        unlabelled = tuple(torch.randn(8, 3, 12, 12, device=device) for _ in range(2))
        targets = torch.randint(10, (8,), device=device)
        steps.append((images, targets, SimpleNamespace(regime=regime, unlabelled=unlabelled)))
    return steps


def test_every_snippet_runs(capsys):
    snippets = re.findall(r"```python\n(.*?)```", PAGE, flags=re.S)
    assert len(snippets) == 8
    namespace = {"loader": loader("cuda" if torch.cuda.is_available() else "cpu")}
    for snippet in snippets:
        exec(compile(snippet, "docs/latent.md", "exec"), namespace)
        if "loss" in namespace:
            loss = namespace["loss"]
            parts = loss if isinstance(loss, tuple) else (loss,)
            assert all(bool(torch.isfinite(part)) for part in parts)
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("layer1", "layer2", "softmax"))


def test_the_table_is_what_was_measured():
    results = json.loads((ROOT / "benchmarks" / "results" / "latent_cpu.json").read_text())["results"]
    for name, row in results.items():
        assert f"| {name} | {row['min_ms']:.0f} | {row['median_ms']:.0f} | {row['peak_mib']:.0f} |" in PAGE
