#!/bin/sh
# Makes sure that the named programs, and files where a path is given, are there; installs missing ones where apt can.
# PROGRAM=PACKAGE where the names differ.
set -eu
missing=
for need in "$@"; do
    name=${need%%=*}
    command -v "$name" >/dev/null 2>&1 || case "$name" in
    /*) [ -e "$name" ] || missing="$missing ${need#*=}" ;;
    *) missing="$missing ${need#*=}" ;;
    esac
done
[ -n "$missing" ] || exit 0
echo "missing:$missing"
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    apt-get update -qq || true
    # shellcheck disable=SC2086 # a list of package names
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing >/dev/null
else
    echo "please install:$missing" >&2
    exit 1
fi
