#!/bin/sh
# Builds the program for one machine: packaging/dist/build.sh TARGET leaves target/TARGET/static/wattboard, static and stripped.
# ARCHITECTURE.md ("How releases are built") tells why it is done this way.
#
# The same commit gives the same bytes, wherever the checkout, CARGO_HOME and CARGO_TARGET_DIR are.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
target=$1
build=${CARGO_TARGET_DIR:-$root/target}
mkdir -p "$build/dist-tools/zig"
build=$(cd "$build" && pwd)

case "$target" in
x86_64-unknown-linux-musl) machine="-target x86_64-linux-musl -mcpu=x86_64" ;;
aarch64-unknown-linux-musl) machine="-target aarch64-linux-musl -mcpu=generic" ;;                   # Pi 3, 4, 5 with 64 bit
armv7-unknown-linux-musleabihf) machine="-target arm-linux-musleabihf -mcpu=generic+v7a+vfp3d16" ;; # Pi 2, 3, 4 with 32 bit
arm-unknown-linux-musleabihf) machine="-target arm-linux-musleabihf -mcpu=arm1176jzf_s" ;;          # Pi 1, Zero
*) echo "no such target: $target" >&2 && exit 2 ;;
esac

# SQLite without what nobody here asks for: full text, trees, JSON, page statistics, extensions, guards against misuse of its API.
LIBSQLITE3_FLAGS='-USQLITE_ENABLE_FTS3 -USQLITE_ENABLE_FTS3_PARENTHESIS -USQLITE_ENABLE_FTS5 -USQLITE_ENABLE_RTREE'
LIBSQLITE3_FLAGS="$LIBSQLITE3_FLAGS -USQLITE_ENABLE_DBSTAT_VTAB -USQLITE_ENABLE_LOAD_EXTENSION -DSQLITE_OMIT_LOAD_EXTENSION"
LIBSQLITE3_FLAGS="$LIBSQLITE3_FLAGS -USQLITE_ENABLE_API_ARMOR -DSQLITE_OMIT_DEPRECATED -DSQLITE_OMIT_SHARED_CACHE"
LIBSQLITE3_FLAGS="$LIBSQLITE3_FLAGS -USQLITE_SOUNDEX -USQLITE_ENABLE_STAT4 -USQLITE_ENABLE_COLUMN_METADATA"
LIBSQLITE3_FLAGS="$LIBSQLITE3_FLAGS -DSQLITE_OMIT_JSON -DSQLITE_UNTESTABLE -DSQLITE_OMIT_DESERIALIZE -DSQLITE_OMIT_TRACE"
LIBSQLITE3_FLAGS="$LIBSQLITE3_FLAGS -DSQLITE_OMIT_INCRBLOB -DSQLITE_OMIT_GET_TABLE -DSQLITE_OMIT_COMPLETE -DSQLITE_OMIT_TCL_VARIABLE"
LIBSQLITE3_FLAGS="$LIBSQLITE3_FLAGS -DSQLITE_OMIT_DECLTYPE -DSQLITE_OMIT_XFER_OPT -DSQLITE_OMIT_INTROSPECTION_PRAGMAS"
export LIBSQLITE3_FLAGS

# Debian's compiler, wherever rustup's may be: it comes with the sources of its own standard library.
RUSTC=/usr/bin/rustc
RUSTC_WRAPPER=$here/rustc.sh
# -Zbuild-std is asked of a stable compiler.
RUSTC_BOOTSTRAP=1
# 32 bit: time_t of 64 bit, or time would end in 2038.
RUST_LIBC_UNSTABLE_MUSL_V1_2_3=1
CARGO_TARGET_DIR=$build
SOURCE_DATE_EPOCH=$(git -C "$root" log -1 --format=%ct 2>/dev/null || echo 0)
export RUSTC RUSTC_WRAPPER RUSTC_BOOTSTRAP RUST_LIBC_UNSTABLE_MUSL_V1_2_3 CARGO_TARGET_DIR SOURCE_DATE_EPOCH LC_ALL=C TZ=UTC

# C compiler, archiver and linker.
WATTBOARD_PYTHON=${WATTBOARD_PYTHON:-$root/target/dist-tools/venv/bin/python}
WATTBOARD_MACHINE=$machine
ZIG_GLOBAL_CACHE_DIR=$build/dist-tools/zig
ZIG_LOCAL_CACHE_DIR=$build/dist-tools/zig
export WATTBOARD_PYTHON WATTBOARD_MACHINE ZIG_GLOBAL_CACHE_DIR ZIG_LOCAL_CACHE_DIR
small=$(echo "$target" | tr - _)
large=$(echo "$small" | tr '[:lower:]' '[:upper:]')
# Nothing unwinds through C: SQLite's callbacks into Rust hold panics back.
export "CFLAGS_$small=-fno-asynchronous-unwind-tables -fno-unwind-tables -fomit-frame-pointer"
export "CC_$small=$here/zig-cc.sh" "AR_$small=$here/zig-ar.sh" "CARGO_TARGET_${large}_LINKER=$here/zig-cc.sh"

# No folder of this machine is in the program. Functions that nothing unwinds through need no table for it. It is loaded
# where it was linked for, as static programs are: addresses are shorter so.
split=$(printf '\037')
flags="-Ctarget-feature=+crt-static${split}-Clink-self-contained=no${split}-Cforce-unwind-tables=no${split}-Crelocation-model=static"
case "$target" in
# With a frame pointer the tables for unwinding are half as large.
x86_64-*) flags="$flags${split}-Cforce-frame-pointers=yes" ;;
esac
cargo_home=${CARGO_HOME:-$HOME/.cargo}
sources=$("$RUSTC" --print sysroot)/lib/rustlib/src/rust
for pair in "$root=/wattboard" "$build=/build" "$cargo_home=/cargo" "$(readlink -f "$cargo_home")=/cargo" \
    "$sources=/rust" "$(readlink -f "$sources")=/rust"; do
    flags="$flags${split}--remap-path-prefix=$pair"
done
export CARGO_ENCODED_RUSTFLAGS="$flags"
unset RUSTFLAGS

cd "$root"
exec /usr/bin/cargo build --locked --quiet --profile static --bin wattboard --target "$target" \
    -Zbuild-std=std,panic_unwind -Zbuild-std-features=panic-unwind,optimize_for_size
