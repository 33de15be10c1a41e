#!/bin/sh
# Run the CUDA tests and measure training speed on a GPU, in a few minutes. The figures are also
# written to OUT as JSON (default: bench_gpu.json). Run it in the root of the project, nmt installed.
#
#     sh scripts/bench_gpu.sh [OUT]
set -eu
out=${1:-bench_gpu.json}
python=${PYTHON:-python}
"$python" -c 'import torch, sys; sys.exit(0 if torch.cuda.is_available() else "no GPU here")'
failed=0
"$python" -m pytest -q tests/training/test_cuda.py || failed=$?
"$python" scripts/bench_train.py --precision bfloat16 --batch-size 4096 16384 65536 \
    --models small small-whole luong2015 gnmt --graphs --warm-up 15 --updates 15 --json "$out"
exit "$failed"
