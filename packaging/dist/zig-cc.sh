#!/bin/sh
# C compiler and linker of packaging/dist/build.sh: zig, which brings musl for every machine.
# What cargo and cc-rs say of the machine is left out: $WATTBOARD_MACHINE says it in zig's words.
set -eu
for part in "$@"; do
    shift
    case "$part" in
    --target=* | -march=* | -mfpu=* | -mcpu=* | -mfloat-abi=*) ;;
    *) set -- "$@" "$part" ;;
    esac
done
# shellcheck disable=SC2086 # a list of words
exec "$WATTBOARD_PYTHON" -m ziglang cc $WATTBOARD_MACHINE "$@"
