#!/bin/sh
# coverage.sh [TARGET...]: how many branches of each parser's own files its seeds reach, failing allocations included; fails under 80 %.
# Needs the fuzz build (./dev fuzz makes it) and LLVM's tools of clang's version.
set -eu
cd "$(dirname "$0")/../.."
build=build/fuzz
list=tests/fuzz/targets.txt
version=$(clang --version | sed -n '1s/.*version \([0-9]*\).*/-\1/p')
profdata=$(command -v "llvm-profdata$version" || command -v llvm-profdata)
cov=$(command -v "llvm-cov$version" || command -v llvm-cov)

one() {
    grep -q "^$1 -\$" "$list" && return 0
    profile=$build/profile/$1
    mkdir -p "$build/profile"
    LLVM_PROFILE_FILE="$profile.raw" "$build/fuzz/fuzz_$1" --replay >"$profile.log" 2>&1 || {
        tail -20 "$profile.log"
        return 1
    }
    "$profdata" merge -o "$profile.data" "$profile.raw"
    rm "$profile.raw"
    "$cov" report "$build/fuzz/fuzz_$1" -instr-profile="$profile.data" 2>/dev/null >"$profile.txt"
    sed -n "s/^$1 //p" "$list" | tr ' ' '\n' | awk -v name="$1" '
        NR == FNR { files[++n] = $1; next }
        NF > 12 { branches[$1] = $(NF - 2); missed[$1] = $(NF - 1) }
        END {
            for (i = 1; i <= n; i++) {
                f = files[i]
                if (!(f in branches)) { printf "%s: no such file in the build: %s\n", name, f; exit 1 }
                all += branches[f]; not += missed[f]
                printf "%-12s %-32s %5d branches %6.1f %%\n", name, f, branches[f], branches[f] ? 100 - 100 * missed[f] / branches[f] : 100
            }
            total = 100 - 100 * not / all
            printf "%-12s %-32s %5d branches %6.1f %%%s\n", name, "all of it", all, total, total < 80 ? "  UNDER 80 %" : ""
            exit total < 80
        }' - "$profile.txt"
}

if [ "${1:-}" = --one ]; then
    one "$2"
    exit
fi
# shellcheck disable=SC2046
[ $# -gt 0 ] || set -- $(sed -n 's/^\([a-z][a-z_0-9]*\) .*/\1/p' "$list")
rc=0
printf '%s\n' "$@" | xargs -P 2 -I{} sh -c "sh '$0' --one {} >$build/log-{}.txt 2>&1" || rc=1
for name in "$@"; do
    cat "$build/log-$name.txt"
    rm "$build/log-$name.txt"
done
exit $rc
