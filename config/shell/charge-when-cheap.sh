#!/bin/sh
# Runs one command when electricity becomes cheap and another one when it is not any more, for cron once a minute:
#
#     * * * * *  /usr/local/bin/charge-when-cheap.sh 3 'plug on' 'plug off'
#
# charge-when-cheap.sh HOURS ON OFF: cheap are so many hours of each day, its cheapest quarter-hours, not in a row. Takes curl
# and jq; WATTBOARD and WATTBOARD_TOKEN as in cheapest-hours.sh. What it did last stands in STATE [default: a file in
# XDG_RUNTIME_DIR or /tmp]: a command is run when that changes, and again where it failed. While Wattboard does not answer,
# or does not know the price, nothing is changed and the exit code is not 0.
set -eu
hours=${1:-} on=${2:-} off=${3:-}
usage() {
    echo "usage: charge-when-cheap.sh HOURS ON OFF" >&2
    exit 2
}
case $hours in [1-9] | 1[0-9] | 2[0-4]) ;; *) usage ;; esac
[ -n "$on" ] && [ -n "$off" ] || usage
folder=${XDG_RUNTIME_DIR:-/tmp}
# Of its own for each device and hours.
which=$(printf '%s\n' "$hours" "$on" "$off" "${WATTBOARD:-}" | cksum | cut -d' ' -f1)
state=${STATE:-$folder/charge-when-cheap.$(id -u).$which}

answer=$(curl -fsS --max-time 10 ${WATTBOARD_TOKEN:+-H "Authorization: Bearer $WATTBOARD_TOKEN"} \
    "${WATTBOARD:-http://127.0.0.1:8080}/api/v1/state")
# `rank`: the place of this quarter-hour among those of the day, the cheapest one first.
wanted=$(printf '%s' "$answer" | jq -er --argjson hours "$hours" '
    .prices.current.rank // empty | if . <= 4 * $hours then "on" else "off" end') || {
    echo "Wattboard knows no prices now" >&2
    exit 1
}
[ "$(cat "$state" 2>/dev/null)" = "$wanted" ] && exit 0
case $wanted in on) sh -c "$on" ;; off) sh -c "$off" ;; esac
printf '%s\n' "$wanted" >"$state"
