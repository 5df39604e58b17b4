#!/bin/sh
# shellcheck disable=SC2119,SC2120
# Shared by the tests of the hub: a server of our own, and checks on what adze says and leaves.
adze=${ADZE_BIN:?}
command -v python3 >/dev/null || {
    echo 'python3 is missing: the hub is not tested'
    exit 77
}
T=$(mktemp -d) || exit 1
unset HF_TOKEN HUGGING_FACE_HUB_TOKEN HF_TOKEN_PATH HF_HUB_CACHE HUGGINGFACE_HUB_CACHE HF_HUB_OFFLINE TRANSFORMERS_OFFLINE \
    http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY HF_HUB_DISABLE_IMPLICIT_TOKEN HF_HUB_DISABLE_SYMLINKS
export ADZE_HOME="$T/registry" HF_HOME="$T/hf" HF_HUB_ETAG_TIMEOUT=2 HF_HUB_DOWNLOAD_TIMEOUT=2 no_proxy='*'
failures=0 checks=0
server=

fail() {
    echo "FAIL: $*"
    failures=$((failures + 1))
}

# run WANT_CODE WANT_TEXT COMMAND ARGS...: exit code, and a text in the output or the messages
run() {
    want=$1 text=$2
    shift 2
    checks=$((checks + 1))
    "$adze" "$@" >"$T/out" 2>"$T/err" </dev/null
    code=$?
    if [ "$code" -ne "$want" ] || ! grep -q -e "$text" "$T/out" "$T/err"; then
        fail "adze $*: exit $code, wanted $want and '$text'"
        cat "$T/out" "$T/err"
    fi
    if grep -q hf_secret "$T/out" "$T/err"; then fail "adze $*: the token was printed"; fi
}

# start_server [PEM]: with a certificate it speaks https, its store still http
start_server() {
    mkdir -p "$T/s"
    rm -f "$T/s/ports"
    python3 tests/hub/server.py "$T/s" demo/checkpoint "$@" >"$T/server.log" 2>&1 &
    server=$!
    for _ in $(seq 200); do
        [ -f "$T/s/ports" ] && break
        sleep 0.1
    done
    read -r hub_port _ <"$T/s/ports" || exit 1
    export HF_ENDPOINT="http${1:+s}://127.0.0.1:$hub_port"
}

fault() {
    rm -f "$T/s/fault"
    [ $# -eq 0 ] || echo "$*" >"$T/s/fault"
}

fresh() {
    fault
    rm -rf "$HF_HOME"
    : >"$T/s/log"
}

# folder REPO: its folder in the cache
folder() {
    echo "$HF_HOME/hub/models--${1%%/*}--${1#*/}"
}

# requests PATTERN: how many of them the server has seen
requests() {
    grep -c -e "$1" "$T/s/log"
}

stop_server() {
    if [ -n "$server" ]; then kill "$server" 2>/dev/null; fi
    server=
}

finish() {
    stop_server
    rm -rf "$T"
    echo "$checks checks, $failures failed"
    [ "$failures" -eq 0 ]
}
