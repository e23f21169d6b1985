#!/bin/bash
# Kill a training run with SIGKILL at random moments (default 20 times) and resume it each time; then compare with a run
# that was never disturbed: the last checkpoint must be equal bit for bit, and no torn file may be left.
#   tests/kill.sh [TIMES]
set -eu
times=${1:-20} program=$(cd "$(dirname "$0")/.." && pwd)/triptych
home=$(mktemp -d) && trap 'rm -rf "$home"' EXIT && cd "$home"
mkdir works
"$program" draw -s 1 -n 30 -o works/ >/dev/null 2>&1
"$program" play -s 1 -n 8 --max-new-tokens 300 -o works/ >/dev/null 2>&1
"$program" write "Once upon a time" -s 1 -n 12 -o works/ >/dev/null 2>&1
train() {
    "$program" train --data works --preset tiny --vocabulary 400 --patterns 640 --palette-colours 64 --batch 2048 --micro 512 --threads 2 \
        --steps 600 --save-every 5 --valid-every 40 --quiet "$@" 2>/dev/null
}
train --out straight
killed=0
for i in $(seq "$times"); do
    train --out disturbed --resume & pid=$!
    sleep "0.$((RANDOM % 50 + 10))"
    pkill -KILL -P $pid 2>/dev/null && killed=$((killed + 1)) || kill -9 $pid 2>/dev/null || true
    wait $pid 2>/dev/null || true
    for f in $(find disturbed -name 'model.safetensors' -o -name 'optimizer.safetensors' 2>/dev/null | grep -v new-); do
        "$program" logits --ids 1 -m "$(dirname "$f")" >/dev/null 2>&1 || [ ! -e "$(dirname "$f")/config.json" ] || { echo "kill $i: $f cannot be read"; exit 1; }
    done
done
train --out disturbed --resume
for f in model optimizer; do cmp straight/checkpoints/step-000000600/$f.safetensors disturbed/checkpoints/step-000000600/$f.safetensors; done
cmp <(cut -f1-5 straight/loss.tsv) <(cut -f1-5 disturbed/loss.tsv)
echo "$times runs killed ($killed while at work), resumed each time; weights, moments and losses equal those of the undisturbed run"
