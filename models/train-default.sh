#!/bin/sh
# Train the shipped model again: tokenizers, image codes and the transformer in five stages, each a longer look at the same data with another mix;
# about six hours on 2 cores.
#   models/train-default.sh DATA OUT [more options of `triptych train`, for example --resume]
# DATA holds the folders pixelart, music and text (models/README.md tells their sources). OUT is the new model, OUT-first to OUT-fourth those after the
# first four stages; OUT becomes the shipped one by copying all its files but checkpoints/ and loss.tsv to models/default.
set -eu
data=$1 out=$2 triptych="$(dirname "$0")/../triptych"
shift 2
stage() {    # mix of pixelart, music, text, ideas; then options
    pictures=$1 music=$2 text=$3 ideas=$4
    shift 4
    "$triptych" train --data "$data/pixelart=$pictures" --data "$data/music=$music" --data "$data/text=$text" --data "$data/text/prompts/triptychs.jsonl=$ideas" "$@"
}
stage 0.44 0.29 0.19 0.08 --out "$out-first" --steps 1900 --decay 500 --warmup 60 --learning-rate 0.006 --seed 1 "$@"
stage 0.5 0.2 0.22 0.08 --init "$out-first" --out "$out-second" --steps 1800 --decay 600 --warmup 60 --learning-rate 0.005 --seed 2 "$@"
stage 0.48 0.3 0.16 0.06 --init "$out-second" --out "$out-third" --steps 3000 --decay 1000 --warmup 60 --learning-rate 0.005 --seed 3 "$@"
stage 0.5 0.3 0.15 0.05 --init "$out-third" --out "$out-fourth" --steps 6500 --decay 3000 --warmup 60 --learning-rate 0.005 --seed 12 "$@"
stage 0.52 0.3 0.13 0.05 --init "$out-fourth" --out "$out" --steps 2700 --decay 2600 --warmup 60 --learning-rate 0.0045 --seed 21 "$@"
