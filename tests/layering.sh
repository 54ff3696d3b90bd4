#!/usr/bin/env bash
# The rule of the tree: sim -> core <- live; the core knows nobody, and does no I/O.
#   tests/layering.sh BUILD_DIR
set -uo pipefail
cd "$(dirname "$0")/.."
library=$1/core/liborrery.a
status=0
complain() { printf '%s\n' "$*"; status=1; }

# What the core may call: GLib without I/O, time and threads; memory and strings; libm.
allowed='^(g_[a-z0-9_]+|mem(cpy|move|set|cmp|chr|mem)|str(cpy|len|cmp|ncmp|chr|rchr|str|tod|nlen)|__(memcpy|memset|memmove|strcpy|strcat|snprintf|vsnprintf|sprintf)_chk|__stack_chk_fail|__[a-z]+[dt]i[0-9]|__cpu_(model|indicator_init)|_GLOBAL_OFFSET_TABLE_|abort|bcmp|l?round[fl]?|l{0,2}rint[fl]?|(f?abs|floor|ceil|log|log2|log10|log1p|exp|exp2|expm1|pow|sqrt|cbrt|trunc|fmod|ldexp|frexp)[fl]?)$'
forbidden='^g_(file|io|dir|get_(current|real|monotonic|environ|user|host|tmp|home|prgname|application|cur)|getenv|setenv|unsetenv|listenv|open|fopen|creat|read|write|remove|unlink|mkdir|rmdir|rename|stat|lstat|access|chdir|chmod|spawn|thread|mutex|rec_mutex|rw_lock|cond|usleep|main|source|timeout|idle|date_time|timer|time_|random|rand|log|print|printerr|message|socket|unix|mapped|bookmark|key_file_load_from|async_queue)'
undefined=$(nm -u "$library" | awk '$1 == "U" {print $2}' | sort -u)
defined=$(nm --defined-only "$library" | awk 'NF == 3 {print $3}' | sort -u)
outside=$(comm -23 <(echo "$undefined") <(echo "$defined"))
while read -r symbol; do
    [ -z "$symbol" ] && continue
    if ! grep -qE "$allowed" <<<"$symbol"; then
        complain "core calls $symbol, which is neither GLib, memory, strings nor libm"
    elif grep -qE "$forbidden" <<<"$symbol" &&
        ! grep -qE '^g_(return_if_fail_warning|log_structured_standard)$' <<<"$symbol"; then
        complain "core calls $symbol: I/O, time, threads or chance"
    fi
done <<<"$outside"

# Exported names are ours, and so is what files of the library share: an embedder who links the
# static library may have an md5_of() too.
while read -r symbol; do
    grep -qiE '^orr_' <<<"$symbol" || complain "liborrery.a defines $symbol for all to see"
done < <(nm --defined-only "$library" 2>/dev/null | awk '$2 ~ /^[A-TV-Z]$/ {print $3}' | sort -u)
while read -r symbol; do
    grep -qE '^orr_' <<<"$symbol" || complain "liborrery.so exports $symbol"
done < <(nm -D --defined-only "$1"/core/liborrery.so.0.1.0 | awk '{print $3}' | grep -vE '^_(init|fini)$')

# Includes point one way.
includes() { git grep -nE "$1" -- "$2" | grep -v '^tests/'; }
includes '#include [<"](sim|live|config|bench)/' core && complain "core includes a host"
includes '#include [<"]live/' sim && complain "sim includes live"
includes '#include [<"]sim/' live && complain "live includes sim"
includes '#include [<"](sim|live)/' config && complain "config includes a host"
includes '#include <glib' core/include && complain "a public header shows GLib"
includes '#include <(gsl/|yaml\.h|stdio\.h|unistd\.h|sys/|time\.h|pthread\.h|arpa/|netinet/)' core &&
    complain "core includes what does I/O, tells the time, or is GPL"
git grep -nE '(^|[^a-z])(static [a-z].*= *[0-9]+;$)' -- 'core/*.c' | grep -vE 'const|inline|#' &&
    complain "core has state outside of its objects"
exit $status
