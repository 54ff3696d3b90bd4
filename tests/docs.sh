#!/usr/bin/env bash
# What README.md and the manual pages say exists, and what exists is in the manual pages.
#   tests/docs.sh ORRERY ORRERYD
set -uo pipefail
orrery=$(realpath "$1")
orreryd=$(realpath "$2")
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
complain() { printf '%s\n' "$*"; status=1; }
options_in() { grep -oE -- '(^|[^a-zA-Z0-9-])--[a-z][a-z-]+' | grep -oE -- '--[a-z-]+' | sort -u; }
knows() { grep -qxE -- "$1" "$2"; }

# What there is.
for program in "$orrery" "$orreryd" ./dev; do
    "$program" --help >"$work/$(basename "$program")" 2>&1 || complain "$program has no --help"
done
awk '/^  [a-z]/ { print $1 }' "$work/orrery" >"$work/commands"
awk '/^  [a-z]/ { print $1 }' "$work/dev" >"$work/dev-commands"
{ options_in <"$work/orreryd"; printf '%s\n' --explain --help --version; } | sort -u >"$work/orreryd-options"
echo --version >"$work/options"
while read -r command; do
    "$orrery" help "$command" | options_in >"$work/options-$command"
    echo --help >>"$work/options-$command"
    cat "$work/options-$command" >>"$work/options"
done <"$work/commands"
[ "$(wc -l <"$work/commands")" -gt 5 ] && [ "$(wc -l <"$work/options")" -gt 30 ] ||
    complain "the help of $orrery is not understood here"

# Commands and their options in running text and examples: ./dev X, orrery X --option, orreryd --key.
cat README.md CONTRIBUTING.md plots/README.md man/*.scd scenarios/*.yaml |
    tr -d '*_' >"$work/texts"
while read -r command; do
    knows "$command" "$work/dev-commands" || complain "./dev $command is mentioned; there is no such"
done < <(grep -oE '\./dev [a-z][a-z0-9-]*' "$work/texts" | awk '{ print $2 }' | sort -u)
while read -r line; do
    command=$(awk '{ print $2 }' <<<"$line")
    knows "$command" "$work/commands" ||
        { complain "\`$line\`: there is no command $command"; continue; }
    while read -r option; do
        [ -z "$option" ] || knows "$option" "$work/options-$command" ||
            complain "\`$line\`: orrery $command has no $option"
    done < <(options_in <<<"$line")
done < <(grep -oE '(`|^ +|^\*?)(build/)?orrery [a-z]+[^`#]*' "$work/texts" | sed 's/^[` ]*//; s/   .*//' | sort -u)
while read -r option; do
    knows "$option" "$work/orreryd-options" || complain "man/orreryd.1.scd: orreryd has no $option"
done < <(tr -d '*_' <man/orreryd.1.scd | sed 's/--KEY//; s/--key//' | options_in)

# Every option of every command is in orrery(1), and orrery(1) has no other.
tr -d '*_' <man/orrery.1.scd | options_in >"$work/manual"
while read -r option; do
    knows "$option" "$work/manual" || complain "man/orrery.1.scd does not mention $option"
done < <(sort -u "$work/options")
while read -r option; do
    knows "$option" "$work/options" || complain "man/orrery.1.scd mentions $option; there is no such"
done <"$work/manual"
while read -r command; do
    grep -qE "\*$command\*" man/orrery.1.scd || complain "man/orrery.1.scd does not mention the command $command"
done <"$work/commands"

# Files that are linked, drawn or run.
while read -r file; do
    [ -e "$file" ] || complain "README.md: there is no $file"
done < <({ grep -oE '\]\([^)#]+\)|srcset="[^"]+"|src="[^"]+"' README.md | sed -E 's/^(\]\(|srcset="|src=")//; s/[)"]$//'
    grep -oE '(scenarios|tests|plots|bench|core)/[a-zA-Z0-9/._-]+\.(yaml|sh|md|h|c)' README.md CONTRIBUTING.md | sed 's/^[^:]*://' |
        grep -vE 'scenarios/new.yaml|tests/test_NAME.c'; } | grep -v '^http' | sort -u)
while read -r name; do
    grep -qE "^    $name\)" bench/run-all || complain "README.md: ./dev bench knows no $name"
done < <(grep -oE '`\./dev bench [a-z0-9 ]+`' README.md | tr -d '`' | cut -d' ' -f3- | tr ' ' '\n')

# The scenarios of the README are in the language.
awk -v to="$work/readme" '/^```yaml$/ { inside = 1; count++; next } /^```/ { inside = 0 } inside { print > (to "-" count ".yaml") }' README.md
for file in "$work"/readme-*.yaml; do
    "$orrery" run -q "$file" >"$work/out" 2>&1 || { complain "a scenario of README.md does not hold:"; cat "$work/out"; }
done
exit $status
