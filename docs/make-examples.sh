#!/bin/sh
# Make the README's pictures and its tune again with the shipped model: one seed each, nothing picked by hand.
set -eu
cd "$(dirname "$0")/.."
mkdir -p docs/sprites
seed=1
for prompt in "a red dragon" "a green potion" "an old wizard" "a stone wall" "a golden sword" "a blue ghost" "a wooden house" "a brown mouse"; do
    ./triptych draw "$prompt" -s $seed -o docs/sprites/$seed.png --scale 3 --no-preview --overwrite
    width=$(od -An -j18 -N2 -tu1 docs/sprites/$seed.png | awk '{ print 256 * $1 + $2 }')
    [ "$width" = 96 ] || ./triptych draw "$prompt" -s $seed -o docs/sprites/$seed.png --scale 6 --no-preview --overwrite      # 16 x 16 art
    seed=$((seed + 1))
done
./triptych play "a lively jig in G major on flute" -s 1 -o docs/tune.mid --overwrite
