#!/bin/sh
# `adze prove --with tokenizers`: the package's own ids, of the checkpoint and of what is made of it, are adze's.
set -eu
adze=${ADZE_BIN:-build/release/adze}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$adze" convert --quiet --no-prove demo/checkpoint "$work/m.gguf" -r q8_0 >/dev/null
"$adze" convert --quiet --no-prove demo/checkpoint "$work/mlx" --to mlx >/dev/null
for model in "$work/m.gguf" "$work/mlx"; do
    "$adze" prove demo/checkpoint "$model" --parts tokens --with tokenizers >"$work/said" || { cat "$work/said"; exit 1; }
    grep 'equal *tokens *ids in tokenizers' "$work/said"
done
