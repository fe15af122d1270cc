#!/bin/sh
# Runs every proof with the release binary and says at the end which held. NAME=... runs those whose file name contains it.
#
# Proofs that mostly wait run beside the others; those that measure speed, memory and latency run alone, at the end.
cd "$(dirname "$0")/../.." || exit 2
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

prove() {
    name=$(basename "$1" .py)
    set -- "$1" --bin target/release/wattboard
    case "$name" in *_faults | 08_7_soak) set -- "$@" --faults-bin target/faults/debug/wattboard ;; esac
    "$@" >"$logs/$name.log" 2>&1
    echo $? >"$logs/$name.code"
    echo "=== $name"
    cat "$logs/$name.log"
}

waiting= timed= others=
for proof in tests/prove/[0-9]*.py; do
    case "$proof" in *"${NAME:-}"*) ;; *) continue ;; esac
    case "$proof" in
    *_compat.py | *_disk.py | *_failures.py | */03_8_memory.py | *_access.py | *_ready.py | *_soak.py | *_kills.py | *_rotation.py | *_idle.py | */08_4_watchdog.py | *_metrics.py) waiting="$waiting $proof" ;;
    *_speed.py | */05_1_ten_years.py | */04_2_memory.py | *_slow.py | *_attacks.py | *_stop.py | *_push.py | *_large.py | */06_6_journal.py | *_downloads.py | *_cold.py | *_footprint.py) timed="$timed $proof" ;;
    *) others="$others $proof" ;;
    esac
done
for proof in $waiting; do prove "$proof" & done
for proof in $others; do prove "$proof"; done
wait
for proof in $timed; do prove "$proof"; done

failed=
for code in "$logs"/*.code; do
    [ "$(cat "$code")" = 0 ] || failed="$failed $(basename "$code" .code)"
done
[ -z "$failed" ] && echo "every proof held" && exit 0
echo "these did not hold:$failed"
exit 1
