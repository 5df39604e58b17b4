#!/bin/sh
# adze embed: a line of JSON for each line of a pipe; refusals that name the line.
set -eu

adze=${ADZE_BIN:-build/release/adze}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
    echo "FAILED: $*"
    exit 1
}

"$adze" embed demo/checkpoint </dev/null >"$work/out" 2>"$work/err" || fail "no text is no error"
[ ! -s "$work/out" ] || fail "printed something for nothing"
printf 'a text\n' | "$adze" embed demo/checkpoint >"$work/out" 2>"$work/err" && fail "a decoder made an embedding"
grep -q "makes text, not embeddings" "$work/err" || fail "does not say why: $(cat "$work/err")"
printf '1 2\nx\n' | "$adze" embed --ids demo/checkpoint >"$work/out" 2>"$work/err" && fail "x is no id"
grep -q "line 2" "$work/err" || fail "does not name the line: $(cat "$work/err")"
# A longest text of 12 tokens: cut, the tokenizer's last token stays (ids as sentence-transformers has them).
long="the cat the cat the cat the cat the cat the cat"
"${ADZE_BUILD:-build/release}/made_encoder" bert "$work/bert" >/dev/null
echo '{"max_seq_length": 12}' >"$work/bert/sentence_bert_config.json"
echo "$long" | "$adze" embed "$work/bert" >"$work/out" 2>"$work/err" && fail "took more than the model does"
grep -q "has 14 tokens, the model takes 12" "$work/err" || fail "does not say how many: $(cat "$work/err")"
echo "$long" | "$adze" embed --truncate "$work/bert" | sed 's/.*"embedding"/"embedding"/' >"$work/cut"
echo "2 5 11 5 11 5 11 5 11 5 11 3" | "$adze" embed --ids "$work/bert" | sed 's/.*"embedding"/"embedding"/' >"$work/ids"
cmp "$work/cut" "$work/ids" || fail "cut otherwise than sentence-transformers does"
echo "ok"
