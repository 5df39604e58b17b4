#!/bin/sh
# Every command that reads a model takes its name on the hub: each is run once with one.
set -u
. tests/hub/lib.sh
mkdir -p "$T/s"
"${ADZE_BUILD:-build/release}/made_encoder" bert "$T/s/encoder" >/dev/null || exit 1
start_server
head -c 6000 demo/heldout.txt >"$T/text"
tail -c 6000 demo/heldout.txt >"$T/other"

# feed TEXT WANT_TEXT COMMAND ARGS...: as run 0, with a line on standard input
feed() {
    line=$1 text=$2
    shift 2
    checks=$((checks + 1))
    printf '%s\n' "$line" | "$adze" "$@" >"$T/out" 2>"$T/err"
    code=$?
    if [ "$code" -ne 0 ] || ! grep -q -e "$text" "$T/out" "$T/err"; then
        fail "adze $*: exit $code, wanted '$text'"
        cat "$T/out" "$T/err"
    fi
}

# same COMMAND ARGS... with hf:org/tiny for the last: what the command prints for the folder itself
same() {
    checks=$((checks + 1))
    printf 'It was the best of times' | "$adze" "$@" demo/checkpoint >"$T/want" 2>/dev/null
    printf 'It was the best of times' | "$adze" "$@" hf:org/tiny >"$T/out" 2>"$T/err" || fail "adze $* hf:org/tiny"
    [ -s "$T/out" ] || fail "adze $*: nothing"
    cmp -s "$T/want" "$T/out" || fail "adze $*: not what the folder gives"
}

same tokenize --pieces
same generate --greedy -n 8 -p 'It was'
feed 'Hello' 'cut at 3 tokens\|.' chat hf:org/tiny --greedy -n 3
[ -s "$T/out" ] || fail 'chat said nothing'
feed 'a text' '"embedding": \[' embed hf:org/encoder
feed 'a text' '"embedding": \[' embed hf:org/encoder:main
run 0 'cal.gguf' calibrate hf:org/tiny --text "$T/text" --chunk 128 --chunks 2 -o "$T/cal.gguf"
[ -s "$T/cal.gguf" ] || fail 'calibrate wrote nothing'
run 0 'gguf' convert hf:org/tiny "$T/tiny.gguf" -r q8_0 --imatrix "$T/cal.gguf"
run 0 PROVEN prove hf:org/tiny hf:org/tiny --sample --chunks 1
run 0 PROVEN prove hf:org/tiny "$T/tiny.gguf" --parts tokens,template,config
run 0 'perplexity\|kl' eval hf:org/tiny "$T/tiny.gguf" --text "$T/other" --chunks 1
run 0 'llama' plan hf:org/tiny
run 0 'tok/s' bench hf:org/tiny -p 16 -n 4 --rounds 3

# the main job: what it chose is there, whatever the gates say of so few measurements
checks=$((checks + 1))
"$adze" optimize hf:org/tiny -r q8_0 --text "$T/other" -p 16 -n 4 --rounds 3 --chunks 1 --out "$T/o" >"$T/out" 2>"$T/err"
code=$?
case $code in
0 | 5) [ -s "$T/o/report.json" ] || fail 'optimize left no report' ;;
*)
    fail "optimize: exit $code"
    cat "$T/out" "$T/err"
    ;;
esac
grep -q 'hf:org/tiny\|models--org--tiny' "$T/o/report.json" || fail 'the report does not name the checkpoint'
[ "$(requests 'resolve.*model.safetensors ')" -le 2 ] || fail 'weights were loaded more than once'

finish
