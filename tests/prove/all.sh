#!/bin/sh
# Runs every proof with the release binary, one after the other, and says at the end which held.
# NAME=... runs those whose file name contains it.
cd "$(dirname "$0")/../.."
failed=
for proof in tests/prove/[0-9]*.py; do
    case "$proof" in *"${NAME:-}"*) ;; *) continue ;; esac
    echo "=== $proof"
    set -- --bin target/release/wattboard
    case "$proof" in *_faults.py) set -- "$@" --faults-bin target/faults/debug/wattboard ;; esac
    "$proof" "$@" || failed="$failed $proof"
done
[ -z "$failed" ] && echo "every proof held" && exit 0
echo "these did not hold:$failed"
exit 1
