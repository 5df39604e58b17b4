#!/bin/sh
# Wall time and peak resident memory of `adze convert` for every pair of formats, as a Markdown table.
#
#   bench/convert_pairs.sh DIR [WORK]     DIR: a Hugging Face folder; WORK: where the results go (four times DIR's size;
#                                         removed again), build/bench/pairs by default
#
# Sources are made first: a GGUF with DIR's types, one in q4_k_m, an MLX folder of 4 bits. Every command runs three times,
# all in turns; the table has the least time and the largest memory. Files are read once before.
set -eu
if [ $# -lt 1 ] || [ ! -f "$1/config.json" ]; then
    echo "usage: bench/convert_pairs.sh DIR [WORK]" >&2
    exit 2
fi
adze=${ADZE_BIN:-build/release/adze}
model=$1
work=${2:-build/bench/pairs}
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT

convert() { "$adze" convert --quiet --no-prove "$@" >/dev/null; }
[ -f "$work/keep.gguf" ] || convert "$model" "$work/keep.gguf"
[ -f "$work/q4.gguf" ] || convert "$model" "$work/q4.gguf" --recipe q4_k_m
[ -d "$work/mlx" ] || convert "$model" "$work/mlx" --recipe mlx-4bit
for f in "$model"/*.safetensors "$work"/*.gguf "$work"/mlx/*.safetensors; do cat "$f" >/dev/null; done

# from, to (with its recipe), source, target, options
pairs=$work/pairs.txt
cat >"$pairs" <<END
hf|hf|$model|out|--to hf
hf|gguf, types kept|$model|out.gguf|
hf|gguf, q4_k_m|$model|out.gguf|--recipe q4_k_m
hf|mlx, 4 bits|$model|out|--recipe mlx-4bit
gguf|hf|$work/keep.gguf|out|--to hf
gguf|gguf, q4_k_m|$work/keep.gguf|out.gguf|--recipe q4_k_m
gguf|mlx, 4 bits|$work/keep.gguf|out|--recipe mlx-4bit
gguf, q4_k_m|hf|$work/q4.gguf|out|--to hf
gguf, q4_k_m|mlx, 4 bits|$work/q4.gguf|out|--recipe mlx-4bit
mlx, 4 bits|hf|$work/mlx|out|--to hf
mlx, 4 bits|gguf, bf16|$work/mlx|out.gguf|
mlx, 4 bits|gguf, q4_k_m|$work/mlx|out.gguf|--recipe q4_k_m
mlx, 4 bits|mlx, 4 bits|$work/mlx|out|--recipe mlx-4bit
END
: >"$work/times.txt"
for _ in 1 2 3; do
    while IFS='|' read -r from to src dst options; do
        # shellcheck disable=SC2086
        /usr/bin/time -f "$from|$to|%e|%M" -a -o "$work/times.txt" \
            "$adze" convert --quiet --no-prove "$src" "$work/$dst" $options >/dev/null
        rm -rf "${work:?}/$dst"
    done <"$pairs"
done
echo "$("$adze" version), $(nproc) CPUs, $(date -u +%Y-%m-%d), $(du -shL "$model" | cut -f1) in $(basename "$model")"
echo
echo "| from | to | seconds | peak MB |"
echo "| --- | --- | --- | --- |"
awk -F'|' '{ k = $1 "|" $2; if (!(k in t)) order[++n] = k
             if (!(k in t) || $3 < t[k]) t[k] = $3; if ($4 > m[k]) m[k] = $4 }
     END { for (i = 1; i <= n; i++) { split(order[i], p, "|")
           printf "| %s | %s | %.2f | %.0f |\n", p[1], p[2], t[order[i]], m[order[i]] / 1000 } }' "$work/times.txt"
