#!/bin/sh
# adze plan: output, exit codes and JSON on the demo checkpoint and on declared devices.
set -u
adze=${ADZE_BIN:?}
model=demo/checkpoint
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
failures=0

# run WANT_CODE WANT_TEXT ARGS...: exit code, and a text in the output or the messages
run() {
    want=$1 text=$2
    shift 2
    "$adze" plan "$@" >"$tmp/out" 2>"$tmp/err"
    code=$?
    if [ "$code" -ne "$want" ] || ! grep -q -e "$text" "$tmp/out" "$tmp/err"; then
        echo "adze plan $*: exit $code, wanted $want and '$text'"
        cat "$tmp/out" "$tmp/err"
        failures=$((failures + 1))
    fi
}

small() { # a device with $1 bytes of memory
    cat <<YAML
format: 1
name: small
title: A small device
kind: embedded
os: linux
cpu: {vendor: arm, model: Cortex-A53, isa: aarch64}
memory: {bytes: {value: $1, from: declared, source: here}}
sources: [{id: here, url: here, title: made for a test, read: 2026-11-22}]
YAML
}
small 50000000 >"$tmp/small.yaml"
small 500000000 >"$tmp/enough.yaml"
small 500000000 | sed 's/source: here/source: there/' >"$tmp/bad.yaml"

run 0 'raspberry-pi-5-8gb' --list
run 0 'first choice for Arm, embedded' --target raspberry-pi-5-8gb
run 0 'q4_k_m' "$model" --target raspberry-pi-5-8gb --need real-time
run 0 'falls back to the CPU\|falls$' --target loihi-2-board
run 0 'over 7e9' --target epyc-9654-server --parameters 13e9
run 0 'yes' "$model" --target "$tmp/enough.yaml"
run 4 'no recipe makes the model fit' "$model" --target "$tmp/small.yaml"
run 4 'no framework runs' --target stm32n6-microcontroller
run 3 'no such target' --target no-such-device
run 3 'there' --target "$tmp/bad.yaml"
run 3 'nowhere' nowhere --target raspberry-pi-5-8gb
run 2 'mobil' --need mobil
run 2 'context' "$model" --context 999999999
run 2 'not both' "$model" --parameters 1e9
run 0 '"ranking"' "$model" --json
python3 -c '
import json, sys
p = json.load(open(sys.argv[1]))
assert [q["question"] for q in p["questions"]] == ["platform", "size", "strategy"]
assert len(p["ranking"]) == 4 and all(r["reasons"] for r in p["ranking"])
q = {r["recipe"]: r for r in p["fit"]["recipes"]}
assert q["q4_k_m"]["weight_bytes"] < q["q8_0"]["weight_bytes"] < q["f16"]["weight_bytes"]
assert p["fit"]["provenance"] == "estimated" and p["target"]["kind"] == "measured"
' "$tmp/out" || failures=$((failures + 1))

[ "$failures" -eq 0 ] || exit 1
echo "adze plan: ok"
