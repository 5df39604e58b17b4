#!/bin/sh
# A real llama.cpp loads what adze writes and computes the same. f16 and f32: the same greedy tokens wherever the
# margin is clear; quantized recipes: teacher-forced top-1 agreement and mean KL (compare.mjs has the limits: beside
# K types llama.cpp rounds activations in blocks of 256, which turns near ties).
# llama.cpp comes prebuilt (node_llama.sh); skips (77) where it is not to be had.
#   ADZE_INTEROP_MODEL: folder of another checkpoint than the demo's
#   ADZE_INTEROP_RECIPES, _SHAPES, _MODELS, _GEMMAS, _BLOCKS, _ENCODERS: what to check instead of all
set -eu

here=tests/interop
build=${ADZE_BUILD:-build/release}
adze=${ADZE_BIN:-$build/adze}
model=${ADZE_INTEROP_MODEL:-demo/checkpoint}
text=demo/heldout.txt

[ -f "$model/config.json" ] || { echo "skipped: no checkpoint in $model"; exit 77; }
cache=$(sh $here/node_llama.sh 2>&1) || { rc=$?; echo "$cache"; exit $rc; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
[ -f "$text" ] || text=$here/prompts.txt

compare() { node $here/compare.mjs "$cache" "$@"; }

# check_tokens PROMPTS N: the same greedy tokens
check_tokens() {
    "$build/interop_dump" "$work/m.gguf" greedy "$1" "$2" >"$work/lines" &&
        compare "$work/m.gguf" greedy "$work/lines" "$1"
}

check_logits() {
    "$build/interop_dump" "$work/m.gguf" chunks "$text" 8 512 "$work/own" >"$work/lines" &&
        "$adze" convert --quiet --no-prove "$work/m.gguf" "$work/exact.gguf" --recipe f32 >"$work/log" &&
        "$build/interop_dump" "$work/exact.gguf" chunks "$text" 8 512 "$work/exact" >/dev/null &&
        compare "$work/m.gguf" chunks "$work/lines" "$work/own" "$work/exact"
}

# check NAME SOURCE RECIPE PROMPTS N: convert, then compare
check() {
    "$adze" convert --quiet "$2" "$work/m.gguf" --recipe "$3" >"$work/log" || { failed=1; return; }
    case $3 in
    f16 | f32 | bf16 | keep) check_tokens "$4" "$5" >"$work/said" ;;
    *) check_logits >"$work/said" ;;
    esac || { failed=1; echo "FAILED: $1 $3"; }
    sed "s|^|$1 $3: |" "$work/said"
}

for recipe in ${ADZE_INTEROP_RECIPES-f16 q8_0 q6_k q5_k_m q4_k_m q4_0}; do
    check demo "$model" "$recipe" $here/prompts.txt 64
done

# Every architecture, with random weights; short enough to stay inside mistral's window, which a GGUF of
# llama.cpp cannot hold.
head -n 4 $here/prompts.txt >"$work/few"
for shape in ${ADZE_INTEROP_SHAPES-llama-tiny mistral-tiny qwen2-tiny phi3-tiny}; do
    "$build/synth" "$shape" "$work/$shape"
    check "$shape" "$work/$shape" f16 "$work/few" 12
done

# The other architectures' golden models: log-probabilities of every position, caches in f32 too. gemma: llama.cpp has
# its gelu in a table of f16. mxfp4: both round activations to 8 bits. phimoe is not compared: llama.cpp weighs
# its experts by a plain softmax, not by sparsemixer.
check_model() {
    rm -rf "$work/made"
    : >"$work/said"
    if ! { "$build/made_checkpoint" "$1" "$work/made" >"$work/ids" &&
        "$adze" convert --quiet --no-prove "$work/made" "$work/m.gguf" >"$work/log" &&
        "$build/interop_dump" "$work/m.gguf" ids "$work/ids" "$work/own" >"$work/lines" &&
        compare "$work/m.gguf" ids "$work/lines" "$work/own" "$2" >"$work/said"; }; then
        failed=1
        echo "FAILED: $1"
    fi
    sed "s|^|$1: |" "$work/said"
}
for name in ${ADZE_INTEROP_MODELS-qwen3 granite smollm3_usual mixtral qwen3_moe olmoe gpt_oss lfm2}; do
    check_model "$name" 1e-4
done
for name in ${ADZE_INTEROP_GEMMAS-gemma2 gemma3 gemma3_new}; do check_model "$name" 1e-2; done
for name in ${ADZE_INTEROP_BLOCKS-gpt_oss_mxfp4}; do check_model "$name" 0.1; done
# Encoders: one vector for a text.
check_encoder() {
    rm -rf "$work/made"
    : >"$work/said"
    if ! { "$build/made_encoder" "$1" "$work/made" >"$work/texts" &&
        "$adze" convert --quiet --no-prove "$work/made" "$work/m.gguf" >"$work/log" &&
        "$adze" embed "$work/m.gguf" <"$work/texts" >"$work/lines" &&
        compare "$work/m.gguf" embed "$work/lines" "$work/texts" >"$work/said"; }; then
        failed=1
        echo "FAILED: $1"
    fi
    sed "s|^|encoder $1: |" "$work/said"
}
for name in ${ADZE_INTEROP_ENCODERS-bert bert_cls xlm_roberta}; do check_encoder "$name"; done
echo "not compared: phimoe, whose experts llama.cpp weighs otherwise"
exit $failed
