#!/bin/sh
# Train the shipped model again: tokenizers, image codes and the transformer, in one command; about 80 minutes on 2 cores.
#   models/train-default.sh DATA OUT [more options of `triptych train`, for example --resume]
# DATA holds the folders pixelart, music and text (models/README.md tells their sources). OUT is the new model; it becomes the shipped
# one by copying all its files but checkpoints/ and loss.tsv to models/default.
set -eu
data=$1 out=$2
shift 2
exec "$(dirname "$0")/../triptych" train --data "$data/pixelart=0.44" --data "$data/music=0.29" --data "$data/text=0.19" \
    --data "$data/text/prompts/triptychs.jsonl=0.08" --out "$out" --steps 1900 --decay 500 --warmup 60 --learning-rate 0.006 --seed 1 "$@"
