#!/bin/sh
# core <- outputs <- tokenizers <- modalities <- app: each room includes itself and those before it, nothing else of ours.
# Below app/ nothing prints, exits or aborts.
bad=0 allowed=
for room in core outputs tokenizers modalities app; do
    allowed="$allowed${allowed:+|}$room"
    wrong=$(grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$room"/*.c "$room"/*.h 2>/dev/null |
        grep -vE "#[[:space:]]*include[[:space:]]*\"($allowed)/[a-z0-9_]+\.h\"")
    if [ -n "$wrong" ]; then
        echo "layers: $room/ may include only $allowed:" >&2
        echo "$wrong" >&2
        bad=1
    fi
done
loud=$(grep -nE '(^|[^a-z_])(printf|puts|putchar|perror|exit|abort|_exit)\(|std(out|err)' core/*.[ch] outputs/*.[ch] tokenizers/*.[ch] modalities/*.[ch] 2>/dev/null |
    grep -vE ':[[:space:]]*(/?\*|//)')
if [ -n "$loud" ]; then
    echo "layers: only app/ prints or exits:" >&2
    echo "$loud" >&2
    bad=1
fi
exit $bad
