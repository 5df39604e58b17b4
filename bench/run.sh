#!/bin/sh
# The speed and memory figures of docs/speed.md: kernels, conversion of a 1.24 billion parameter checkpoint with random
# weights, inference of the result. Takes several minutes and 8 GB of disk; run it on a quiet machine.
# bench/run.sh [--against DIR]...: with folders of llama.cpp's programs (llama-quantize, llama-bench), conversion and
# inference are measured beside them, interleaved.
set -eu
adze=build/release/adze
work=build/bench
model=$work/llama-1b
rivals=
while [ $# -gt 0 ]; do
    if [ "$1" != --against ] || [ $# -lt 2 ]; then
        echo "usage: bench/run.sh [--against DIR]..." >&2
        exit 2
    fi
    rivals="$rivals $2"
    shift 2
done
mkdir -p "$work"

echo "machine: $(uname -sm), $("$adze" version), commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
"$adze" probe 2>/dev/null || true

echo
echo "== kernels"
build/release/bench/bench_kernels

[ -d "$model" ] || build/release/synth llama-1b "$model"
for recipe in f16 bf16 q8_0 q6_k q4_0; do
    [ -f "$work/$recipe.gguf" ] || "$adze" convert "$model" "$work/$recipe.gguf" --recipe "$recipe" --quiet >/dev/null
done

# wall seconds and peak resident kilobytes of a command
measure() {
    /usr/bin/time -f '%e s  %M kB peak' "$@" 2>&1 >/dev/null | tail -n 1
}

echo
echo "== conversion to q4_k_m, three times: adze from bf16 safetensors, llama-quantize from a 16-bit GGUF"
for _ in 1 2 3; do
    rm -f "$work/q4_k_m.gguf"
    echo "adze convert            $(measure "$adze" convert "$model" "$work/q4_k_m.gguf" --recipe q4_k_m --quiet)"
    for dir in $rivals; do
        [ -x "$dir/llama-quantize" ] || continue
        echo "llama-quantize          $(measure "$dir/llama-quantize" "$work/f16.gguf" "$work/rival.gguf" Q4_K_M "$(nproc)")"
        rm -f "$work/rival.gguf"
    done
done

echo
echo "== inference"
"$adze" bench demo/checkpoint "$work/q4_k_m.gguf" --prompt 256 --generate 64
[ -n "$rivals" ] || exit 0
set --
for dir in $rivals; do set -- "$@" --against "$dir"; done
exec python3 bench/against.py -n 24 "$@" "$work/q4_k_m.gguf" "$work/q8_0.gguf" "$work/q4_0.gguf" "$work/q6_k.gguf" \
    "$work/bf16.gguf" "$work/f16.gguf"
