#!/bin/sh
# The benchmarks behind the README: `benchmarks/run.sh cpu` (two cores, about 25 minutes), which also writes its table, or
# `benchmarks/run.sh gpu` (one GPU, 16 cores). `benchmarks/run.sh lists` measures lists of up to 100 million names (12 GB of
# disk). PYTHON and DALI_MIXUP name other executables than those on the path.
set -eu
# Where Python writes no bytecode every process would compile its imports, and the first batches come late.
unset PYTHONDONTWRITEBYTECODE
cd "$(dirname "$0")/.."
command=${DALI_MIXUP:-dali-mixup}
results=benchmarks/results

case "${1:-}" in
cpu)
    $command bench --synthetic 2000 --device cpu --threads 2 --batch-sizes 256 --batches 32 --warmup 12 --repeats 5 \
        --out $results/cpu
    $command bench --synthetic 2000 --device cpu --threads 2,1 --batch-sizes 64,128 --batches 10 --warmup 4 \
        --repeats 5 --only dali-mixup,dali-torch,decode-only --out $results/cpu-scaling
    $command bench --synthetic 2000 --device cpu --threads 2 --batch-sizes 16 --batches 6 --warmup 4 --repeats 5 \
        --modes training,replay,synthetic,loader --model squeezenet1_1 --only dali-mixup,torchvision-tensor \
        --out $results/cpu-training
    drawn=$("${PYTHON:-python}" -c 'from dali_mixup.bench.synthetic import synthetic_folder as made; print(made(2000))')
    packed=$(mktemp -d)
    $command pack "$drawn" "$packed" --folder --shorter-side 256
    $command bench "$packed" --device cpu --threads 2 --batch-sizes 256 --batches 32 --warmup 12 --repeats 5 \
        --only dali-mixup,dali-mixup-off,dali-torch,timm,torchvision-tensor,torchvision-pil,decode-only \
        --out $results/cpu-packed
    rm -r "$packed"
    "${PYTHON:-python}" benchmarks/scale.py --out $results/scale.json
    "${PYTHON:-python}" benchmarks/stages.py --out $results/stages.json
    "${PYTHON:-python}" benchmarks/readme_table.py
    "${PYTHON:-python}" benchmarks/packed_table.py
    ;;
lists)
    PYTHONPATH=. "${PYTHON:-python}" benchmarks/long_lists.py --out $results/long_lists.json
    "${PYTHON:-python}" benchmarks/long_lists_table.py
    ;;
gpu)
    $command bench --synthetic 20000 --device cuda --threads 16 --batch-sizes 256 --batches 60 --warmup 10 --repeats 5 \
        --out $results/gpu
    $command bench --synthetic 20000 --device cuda --threads 16,8,4 --batch-sizes 256,128,512 --batches 40 --warmup 10 \
        --repeats 5 --only dali-mixup,dali-mixup-off,dali-torch,decode-only --out $results/gpu-scaling
    $command bench --synthetic 20000 --device cuda --threads 16 --batch-sizes 256 --batches 60 --warmup 10 --repeats 5 \
        --modes training,replay,synthetic,loader --model resnet50 \
        --only dali-mixup,dali-mixup-off,dali-torch,torchvision-tensor --out $results/gpu-training
    "${PYTHON:-python}" benchmarks/scale.py --out $results/gpu-scale.json
    ;;
*)
    echo "usage: benchmarks/run.sh cpu|gpu|lists" >&2
    exit 2
    ;;
esac
