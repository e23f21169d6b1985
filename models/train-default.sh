#!/bin/sh
# Train the shipped model again: tokenizers, image codes and the transformer, then a second, longer look at the same data with more
# pictures and with holes in the texts; about two hours on 2 cores.
#   models/train-default.sh DATA OUT [more options of `triptych train`, for example --resume]
# DATA holds the folders pixelart, music and text (models/README.md tells their sources). OUT is the new model, OUT-first the one after the
# first stage; OUT becomes the shipped one by copying all its files but checkpoints/ and loss.tsv to models/default.
set -eu
data=$1 out=$2 triptych="$(dirname "$0")/../triptych"
shift 2
"$triptych" train --data "$data/pixelart=0.44" --data "$data/music=0.29" --data "$data/text=0.19" --data "$data/text/prompts/triptychs.jsonl=0.08" \
    --out "$out-first" --steps 1900 --decay 500 --warmup 60 --learning-rate 0.006 --seed 1 "$@"
exec "$triptych" train --data "$data/pixelart=0.5" --data "$data/music=0.2" --data "$data/text=0.22" --data "$data/text/prompts/triptychs.jsonl=0.08" \
    --init "$out-first" --out "$out" --steps 1800 --decay 600 --warmup 60 --learning-rate 0.005 --seed 2 "$@"
