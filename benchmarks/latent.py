"""Time and memory of the latent mixing methods: forward and backward of the mixing, the classifier and the loss.

    python benchmarks/latent.py --device cpu --out benchmarks/results/latent_cpu.json

Sizes: B = 256 samples, n = 1000 tuples, d = 2048 features, C = 1000 classes; 7 x 7 positions for the dense form, whose
weights are drawn once for all positions (fresh=False) or anew for each (fresh=True, the default).
Time is wall time on CUDA; on the CPU it is the CPU time of one thread, which other work on the machine disturbs least.
Memory is the peak above what was held before the step: of the process on the CPU (its resident set, through
/proc/self/clear_refs), of the allocator on CUDA. Every case runs in a process of its own, because freed memory that an
allocator keeps would hide the next case's peak.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dali_mixup.latent import DenseMultiMix, MultiMix, SelfDistillation, gap_attention
from dali_mixup.latent.draws import beta, permutation
from dali_mixup.latent.mixing import mix_pair_targets, mix_pairs
from dali_mixup.losses import soft_cross_entropy

B, N, D, C, SIDE = 256, 1000, 2048, 1000, 7
Step = Callable[[], Tensor]


def cases(device: torch.device) -> dict[str, Callable[[], Step]]:
    """Name -> builder of a step that returns a loss whose gradient reaches the features."""

    def features() -> Tensor:
        return torch.randn(B, D, device=device, requires_grad=True)

    def maps() -> Tensor:
        return torch.randn(B, D, SIDE, SIDE, device=device, requires_grad=True)

    labels = torch.randint(C, (B,), device=device)
    head = nn.Linear(D, C).to(device)
    # A CPU generator would pay for a copy on CUDA; the default one of the device is the fast way.
    multimix, few = MultiMix(C, n=N), MultiMix(C, n=N, m=2)

    def clean() -> Step:
        z = features()
        return lambda: F.cross_entropy(head(z), labels)

    def pairs() -> Step:
        z = features()

        def step() -> Tensor:
            lam, partners = beta(2.0, (), device=device), permutation(B, device=device)
            targets = mix_pair_targets(labels, lam, partners)
            return soft_cross_entropy(head(mix_pairs(z, lam, partners)), targets)

        return step

    def tuples(law: MultiMix, on_logits: bool) -> Step:
        z = features()

        def step() -> Tensor:
            rows, targets, _ = law(head(z) if on_logits else z, labels, mixed=False)
            return soft_cross_entropy(rows if on_logits else head(rows), targets)

        return step

    def distilled() -> Step:
        z, teacher, distil = features(), torch.randn(B, C, device=device), SelfDistillation()

        def step() -> Tensor:
            rows, targets, weights = multimix(head(z), labels, mixed=False)
            return distil(rows, targets, teacher, weights)

        return step

    def positions(on_logits: bool, fresh: bool) -> Step:
        z, dense = maps(), DenseMultiMix(C, n=N, fresh=fresh)

        def step() -> Tensor:
            attention = gap_attention(z)
            if not on_logits:
                rows, targets, _ = dense(z, labels, attention=attention, mixed=False)
                return soft_cross_entropy(head(rows), targets)
            logits = head(z.flatten(2).transpose(1, 2)).transpose(1, 2)
            rows, targets, _ = dense(logits, labels, attention=attention, mixed=False)
            return soft_cross_entropy(rows, targets)

        return step

    return {
        "classifier and cross-entropy, no mixing": clean,
        "last-layer manifold mixup": pairs,
        "MultiMix on embeddings, m = B": lambda: tuples(multimix, False),
        "MultiMix on logits, m = B": lambda: tuples(multimix, True),
        "MultiMix on logits, m = 2": lambda: tuples(few, True),
        "MultiMix on logits with self-distillation": distilled,
        "DenseMultiMix on features, one weight draw": lambda: positions(False, False),
        "DenseMultiMix on logits, one weight draw": lambda: positions(True, False),
        "DenseMultiMix on logits, a draw a position": lambda: positions(True, True),
    }


def measure(name: str, device: torch.device, repeats: int) -> dict[str, float]:
    """Median and smallest milliseconds of a step, and the peak MiB above the start, in this process."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    step = cases(device)[name]()
    torch.softmax(
        torch.randn(64, 64, device=device), 1
    ).sum().item()  # libraries loaded before memory is read
    before = reset_peak(device)
    step().backward()
    peak = peak_bytes(device) - before
    times = []
    for _ in range(repeats):
        synchronise(device)
        start = clock()
        step().backward()
        synchronise(device)
        times.append(1e3 * (clock() - start))
    return {
        "median_ms": round(statistics.median(times), 2),
        "min_ms": round(min(times), 2),
        "peak_mib": round(peak / 2**20, 1),
    }


def reset_peak(device: torch.device) -> int:
    """Bytes in use now; the peak counts from here."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device)
    Path("/proc/self/clear_refs").write_text("5")
    return status_bytes("VmRSS")


def peak_bytes(device: torch.device) -> int:
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else status_bytes("VmHWM")


def status_bytes(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return 1024 * int(line.split()[1])
    raise RuntimeError(f"/proc/self/status has no {field}")


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def environment(device: torch.device) -> dict[str, object]:
    cpu = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "cpu": cpu,
        "cpus": os.cpu_count(),
        "torch_threads": 1,
        "clock": "wall" if device.type == "cuda" else "process CPU time",
        "load_average_at_start": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": f"{platform.system()} {platform.machine()}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", help="measure one case in this process and print its JSON")
    args = parser.parse_args()
    device = torch.device(args.device)
    if args.only:
        print(json.dumps(measure(args.only, device, args.repeats)))
        return
    report: dict[str, object] = {
        "environment": environment(device),
        "sizes": {"B": B, "n": N, "d": D, "C": C, "positions": SIDE * SIDE, "dtype": "float32"},
        "repeats": args.repeats,
        "what": "forward and backward of mixing, linear classifier and loss",
    }
    results = {}
    for name in cases(torch.device("cpu")):
        repeats = max(2, args.repeats // 5) if name.startswith("Dense") else args.repeats
        command = [
            sys.executable,
            __file__,
            "--device",
            args.device,
            "--repeats",
            str(repeats),
            "--only",
            name,
        ]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        results[name] = json.loads(done.stdout.splitlines()[-1])
        print(f"{name:45s} {results[name]}", flush=True)
    report["results"] = results
    if args.out:
        args.out.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
