#!/bin/sh
# The speed and memory figures of docs/speed.md: kernels, conversion of a 1.24 billion parameter checkpoint with random
# weights, inference of the result. Takes several minutes and 8 GB of disk; run it on a quiet machine.
# bench/run.sh [--against DIR]... [--avx2 DIR] [--table]: with folders of programs of llama.cpp or ik_llama.cpp (llama-quantize,
# llama-bench, llama-batched-bench, llama-simple; llama.cpp first), conversion and inference are measured beside them, interleaved; --avx2 names
# a build of llama.cpp without AVX-512; --table measures inference alone, as bench/against.py prints it.
set -eu
adze=build/release/adze
work=build/bench
model=$work/llama-1b
rivals=
avx2=
table=
usage() {
    echo "usage: bench/run.sh [--against DIR]... [--avx2 DIR] [--table]" >&2
    exit 2
}
while [ $# -gt 0 ]; do
    case $1 in
    --against | --avx2)
        [ $# -ge 2 ] || usage
        if [ "$1" = --against ]; then rivals="$rivals $2"; else avx2=$2; fi
        shift 2
        ;;
    --table)
        table=yes
        shift
        ;;
    *) usage ;;
    esac
done

# The table of docs/speed.md, of the files in $work.
against() {
    set --
    for dir in $rivals; do set -- "$@" --against "$dir"; done
    [ -z "$avx2" ] || set -- "$@" --avx2 "$avx2"
    exec python3 bench/against.py "$@" "$work"
}
mkdir -p "$work"

[ -d "$model" ] || build/release/synth llama-1b "$model"
for recipe in f16 bf16 q8_0 q6_k q4_0 q4_k_m; do
    [ -f "$work/$recipe.gguf" ] || "$adze" convert "$model" "$work/$recipe.gguf" --recipe "$recipe" --quiet >/dev/null
done
[ -z "$table" ] || against

echo "machine: $(uname -sm), $("$adze" version), commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
"$adze" probe 2>/dev/null || true

echo
echo "== kernels"
build/release/bench/bench_kernels

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
[ -z "$rivals" ] || against
