#!/bin/sh
# The speed and memory figures of docs/speed.md: kernels, conversion of a 1.24 billion parameter checkpoint with random
# weights, inference of the result. Takes several minutes and 4 GB of disk; run it on a quiet machine.
# bench/run.sh [LLAMA_QUANTIZE F16_GGUF]: with a llama-quantize and a 16-bit GGUF of the same shape, conversion is measured
# beside it, interleaved.
set -eu
adze=build/release/adze
work=build/bench
model=$work/llama-1b
mkdir -p "$work"

echo "machine: $(uname -sm), $("$adze" version), commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
"$adze" probe 2>/dev/null || true

echo
echo "== kernels"
build/release/bench/bench_kernels

[ -d "$model" ] || build/release/synth llama-1b "$model"

# wall seconds and peak resident megabytes of a command
measure() {
    /usr/bin/time -f '%e s  %M kB peak' "$@" 2>&1 >/dev/null | tail -n 1
}

echo
echo "== conversion of $model to q4_k_m, three times"
for _ in 1 2 3; do
    rm -f "$work/q4_k_m.gguf"
    echo "adze convert            $(measure "$adze" convert "$model" "$work/q4_k_m.gguf" --recipe q4_k_m --quiet)"
    if [ $# -ge 2 ]; then
        echo "llama-quantize          $(measure "$1" "$2" "$work/rival-q4_k_m.gguf" Q4_K_M "$(nproc)")"
        rm -f "$work/rival-q4_k_m.gguf"
    fi
done

echo
echo "== inference"
"$adze" bench "$work/q4_k_m.gguf" --prompt 256 --generate 64
"$adze" bench demo/checkpoint --prompt 256 --generate 64
