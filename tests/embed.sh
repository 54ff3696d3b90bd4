#!/usr/bin/env bash
# An embedder's program, in C11 -pedantic and in C++, against the installed library alone; and the
# examples of README.md, which must compile and say what it says they do.
#   tests/embed.sh DIRECTORY
set -euo pipefail
cd "$(dirname "$0")/.."
root=$1
mkdir -p "$root"
meson setup "$root/build" --prefix /usr --libdir lib -Dtests=false -Dbench=false \
    -Dsimulator=false -Ddaemon=false --buildtype release >/dev/null
meson compile -C "$root/build" >/dev/null
DESTDIR="$root/sysroot" meson install -C "$root/build" >/dev/null
export PKG_CONFIG_PATH="$root/sysroot/usr/lib/pkgconfig"
config() { pkg-config --define-variable=prefix="$root/sysroot/usr" "$@" orrery; }
cflags=$(config --cflags)
flags="$cflags $(config --libs)"
case "$flags" in *glib*) echo "an embedder must not need GLib's flags: $flags"; exit 1 ;; esac
for header in "$root"/sysroot/usr/include/orrery/*.h; do
    printf '#include <orrery/%s>\nint main(void) { return 0; }\n' "$(basename "$header")" >"$root/one.c"
    gcc -std=c11 -pedantic -Wall -Wextra -Werror -fsyntax-only "$root/one.c" $cflags
    g++ -std=c++17 -pedantic -Wall -Wextra -Werror -fsyntax-only -x c++ "$root/one.c" $cflags
done
gcc -std=c11 -pedantic -Wall -Wextra -Werror tests/embed/embedder.c -o "$root/c" $flags
g++ -std=c++17 -pedantic -Wall -Wextra -Werror -x c++ tests/embed/embedder.c -o "$root/cxx" $flags
for program in c cxx; do
    LD_LIBRARY_PATH="$root/sysroot/usr/lib" "$root/$program"
done
gcc -std=c11 tests/embed/embedder.c -o "$root/static" $cflags \
    "$root/sysroot/usr/lib/liborrery.a" $(pkg-config --libs glib-2.0) -lm
"$root/static"

# Each ```c block of the README is a whole program, in the order of `says`.
says=('^cache-[abc]$' '^earth.?$')
awk -v to="$root/readme" '
    /^```c$/ { inside = 1; count++; next }
    /^```/ { inside = 0 }
    inside { print > (to "-" count - 1 ".c") }' README.md
for i in "${!says[@]}"; do
    example=$root/readme-$i
    gcc -std=c11 -pedantic -Wall -Wextra -Werror "$example.c" -o "$example" $flags
    g++ -std=c++17 -pedantic -Wall -Wextra -Werror -x c++ "$example.c" -o "$example-cxx" $flags
    for program in "$example" "$example-cxx"; do
        LD_LIBRARY_PATH="$root/sysroot/usr/lib" "$program" >"$root/said"
        grep -qE -- "${says[$i]}" "$root/said" ||
            { echo "example $i of README.md does not print ${says[$i]}:"; cat "$root/said"; exit 1; }
    done
done
[ ! -e "$root/readme-${#says[@]}.c" ] ||
    { echo "README.md has another example: say in $0 what it prints"; exit 1; }
