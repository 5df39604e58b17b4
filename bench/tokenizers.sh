#!/bin/sh
# Encoding beside Hugging Face tokenizers and SentencePiece, one thread each, on the same lines: for every tokenizer of
# tests/interop/tokenizers.py the ratio of the speeds, taken round by round, with its spread.
# bench/tokenizers.sh [--only NAME] [--rounds N] [--bench-lines N]; needs python3 and the package registries; run it on a quiet machine.
set -eu
cd "$(dirname "$0")/.."
here=tests/interop
dir=${XDG_CACHE_HOME:-$HOME/.cache}/adze/interop/python-$(sha256sum $here/tokenizers.txt | cut -c1-16)
if [ ! -f "$dir/ready" ]; then
    rm -rf "$dir"
    python3 -m venv "$dir"
    "$dir/bin/pip" install -q -r $here/tokenizers.txt
    touch "$dir/ready"
fi
exec "$dir/bin/python" $here/tokenizers.py --adze build/release/adze --lines 20000 --bench "$@"
