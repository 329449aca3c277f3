"""examples/slurm.sh with the real command, on a Slurm of three small scripts."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.distributed.agents import free_port

SCRIPT = Path(__file__).parents[2] / "examples" / "slurm.sh"

# Starts two tasks and passes TERM on to them, as srun does. With $USR1_WHEN it plays the time limit: it sends USR1 to
# the job's script as soon as that file exists.
SRUN = """#!/bin/bash
while [[ $1 == --* ]]; do echo "$1" >> srun.log; shift; done
trap 'stopped=yes; kill -TERM $(jobs -p)' TERM
for task in 0 1; do
    SLURM_PROCID=$task SLURM_LOCALID=$task SLURM_NTASKS=2 "$@" &
    tasks[task]=$!
done
if [[ -n ${USR1_WHEN:-} ]]; then
    until [[ -e $USR1_WHEN ]]; do
        kill -0 "${tasks[0]}" || exit 9
        sleep 0.05
    done
    for _ in $(seq "${USR1_TIMES:-1}"); do kill -USR1 "$PPID"; sleep 0.2; done
fi
worst=0
for task in "${tasks[@]}"; do
    wait "$task"; status=$?
    [[ -n ${stopped:-} ]] && { wait "$task"; status=$?; } # TERM has ended `wait`, not the task
    (( status > worst )) && worst=$status
done
exit $worst
"""
SCONTROL = """#!/bin/bash
if [[ $1 == show ]]; then echo 127.0.0.1; echo other; else echo "$@" >> scontrol.log; fi
"""


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of a job; srun and scontrol are on the path."""
    commands = {
        "srun": SRUN,
        "scontrol": SCONTROL,
        "dali-mixup": f'#!/bin/bash\nexec "{sys.executable}" -m dali_mixup "$@"\n',
    }
    (tmp_path / "bin").mkdir()
    for name, text in commands.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_NODELIST", "host[1-2]")
    while not 20000 <= (port := free_port()) < 40000:  # where the script's lie
        pass
    monkeypatch.setenv("SLURM_JOB_ID", str(port - 20000))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def submitted(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", SCRIPT, *arguments], capture_output=True, text=True, timeout=400)


def requeued(cluster: Path) -> list[str]:
    log = cluster / "scontrol.log"
    return log.read_text().splitlines() if log.exists() else []


@pytest.mark.slow  # about a minute: two ranks train on the CPU, twice
def test_a_job_stops_before_its_limit_and_continues_in_the_next_one(
    cluster: Path, few_photographs: Path, recipe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = ["--recipe", recipe, "--data", str(few_photographs), "--output", "run", "--device", "cpu"]
    given += ["--batch-size", "4", "--epochs", "12", "--checkpoint-every", "2"]
    monkeypatch.setenv("USR1_WHEN", str(cluster / "run" / "checkpoint.pt"))
    first = submitted(*given)
    assert first.returncode == 0 and "stopped in epoch" in first.stdout + first.stderr, first.stderr
    assert requeued(cluster) == [f"requeue {os.environ['SLURM_JOB_ID']}"]

    monkeypatch.delenv("USR1_WHEN")
    second = submitted(*given)
    assert second.returncode == 0, second.stderr
    assert len(requeued(cluster)) == 1, "a finished run is not queued again"
    with open(cluster / "run" / "metrics.csv", newline="") as metrics:
        assert [int(row["epoch"]) for row in csv.DictReader(metrics)] == list(range(12))


@pytest.mark.slow
def test_a_run_that_fails_is_not_queued_again(cluster: Path) -> None:
    failed = submitted("--recipe", "no-such-recipe", "--data", "nowhere")
    assert failed.returncode not in (0, 130) and not requeued(cluster)
    assert "no-such-recipe" in failed.stdout + failed.stderr


@pytest.mark.slow
def test_a_run_that_ends_as_the_signal_comes_is_not_queued_again(
    cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cluster / "bin" / "dali-mixup").write_text(
        "#!/bin/bash\ntrap 'exit 0' TERM\ntouch ready\nsleep 60 > /dev/null 2>&1 & wait\n"
    )
    monkeypatch.setenv("USR1_WHEN", str(cluster / "ready"))
    assert submitted().returncode == 0 and not requeued(cluster)


@pytest.mark.parametrize("cores", ["8", None])
def test_the_tasks_have_their_cores_and_a_second_signal_does_not_end_the_wait(
    cluster: Path, monkeypatch: pytest.MonkeyPatch, cores: str | None
) -> None:
    """sbatch's cores per task are not srun's; Slurm sends the signal once, `scancel --signal` may send another."""
    (cluster / "bin" / "dali-mixup").write_text(
        "#!/bin/bash\ntrap 'sleep 2; touch written.$RANK; exit 130' TERM\n"
        "touch ready\nsleep 60 > /dev/null 2>&1 & wait\n"
    )
    (cluster / "bin" / "scontrol").write_text(f'{SCONTROL}ls >> "$0.seen"\n')
    monkeypatch.setenv("USR1_WHEN", str(cluster / "ready"))
    monkeypatch.setenv("USR1_TIMES", "3")
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
    if cores is not None:
        monkeypatch.setenv("SLURM_CPUS_PER_TASK", cores)
    ended = submitted()
    assert ended.returncode == 0 and requeued(cluster) == [f"requeue {os.environ['SLURM_JOB_ID']}"], (
        ended.stderr
    )
    before_the_requeue = (cluster / "bin" / "scontrol.seen").read_text().split()
    assert {"written.0", "written.1"} <= set(before_the_requeue)
    asked = ["--kill-on-bad-exit=1"] + ([] if cores is None else [f"--cpus-per-task={cores}"])
    assert (cluster / "srun.log").read_text().split() == asked


def test_the_script_is_clean() -> None:
    shellcheck = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if shellcheck is None:
        pytest.skip("shellcheck is not installed")
    checked = subprocess.run([shellcheck, str(SCRIPT)], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
