#!/bin/sh
# adze generate and adze probe: output, exit codes and JSON, on the demo checkpoint.
set -u
adze=${ADZE_BIN:?}
model=demo/checkpoint
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
ADZE_HOME=$tmp/home
export ADZE_HOME
failures=0

# run WANT_CODE WANT_TEXT COMMAND ARGS...: exit code, and a text in the output or the messages
run() {
    want=$1 text=$2
    shift 2
    "$adze" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
    code=$?
    if [ "$code" -ne "$want" ] || ! grep -q -e "$text" "$tmp/out" "$tmp/err"; then
        echo "adze $*: exit $code, wanted $want and '$text'"
        cat "$tmp/out" "$tmp/err"
        failures=$((failures + 1))
    fi
}
fail() {
    echo "$1"
    failures=$((failures + 1))
}

run 0 'new at .* tok/s, seed 7, ended by length' generate $model -p 'It was' --seed 7 -n 8 --ignore-eos
cp "$tmp/out" "$tmp/first"
run 0 . generate $model -p 'It was' --seed 7 -n 8 --ignore-eos
cmp -s "$tmp/first" "$tmp/out" || fail 'the same seed gave another text'
run 0 . generate $model -p 'It was' --seed 7 -n 8 --ignore-eos -j 1
cmp -s "$tmp/first" "$tmp/out" || fail 'one thread gave another text'
run 0 '"finish": "length"' generate $model -p 'It was' --greedy -n 5 --ignore-eos --json
run 4 'context of 8 tokens is full' generate $model -p 'It was' --greedy --ignore-eos -c 8
run 0 'ended by length' generate $model -p 'It was' --greedy --ignore-eos -c 8 -n 0
run 4 'the context has room for' generate $model -p 'one two three four five six seven' --greedy -c 2
run 2 'prompt TEXT is needed' generate $model
run 2 'too few' generate -p x
run 2 'leave out the sampling options' generate $model -p x --greedy --top-k 3
run 2 'is not 0 or more' generate $model -p x --top-p -0.5
run 2 'temperature' generate $model -p x --temperature 0
run 2 'top_p' generate $model -p x --top-p 1.5
run 3 'nowhere' generate nowhere -p x
mkdir "$tmp/bare"
cp $model/config.json $model/model.safetensors "$tmp/bare"
run 3 'no tokenizer' generate "$tmp/bare" -p x

run 0 '"schema": "adze.probe/1"' probe --facts --json
grep -q '"roof"' "$tmp/out" && fail 'probe --facts measured something'
run 0 'fingerprint' probe --facts
run 0 'q4_k' probe --facts --kernels
run 2 'leave out --fresh' probe --facts --fresh
run 0 'read memory' probe -q
run 0 '"from_cache": true' probe --json
[ $failures -eq 0 ] || exit 1
