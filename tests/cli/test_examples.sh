#!/bin/sh
# The examples: under 40 lines each, and they do what they say on the shipped checkpoint.
set -eu

adze=${ADZE_BIN:-build/release/adze}
build=${ADZE_BUILD:-build/release}
fail() {
    echo "FAILED: $*"
    exit 1
}

for source in examples/*.c; do
    lines=$(wc -l <"$source")
    [ "$lines" -lt 40 ] || fail "$source has $lines lines"
    [ -x "$build/examples/example_$(basename "$source" .c)" ] || fail "$source is not built"
done
[ "$("$build/examples/example_load" demo/checkpoint)" = "hf: llama, 7344384 parameters, 14688768 bytes" ] ||
    fail "load: $("$build/examples/example_load" demo/checkpoint)"
[ "$("$build/examples/example_generate" demo/checkpoint "It was the best of times," | wc -w)" -ge 20 ] || fail "generate"
"$build/examples/example_measure" "$adze" demo/checkpoint | grep -Eq "^decode [0-9.]+ tok/s .*peak [0-9]+ bytes" || fail "measure"
[ "$("$build/examples/example_chat" demo/checkpoint '[{"role": "user", "content": "Who are you?"}]' | wc -w)" -ge 3 ] ||
    fail "chat"
rc=0
"$build/examples/example_load" no-such-folder 2>/dev/null || rc=$?
[ "$rc" = 3 ] || fail "a missing checkpoint: exit code $rc"
echo "ok"
