#!/bin/sh
# adze tokenize: what it reads, exactly as it is, and what it prints; golden ids are those of Hugging Face tokenizers
# (tests/data/golden/tokenizer).
set -u
command -v python3 >/dev/null 2>&1 || {
    echo 'python3 is missing: adze tokenize is not tested'
    exit 77
}
exec python3 tests/cli/tokenize.py "$ADZE_BIN"
