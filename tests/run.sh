#!/bin/sh
# Run each test program (Check prints "N%: Checks: c, Failures: f, Errors: e" as its last line) and close with one count.
passed=0 failed=0
for program in "$@"; do
    name=$(basename "$program")
    log="$program.log"
    "$program" >"$log" 2>&1
    status=$?
    line=$(grep -E '^[0-9]+%: Checks: [0-9]+' "$log" | tail -n 1)
    checks=$(echo "$line" | sed -n 's/.*Checks: \([0-9]*\).*/\1/p')
    bad=$(echo "$line" | sed -n 's/.*Failures: \([0-9]*\), Errors: \([0-9]*\).*/\1 + \2/p')
    if [ -z "$checks" ] || [ "$checks" = 0 ]; then
        echo "$name: ran no check (exit status $status)"
        tail -n 20 "$log"
        failed=$((failed + 1))
        continue
    fi
    bad=$(($bad))
    [ "$status" != 0 ] && [ "$bad" = 0 ] && bad=1
    echo "$name: $((checks - bad)) of $checks"
    [ "$bad" != 0 ] && grep -vE '^Running suite|^[0-9]+%:' "$log" | tail -n 40
    passed=$((passed + checks - bad)) failed=$((failed + bad))
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
