#!/bin/sh
# The cheapest hours that are still to come, cheapest first: cheapest-hours.sh [HOURS]
#
# Takes curl and jq. WATTBOARD is the server's address [default: http://127.0.0.1:8080]; WATTBOARD_TOKEN its token, if any.
set -eu
hours=${1:-4}
case $hours in '' | *[!0-9]*) echo "usage: cheapest-hours.sh [HOURS]" >&2; exit 2 ;; esac

prices=$(curl -fsS --max-time 10 ${WATTBOARD_TOKEN:+-H "Authorization: Bearer $WATTBOARD_TOKEN"} \
    "${WATTBOARD:-http://127.0.0.1:8080}/api/v1/prices?format=evcc")
# An hour counts where all four of its quarters are known; times stay as they are told, with the site's offset.
printf '%s' "$prices" | jq -r --argjson hours "$hours" --arg now "$(date +%s)" '
    def instant: .[0:19] as $local | .[19:] as $offset
        | ($local + "Z" | fromdateiso8601)
        - (if $offset == "Z" then 0
           else ($offset[1:3] | tonumber) * 3600 + ($offset[4:6] | tonumber) * 60
                | if $offset[0:1] == "-" then -. else . end end);
    map(. + {hour: ((.start | instant) / 3600 | floor)})
    | group_by(.hour) | map(select(length == 4))
    | map(select((last.end | instant) > ($now | tonumber)))
    | map({start: first.start, mean: (map(.value) | add / 4)})
    | sort_by(.mean) | .[0:$hours][]
    | "\(.start)  \(.mean * 10000 | round / 10000) PLN/kWh"'
