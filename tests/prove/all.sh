#!/bin/sh
# Runs every proof with the release binary and says at the end which held. NAME=... runs those whose file name contains it.
#
# Proofs that mostly wait run beside the others, the longest of the others beside the rest of them; those that measure speed,
# memory and latency run alone, at the end.
cd "$(dirname "$0")/../.." || exit 2
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

prove() {
    name=$(basename "$1" .py)
    set -- "$1" --bin target/release/wattboard
    # Its table is the README's.
    case "$name" in *_footprint) set -- "$@" --write README.md ;; esac
    case "$name" in *_faults) set -- "$@" --faults-bin target/faults/debug/wattboard ;; esac
    "$@" >"$logs/$name.log" 2>&1
    echo $? >"$logs/$name.code"
    echo "=== $name"
    cat "$logs/$name.log"
}

waiting= timed= long= others=
for proof in tests/prove/[0-9]*.py; do
    name=$(basename "$proof" .py)
    case "$name" in *"${NAME:-}"*) ;; *) continue ;; esac
    case "$name" in
    *_compat | *_disk | *_failures | 03_8_memory | *_access | *_ready | *_soak | *_kills | *_rotation | *_idle | *_metrics | *_watchdog | *_dashboards)
        waiting="$waiting $proof" ;;
    *_speed | 05_1_ten_years | 04_2_memory | *_slow | *_attacks | *_stop | *_push | *_large | 06_6_journal | *_downloads | *_cold | *_footprint | *_fleet)
        timed="$timed $proof" ;;
    02_1_fresh | 02_8_* | 03_1_days | 03_6_windows | 07_3_axe) long="$long $proof" ;;
    *) others="$others $proof" ;;
    esac
done
for proof in $waiting; do prove "$proof" & done
(for proof in $long; do prove "$proof"; done) &
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
