#!/bin/sh
# Fuzzes every target for FUZZ_SECONDS, or those named as arguments; stops at the first crash. `make fuzz` calls it.
#
# Coverage is counted by flags that a stable compiler has, so that no nightly is needed. FUZZ_SANITIZER=address finds more
# in C and unsafe code; it needs a nightly, or a stable compiler that is told to behave like one, as is done here.
set -eu
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-60}
sanitizer=${FUZZ_SANITIZER:-none}
place=target/fuzz
host=$(rustc -vV | sed -n 's/^host: //p')
[ $# -gt 0 ] || set -- $(sed -n 's/^name = "\(.*\)"$/\1/p' fuzz/Cargo.toml | tail -n +2)

[ "$sanitizer" = none ] || export RUSTC_BOOTSTRAP=1
export ASAN_OPTIONS=detect_odr_violation=0 TMPDIR="$PWD/$place/tmp"
mkdir -p "$TMPDIR"
cargo fetch --quiet --locked --manifest-path fuzz/Cargo.toml
PATH="$PWD/target/tools/bin:$PATH" cargo fuzz build --sanitizer "$sanitizer" --target-dir "$place"

table=$(printf '%-12s %10s %8s %6s %5s' target runs seconds new exit)
for target in "$@"; do
    corpus=$place/corpus/$target found=$place/crashes/$target log=$place/$target.log
    mkdir -p "$corpus" "$found"
    before=$(ls "$corpus" | wc -l)
    echo "fuzzing $target for $seconds s"
    code=0
    "$place/$host/release/$target" -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="$found/" "$corpus" "fuzz/seeds/$target" >"$log" 2>&1 || code=$?
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    took=$(sed -n 's/^Done .* in \(.*\) second.*/\1/p' "$log")
    new=$(($(ls "$corpus" | wc -l) - before))
    table=$(printf '%s\n%-12s %10s %8s %6s %5s' "$table" "$target" "${runs:--}" "${took:--}" "$new" "$code")
    [ "$code" = 0 ] || break
done

rm -rf "$TMPDIR"
printf '\n%s\n' "$table"
[ "$code" = 0 ] && exit 0
echo
grep -a -A3 'panicked at\|ERROR: ' "$log" | cut -c -400
echo "$target failed; to see it again: $place/$host/release/$target $(ls -t "$found"/* | head -1)"
exit 1
