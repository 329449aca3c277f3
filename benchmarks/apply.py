"""What mixing costs on tensors in memory: `Mixer` beside timm's Mixup, torchvision's v2 and Kornia.

    python benchmarks/apply.py                  # batches (256, 3, 224, 224) of float32, about 2 minutes on two cores
    python benchmarks/apply.py --repeats 0      # writes the page from the report of before

Everything makes mixed images and dense targets of 1000 classes, and takes its turn in every repeat. timm mixes in
place, the others into new memory; copying the batch is timed too, as a scale.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import Tensor

from dali_mixup import CutMix, Mixer, MixPolicy, MixUp
from dali_mixup.bench.environment import environment
from dali_mixup.bench.markers import replaced
from dali_mixup.bench.statistics import ratio, spread

HERE = Path(__file__).parent
REPORT = HERE / "results" / "apply.json"
PAGE = HERE.parent / "docs" / "engines.md"
BEGIN, END = "<!-- apply:begin -->", "<!-- apply:end -->"
CLASSES = 1000
OURS = ("Mixer, batch", "Mixer, sample")
OTHERS = ("timm", "torchvision", "Kornia")

Mixing = Callable[[Tensor, Tensor], Any]


def subjects(method: str) -> dict[str, Mixing]:
    """Every way of mixing by "MixUp" or "CutMix" with alpha = 1."""
    import kornia.augmentation as kornia
    from timm.data import Mixup
    from torchvision.transforms import v2

    mixup = method == "MixUp"
    ours = MixUp(1.0) if mixup else CutMix(1.0)
    by_kornia = (
        kornia.RandomMixUpV2(lambda_val=torch.tensor([0.0, 1.0]), p=1.0, data_keys=["input", "class"])
        if mixup
        else kornia.RandomCutMixV2(p=1.0, use_correct_lambda=True, data_keys=["input", "class"])
    )
    return {
        OURS[0]: Mixer(MixPolicy(ours), num_classes=CLASSES),
        OURS[1]: Mixer(MixPolicy(ours, granularity="sample"), num_classes=CLASSES),
        "timm": Mixup(mixup_alpha=float(mixup), cutmix_alpha=float(not mixup), num_classes=CLASSES),
        "torchvision": (v2.MixUp if mixup else v2.CutMix)(num_classes=CLASSES),
        "Kornia": by_kornia,
        "copy": lambda images, labels: images.clone(),
    }


def measured(rows: int, size: int, repeats: int) -> dict[str, Any]:
    """{method: {subject: seconds of every repeat}}."""
    images = torch.rand(rows, 3, size, size)
    labels = torch.randint(CLASSES, (rows,))
    times: dict[str, Any] = {}
    for method in ("MixUp", "CutMix"):
        made = subjects(method)
        taken: dict[str, list[float]] = {name: [] for name in made}
        for repeat in range(repeats + 1):
            for name, mix in made.items():
                start = time.perf_counter()
                mix(images, labels)
                if repeat:  # the first one allocates and compiles
                    taken[name].append(time.perf_counter() - start)
        times[method] = taken
    return times


def section(report: dict[str, Any]) -> str:
    """The table of docs/engines.md."""
    about, times = report["environment"], report["seconds"]
    lines = ["| ms per batch | " + " | ".join(times) + " |", "|---|" + "---|" * len(times)]
    for name in (*OURS, *OTHERS, "copy"):
        cells = [spread([1000 * second for second in times[method][name]]) for method in times]
        shown = [f"{cell.median:.0f} ({cell.low:.0f} to {cell.high:.0f})" for cell in cells]
        lines.append(f"| {name} | " + " | ".join(shown) + " |")
    facts = []
    for method, taken in times.items():
        fastest = min(OTHERS, key=lambda name, taken=taken: spread(taken[name]).median)
        each = [ratio(taken[OURS[0]], taken[fastest]), ratio(taken[OURS[1]], taken[OURS[0]])]
        first, second = (f"{one.median:.2f} ({one.low:.2f} to {one.high:.2f})" for one in each)
        facts.append(
            f"{method} per batch takes {first} of the time of the fastest of the others, {fastest}; per sample "
            f"{second} of the time per batch."
        )
    rows, size = report["rows"], report["size"]
    intro = (
        f"Float32 tensors ({rows}, 3, {size}, {size}) and dense targets of {CLASSES} classes, {about['cpu']}, "
        f"{about['usable_cores']} cores: medians of {report['repeats']} interleaved repeats and their 90% intervals. "
        "timm mixes in place, the others into new memory; `copy` only copies the batch."
    )
    return "\n\n".join([intro, "\n".join(lines), " ".join(facts)])


def main(
    rows: Annotated[int, typer.Option(help="of a batch, an even number")] = 256,
    size: Annotated[int, typer.Option(help="height and width in pixels")] = 224,
    repeats: Annotated[int, typer.Option(help="0: only write the page")] = 21,
) -> None:
    if repeats:
        about = environment(str(HERE))
        report = {"environment": about, "rows": rows, "size": size, "repeats": repeats}
        report["kornia"] = version("kornia")
        report["seconds"] = measured(rows, size, repeats)
        REPORT.write_text(json.dumps(report, indent=1) + "\n")
    text = section(json.loads(REPORT.read_text()))
    PAGE.write_text(replaced(PAGE.read_text(), BEGIN, END, text))
    print(text)


if __name__ == "__main__":
    typer.run(main)
