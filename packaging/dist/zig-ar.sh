#!/bin/sh
# The archiver beside zig.sh.
exec "$WATTBOARD_PYTHON" -m ziglang ar "$@"
