#!/bin/sh
# Install a build into a folder of its own and use it as a stranger would: headers as C99 and C++, find_package,
# pkg-config, and the libraries that libadze-rt may need. check.sh BUILD_DIR
set -eu
build=$1
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
cmake --install "$build" --prefix "$root/usr" >/dev/null

for header in "$root"/usr/include/adze/*.h; do
    name=$(basename "$header")
    printf '#include <adze/%s>\nint adze_header_check;\n' "$name" >"$root/one.c"
    "${CC:-cc}" -std=c99 -Wall -Wextra -Werror -pedantic -I"$root/usr/include" -c "$root/one.c" -o "$root/one.o"
    cp "$root/one.c" "$root/one.cc"
    "${CXX:-c++}" -std=c++11 -Wall -Wextra -Werror -I"$root/usr/include" -c "$root/one.cc" -o "$root/one.o"
done
echo "headers compile alone as C99 and C++11: ok"

mkdir "$root/app"
cp examples/load.c "$root/app/main.c"
cat >"$root/app/CMakeLists.txt" <<'X'
cmake_minimum_required(VERSION 3.25)
project(app LANGUAGES C)
find_package(adze 0.1 REQUIRED)
add_executable(app main.c)
target_link_libraries(app PRIVATE adze::adze)
X
cmake -S "$root/app" -B "$root/app/build" -DCMAKE_PREFIX_PATH="$root/usr" >/dev/null
cmake --build "$root/app/build" >/dev/null
"$root/app/build/app" demo/checkpoint
echo "find_package(adze): ok"

libdir=$(dirname "$(find "$root/usr" -name adze-rt.pc | head -n 1)")
export PKG_CONFIG_PATH="$libdir"
# shellcheck disable=SC2046
"${CC:-cc}" -std=c99 $(pkg-config --cflags adze-rt) examples/generate.c -o "$root/generate" \
    $(pkg-config --static --libs adze-rt)
"$root/generate" demo/checkpoint "It was" >/dev/null
echo "pkg-config adze-rt: ok"

# What an app embeds needs libc and three small libraries, nothing else.
extra=$(ldd "$root/generate" | awk '{print $1}' |
    grep -vE '^(linux-vdso|libc|libm|libpthread|libdl|librt|libjansson|libpcre2-8|libutf8proc|.*/ld-linux)' || true)
if [ -n "$extra" ]; then
    printf 'libadze-rt pulls in more than it may:\n%s\n' "$extra"
    exit 1
fi
echo "libraries of libadze-rt: ok"
