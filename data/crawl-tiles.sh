#!/bin/sh
# A public set of sprites: the tiles of Dungeon Crawl Stone Soup from Debian's source package `crawl` (its binary package crawl-tiles-data holds
# the same tiles, but as a few large sheets without names). Most tiles are CC0 or public domain; the package's LICENSE tells more.
#
#     data/crawl-tiles.sh my-tiles && ./triptych train --data my-tiles --out my-model
#
# Captions come from file and folder names: "mon/dragons/fire_dragon.png" is "fire dragon" and "fire dragon, monster". Wanted: apt, tar with xz. Where
# the system lists no source packages, Debian's are read into a folder of their own; nothing of the system changes, and root is not needed. Splits are
# left to the training program, which keeps twins together.
set -eu
out=${1:?usage: data/crawl-tiles.sh FOLDER [crawl_VERSION.orig.tar.xz]}
archive=${2:-}
[ ! -e "$out/metadata.jsonl" ] || { echo "$out: holds a data set; another folder is wanted" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
# fetch [apt's options]: the .orig archive has the tiles; that another part cannot be had does not matter
fetch() {
    (cd "$work" && apt-get "$@" source --download-only crawl) >>"$work/log" 2>&1 || true
    archive=$(find "$work" -maxdepth 1 -name 'crawl_*.orig.tar.xz' | head -n 1)
}
if [ -z "$archive" ]; then
    fetch -q
    if [ -z "$archive" ]; then
        mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
        echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian stable main" >"$work/sources.list"
        set -- -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=- -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" -o APT::Sandbox::User=
        apt-get "$@" update >>"$work/log" 2>&1 || true
        fetch "$@"
    fi
    [ -n "$archive" ] || { tail -n 2 "$work/log" >&2; echo "the source package crawl is not there: a network, or the archive as second argument, is wanted" >&2; exit 1; }
fi
tar -C "$work" -xf "$archive" --wildcards '*/rltiles/*.png'
tiles=$(find "$work" -type d -name rltiles | head -n 1)
mkdir -p "$out"
# folder of the tiles, what the things in it are called
while read -r folder kind; do
    find "$tiles/$folder" -name '*.png' | LC_ALL=C sort | while read -r file; do
        name=$(basename "$file" .png)
        # left out: parts and marks that show no thing
        case $file in *brand*|*/unseen*|*cursor*|*border*|*overlay*|*_edge*|*tentacle*|*halo*|*shadow*|*/error*|*todo*|*/.*|*/i-*|*_i-*) continue ;; esac
        words=$(printf %s "$name" | sed 's/[0-9][0-9]*[a-z]\{0,1\}$//; s/[_-]/ /g; s/ \(old\|new\|alt\)$//; s/  */ /g; s/^ //; s/ $//')
        [ -n "$words" ] || continue
        to=$(printf %s "${file#"$tiles"/}" | tr '/ ' '--')
        cp "$file" "$out/$to"
        printf '{"file_name": "%s", "text": "%s", "alt": ["%s, %s"]}\n' "$to" "$words" "$words" "$kind"
    done
done >"$out/metadata.jsonl" <<LIST
mon monster
item item
dngn/altars altar
dngn/doors door
dngn/floor floor
dngn/gateways gate
dngn/statues statue
dngn/traps trap
dngn/trees tree
dngn/vaults building
dngn/wall wall
dngn/water water
effect effect
LIST
echo "$(wc -l <"$out/metadata.jsonl") sprites in $out"
