#!/bin/sh
# adze inspect names what is stored, not what it is read as, with the bytes that it takes.
set -eu

adze=${ADZE_BIN:-build/release/adze}
build=${ADZE_BUILD:-build/release}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
    echo "FAILED: $*"
    exit 1
}

"$adze" convert --quiet --no-prove demo/checkpoint "$work/mlx" --to mlx >/dev/null
"$adze" inspect --tensors "$work/mlx" >"$work/out"
grep -q "^  mlx q4 g64  *57 tensors" "$work/out" || fail "no line for mlx: $(cat "$work/out")"
# 128 x 256 values of 4 bits, 4 groups of 64 a row with a scale and a bias of bf16 each
grep "layers.0.self_attn.k_proj" "$work/out" | grep -q "mlx q4 g64 128 x 256 *18.4 kB" || fail "not the stored bytes"
"$adze" inspect --json "$work/mlx" >"$work/json"
grep -q '"mlx q4 g64"' "$work/json" || fail "JSON does not name the type"
"$build/made_checkpoint" gpt_oss_mxfp4 "$work/oss" >/dev/null
"$adze" inspect "$work/oss" | grep -q "^  mxfp4  *4 tensors, 78.3 kB" || fail "mxfp4: $("$adze" inspect "$work/oss")"
"$adze" inspect demo/checkpoint | grep -q "^  bf16  *74 tensors" || fail "plain types"
echo "ok"
