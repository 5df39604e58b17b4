#!/bin/sh
# adze pull and hf: names: what is chosen, the cache, resuming, tokens, revisions, offline use, several processes.
set -u
. tests/hub/lib.sh
start_server

# --- the usual choice, once and again
run 0 'snapshots' pull org/tiny --json
path=$(sed -n 's/.*"path": "\(.*\)",/\1/p' "$T/out")
for f in config.json tokenizer.json model.safetensors; do
    cmp -s "$path/$f" "demo/checkpoint/$f" || fail "$f differs"
    case $(readlink "$path/$f") in
    ../../blobs/*) ;;
    *) fail "$f is not the link that huggingface_hub makes" ;;
    esac
done
[ ! -e "$path/pytorch_model.bin" ] || fail 'the same weights were loaded twice'
[ ! -e "$path/original" ] || fail 'a second copy was loaded'
[ "$(cat "$(folder org/tiny)/refs/main")" = "$(basename "$path")" ] || fail 'refs/main is wrong'
grep -q 8a477f597d28d172789f06886806bc55 "$HF_HOME/hub/CACHEDIR.TAG" || fail 'no CACHEDIR.TAG'
before=$(requests resolve)
run 0 '"loaded_bytes": 0' pull hf:org/tiny:main --json
[ "$(requests resolve)" = "$before" ] || fail 'a file was loaded again'
grep -q ' token' "$T/s/log" && fail 'a token came from nowhere'
run 0 'in the cache' pull org/tiny --list
run 0 '"chosen": false' pull org/tiny --list --json
run 0 'snapshots' pull org/tiny --quiet
[ -s "$T/err" ] && fail '--quiet is not quiet'

# --- hf: names in place of paths
run 0 'llama: 8 layers' inspect hf:org/tiny
run 0 '"arch": "llama"' assess hf:org/tiny:main --json
run 0 'ended by' generate hf:org/tiny -p 'It was' --greedy -n 3
run 0 'gguf' convert hf:org/tiny "$T/a.gguf" -r q8_0
run 2 'nothing is written to the hub' convert "$T/a.gguf" hf:org/tiny
run 3 'No such file' inspect org/tiny
run 2 'is not the name of a repository' inspect hf:../x
run 2 'is not the name of a repository' pull a/b--c
run 2 'revision that cannot be' pull org/tiny:../x
run 2 'revision that cannot be' pull org/tiny:
run 2 'file that cannot be' pull org/tiny/a//b
run 2 'connections' pull org/tiny --connections 0
before=$(requests .)
commit=$(basename "$path")
run 0 'llama' inspect "hf:org/tiny:$commit"
[ "$(requests .)" = "$before" ] || fail 'a whole commit in the cache was asked for again'

# --- revisions
run 0 "refs/pr/1" pull org/tiny:refs/pr/1
[ -f "$(folder org/tiny)/refs/refs/pr/1" ] || fail 'no ref of the pull request'
run 3 'no such revision' pull org/tiny:q4_k_m
run 3 'no such repository' pull org/none
run 0 '"bytes": 14963184' pull org/old --list --json
run 0 'models--gpt/' pull gpt

# --- offline
HF_HUB_OFFLINE=1 run 0 'llama' inspect hf:org/tiny
HF_HUB_OFFLINE=1 run 3 'HF_HUB_OFFLINE is set' inspect hf:org/big
HF_HUB_OFFLINE=yes run 3 'adze pull org/tiny' inspect hf:org/tiny:other
HF_ENDPOINT=http://127.0.0.1:1 run 0 'the copy in the cache is used' inspect hf:org/tiny
HF_ENDPOINT=http://127.0.0.1:1 run 1 'connect' pull org/tiny --retries 0
HF_ENDPOINT=ftp://127.0.0.1 run 2 'HF_ENDPOINT' pull org/tiny
ln=$(readlink "$path/model.safetensors")
rm "$path/model.safetensors"
HF_HUB_OFFLINE=1 run 3 'HF_HUB_OFFLINE is set' inspect hf:org/tiny
ln -s "$ln" "$path/model.safetensors"

# --- choices
run 0 'm-Q4_K_M.gguf$' pull org/one
run 3 'm-Q4_K_M.gguf (0.00 GB), m-Q8_0.gguf' pull org/gguf
run 3 'choose with' inspect hf:org/gguf
run 0 'm-Q8_0.gguf$' pull org/gguf --include '*q8_0*'
run 3 'magic' inspect hf:org/gguf
grep -q 'm-Q8_0.gguf' "$T/err" || fail 'the GGUF that was chosen is not taken'
run 0 'm-f16-00001-of-00002.gguf$' pull org/gguf/f16/m-f16-00001-of-00002.gguf
[ -e "$(dirname "$(cat "$T/out")")/m-f16-00002-of-00002.gguf" ] || fail 'the second part is missing'
case $(readlink "$(cat "$T/out")") in
../../../blobs/*) ;;
*) fail 'a link in a folder is wrong' ;;
esac
run 3 'no file fits' pull org/gguf --include '*nope*'
run 3 'no such file' pull org/gguf/nope.gguf
run 0 'snapshots' pull org/shards
[ "$(find "$(cat "$T/out")" -name '*.safetensors' | wc -l)" = 2 ] || fail 'wrong shards'
run 0 'snapshots' pull org/odd
[ -e "$(cat "$T/out")/extra/head.safetensors" ] || fail 'a shard that only the index names is missing'
run 3 'gone.safetensors' pull org/hole
[ -e "$(folder org/hole)/snapshots" ] && fail 'a repository with a hole got names'
run 0 'snapshots' pull org/bin
[ -e "$(cat "$T/out")/training_args.bin" ] && fail 'training_args.bin was loaded'
run 3 'no safetensors, GGUF' pull org/onnx
run 0 'model.onnx' pull org/onnx --list
run 0 'snapshots' pull org/onnx --include 'onnx/*'
run 3 'cannot both be on a disk' pull org/case
run 0 '14 of 14 files' pull org/many --include '*' --list
run 0 'snapshots' pull org/many --include '*' --connections 3
[ "$(find "$(cat "$T/out")" -type l | wc -l)" = 14 ] || fail 'not all of many files'

# --- permissions: the token goes to the hub and to nobody else, and is never printed
run 3 'set a token' pull org/private
run 1 'private or gated' pull org/plain401
run 1 'asked for on the repository' pull org/gated
HF_TOKEN=hf_secret run 1 'another token' pull org/gated
: >"$T/s/log"
HF_TOKEN=hf_secret run 0 'snapshots' pull org/private
[ "$(requests '^store .* token')" = 0 ] || fail 'the token went to another host'
[ "$(requests '^hub .* token')" -gt 0 ] || fail 'the token did not go to the hub'
rm -rf "$(folder org/private)"
printf 'hf_secret\n' >"$HF_HOME/token"
run 0 'snapshots' pull org/private
HF_HUB_DISABLE_IMPLICIT_TOKEN=1 run 3 'set a token' pull org/private
printf 'hf_se\tcret' >"$HF_HOME/token"
run 2 'does not hold a token' pull org/private
rm "$HF_HOME/token"

# --- another cache
HF_HUB_CACHE=$T/other run 0 "$T/other/models--org--one" pull org/one
HUGGINGFACE_HUB_CACHE=$T/third run 0 "$T/third/models--org--one" pull org/one
HF_HUB_DISABLE_SYMLINKS=1 HF_HUB_CACHE=$T/plain run 0 'm-Q4' pull org/one
[ -L "$(cat "$T/out")" ] && fail 'HF_HUB_DISABLE_SYMLINKS was not heard'
HF_HUB_DISABLE_SYMLINKS=1 HF_HUB_CACHE=$T/plain run 0 '"loaded_bytes": 0' pull org/one --json
(trap '' XFSZ; ulimit -f 1000; HF_HUB_CACHE=$T/small "$adze" pull org/big >"$T/out" 2>&1) && fail 'a full disk went unseen'
grep -q 'cannot write' "$T/out" || { fail 'a write that failed is not told'; cat "$T/out"; }

# --- killed in the middle, then taken up
fresh
echo 2000000 >"$T/s/rate"
"$adze" pull org/big >"$T/out" 2>&1 &
pid=$!
part=
for _ in $(seq 100); do
    part=$(find "$HF_HOME" -name '*.incomplete' -size +500k 2>/dev/null)
    [ -z "$part" ] || break
    sleep 0.05
done
kill -9 $pid
wait $pid 2>/dev/null
[ -n "$part" ] || fail 'nothing was under way'
nothing_names=$(find "$(folder org/big)" -path '*/snapshots/*' 2>/dev/null)
[ -z "$nothing_names" ] || fail "names before the files are whole: $nothing_names"
HF_HUB_OFFLINE=1 run 3 'HF_HUB_OFFLINE is set' inspect hf:org/big
rm "$T/s/rate"
: >"$T/s/log"
run 0 '"resumed_bytes": [1-9]' pull org/big --json
grep -q '^store .* bytes=[1-9]' "$T/s/log" || fail 'no range was asked for'
[ -z "$(find "$HF_HOME" -name '*.incomplete')" ] || fail 'a part is left'

# --- interrupted by the user
fresh
echo 2000000 >"$T/s/rate"
"$adze" pull org/big >"$T/out" 2>&1 &
pid=$!
for _ in $(seq 100); do
    [ -z "$(find "$HF_HOME" -name '*.incomplete' -size +500k 2>/dev/null)" ] || break
    sleep 0.05
done
kill -INT $pid
wait $pid
[ $? -eq 130 ] || fail 'an interrupted pull does not exit with 130'
grep -q 'interrupted; what was finished is kept, the same command goes on' "$T/out" || fail 'an interrupted pull does not say that it goes on'
[ -e "$(folder org/big)/snapshots" ] && fail 'names after an interrupted pull'
rm "$T/s/rate"
run 0 '"resumed_bytes": [1-9]' pull org/big --json

# --- contents change between two runs: the part of the old one is not used for the new one
fresh
fault where=store drop=3000000 times=1
run 1 'connection ended too early' pull org/big --retries 0
: >"$T/s/second"
run 0 '"resumed_bytes": 0' pull org/big --json
rm "$T/s/second"
run 0 '"resumed_bytes": [1-9]' pull org/big --json

# --- several processes on one cache
fresh
echo 6000000 >"$T/s/rate"
for i in 1 2 3; do
    "$adze" pull org/big >"$T/p$i" 2>&1 &
    eval "p$i=$!"
done
# shellcheck disable=SC2154
for p in $p1 $p2 $p3; do wait "$p" || fail 'one of three pulls failed'; done
rm "$T/s/rate"
[ "$(requests '^store')" = 1 ] || fail "three pulls loaded the file $(requests '^store') times"

finish
