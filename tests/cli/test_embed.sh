#!/bin/sh
# adze embed: a line of JSON for each line of a pipe; refusals that name the line.
set -eu

adze=${ADZE_BIN:-build/release/adze}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
    echo "FAILED: $*"
    exit 1
}

"$adze" embed demo/checkpoint </dev/null >"$work/out" 2>"$work/err" || fail "no text is no error"
[ ! -s "$work/out" ] || fail "printed something for nothing"
printf 'a text\n' | "$adze" embed demo/checkpoint >"$work/out" 2>"$work/err" && fail "a decoder made an embedding"
grep -q "makes text, not embeddings" "$work/err" || fail "does not say why: $(cat "$work/err")"
printf '1 2\nx\n' | "$adze" embed --ids demo/checkpoint >"$work/out" 2>"$work/err" && fail "x is no id"
grep -q "line 2" "$work/err" || fail "does not name the line: $(cat "$work/err")"
echo "ok"
