#!/usr/bin/env bash
# What a run prints, against what it once printed: the parts of the report and their wording.
# Figures are masked, and what the cluster decided is left out: they change with the core.
#   tests/report.sh ORRERY        ORR_UPDATE=1 writes the answers anew
set -uo pipefail
orrery=$(realpath "$1")
cd "$(dirname "$0")"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
status=0

# Figures become `#`, strips of owners `=`, the program's path `orrery`.
mask() {
    sed -E -e "s|$orrery|orrery|g" -e '/▸/d; /lines \(-v shows/d; /^  shard .* lost /d; /more outages$/d' \
        -e 's/^(  [a-z]+ +)[.!0-9a-z]{40,}/\1=====/' -e 's/[▁▂▃▄▅▆▇█]+/=====/g; s/served by .*/served by .../' -e 's/(=====) *  share/\1 share/' -e 's/digest [0-9a-f]{16}/digest #/' \
        -e 's/(^|[^a-z#])-?[0-9]+(\.[0-9]+)?/\1#/g' -e 's/ +# /  # /' "$1"
}

# same NAME CODE OPTIONS...
same() {
    local name=$1 code=$2
    shift 2
    "$orrery" run --color=never "$@" reports/cut.yaml >"$dir/out" 2>&1
    local got=$?
    [ "$got" -eq "$code" ] || { echo "$name: exit $got, not $code"; cat "$dir/out"; status=1; }
    mask "$dir/out" >"$dir/masked"
    [ -z "${ORR_UPDATE:-}" ] || cp "$dir/masked" "reports/$name.expected"
    diff -u "reports/$name.expected" "$dir/masked" || { echo "$name: another report"; status=1; }
}

same held 0
same failed 1 --set coordination=lowest-id
same quiet 0 -q

# JSON Lines: the types of lines, and the last one's keys.
"$orrery" run --json reports/cut.yaml >"$dir/json" || status=1
{
    grep -oE '^\{"type":"[a-z-]+"' "$dir/json" | sort -u
    tail -1 "$dir/json" | grep -oE '"[a-z_]+":'
} >"$dir/masked"
[ -z "${ORR_UPDATE:-}" ] || cp "$dir/masked" reports/json.expected
diff -u reports/json.expected "$dir/masked" || { echo "json: other lines"; status=1; }
exit $status
