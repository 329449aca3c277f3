#!/bin/bash
# Trains on several hosts under Slurm, stops before the time limit, and continues when the job runs again.
#
#     sbatch examples/slurm.sh --recipe deit-s --data /data/imagenet --output runs/deit-s
#
# Two minutes before the limit Slurm sends USR1 to this script. It asks the ranks to stop: they finish their step and
# write a checkpoint. Then it puts the job back into the queue, and --resume continues from the checkpoint. A run that
# ends by itself, or fails, is not queued again. Slurm itself queues the job again after a host has failed.
#
#SBATCH --job-name=dali-mixup
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=8
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail

read -r MASTER_ADDR < <(scontrol show hostnames "$SLURM_JOB_NODELIST") # the first of its lines
MASTER_PORT=$((20000 + SLURM_JOB_ID % 20000)) # jobs that share a host do not share a port
export MASTER_ADDR MASTER_PORT

# One rank per task: exec, so that Python itself receives the signal. srun does not take the cores of a task over from
# sbatch.
# shellcheck disable=SC2016  # the variables are those of the task
srun --kill-on-bad-exit=1 ${SLURM_CPUS_PER_TASK:+--cpus-per-task="$SLURM_CPUS_PER_TASK"} bash -c \
    'export RANK=$SLURM_PROCID WORLD_SIZE=$SLURM_NTASKS LOCAL_RANK=$SLURM_LOCALID; exec "$@"' rank \
    dali-mixup train --resume "$@" &
step=$!

stopping=no
# shellcheck disable=SC2329  # the trap calls it
stop() {
    stopping=yes
    trap '' USR1 # a second signal must not end the wait for the checkpoint
    kill -TERM "$step" # srun passes it on to every rank
}
trap stop USR1

status=0
wait "$step" || status=$?
if [ "$stopping" = yes ]; then # the signal has ended `wait`, not the step
    status=0
    wait "$step" || status=$?
fi

if [ "$stopping" = yes ] && [ "$status" -ne 0 ]; then
    scontrol requeue "$SLURM_JOB_ID"
    exit 0
fi
exit "$status"
