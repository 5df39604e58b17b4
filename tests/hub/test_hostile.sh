#!/bin/sh
# A hub that fails, lies or attacks: what is worth another attempt gets one, everything else a clear error with nothing left.
set -u
. tests/hub/lib.sh
start_server

# good WHAT FAULT...: one pull gets through it, and the bytes are right
good() {
    what=$1
    shift
    fresh
    fault "$@"
    run 0 '"loaded_bytes"' pull org/big --json
    file=$(find "$(folder org/big)/blobs" -size +1000k)
    [ "$(sha256sum <"$file" | cut -d' ' -f1)" = "$(basename "$file")" ] || fail "$what: wrong bytes"
    [ ! -e "$T/s/fault" ] || fail "$what: the fault did not happen"
}

# bad CODE TEXT FAULT...: the pull fails, and no large file is left under a final name
bad() {
    code=$1 text=$2
    shift 2
    fresh
    fault "$@"
    run "$code" "$text" pull org/big --retries 1
    [ -e "$(folder org/big)/snapshots" ] && fail "$*: names were given"
    [ -z "$(find "$HF_HOME" -path '*/blobs/*' -size +1000k -not -name '*.incomplete' 2>/dev/null)" ] ||
        fail "$*: a file was left"
}

# --- what passes
good 'dropped in the middle' where=store drop=2500000 times=1
grep -q '^store .* bytes=2[0-9]*-' "$T/s/log" || fail 'a dropped connection was not resumed'
good 'dropped again and again' where=store drop=900000 times=6
good '503 twice' where=store status=503 times=2
good '500 of the API' where=api status=500 times=2
good '429 with Retry-After' where=file status=429 retry_after=1 times=1
good '429 with RateLimit' where=api status=429 ratelimit=1 times=1
good 'a signed address that ran out' where=store status=403 times=1
good 'no length' where=store chunked=1 times=1
good 'no length and too short' where=store chunked=1 short=700000 times=1
good 'a server that stalls' where=store stall=1000000 times=1
good 'silence' where=api silent=4 times=1

# a part is there, and the server has no ranges, none of that part, or the file's start was other bytes
leave_part() {
    fresh
    fault where=store times=1 drop=1500000 "$@"
    run 1 'ended too early' pull org/big --retries 0
    [ -n "$(find "$HF_HOME" -name '*.incomplete' -size +1000k)" ] || fail 'no part was left'
}
leave_part
fault where=store norange=1 times=1
run 0 '"resumed_bytes": 0' pull org/big --json
leave_part
fault where=store r416=1 times=1
run 0 '"resumed_bytes": 0' pull org/big --json
leave_part flip=1000
run 0 'snapshots' pull org/big
leave_part
part=$(find "$HF_HOME" -name '*.incomplete')
head -c 7000000 /dev/zero >>"$part"
run 0 '"resumed_bytes": 0' pull org/big --json
leave_part
part=$(find "$HF_HOME" -name '*.incomplete')
fault where=store status=500
run 1 'answers 500' pull org/big --retries 0
[ -s "$part" ] || fail 'a part was thrown away for a server that failed'

# --- what does not pass
bad 3 'wrong hash' where=store flip=5000000
[ -z "$(find "$HF_HOME" -name '*.incomplete' 2>/dev/null)" ] || fail 'wrong bytes were kept'
bad 3 'sends 6000007 bytes where its listing says 6000000' where=store long=7
bad 3 'listing says 6000000' where=store short=7
bad 3 'more bytes than its listing says' where=store chunked=1 long=70000
bad 3 'listing says' where=store lie=1000
bad 1 'ended too early' where=store chunked=1 short=6000000
bad 3 'more than 10 times' where=api loop=1
bad 3 'more than 10 times' where=file loop=1
bad 3 'no http address' where=file to=file:///etc/passwd
bad 3 'no http address' where=file to=ftp://127.0.0.1/x
bad 1 'Server returned nothing\|Empty\|ended\|nothing' where=store silent=0
bad 1 'too long' where=store stall=0
bad 1 'too long' where=api silent=5
bad 1 'answers 503; 2 attempts' where=file status=503
bad 1 'answers 418' where=store status=418 body=3000000
bad 1 'asks to wait 9999 s' where=api status=429 retry_after=9999
bad 3 'not valid JSON' where=api text='<html>'
bad 3 'not valid JSON' where=api text=
bad 3 'names no commit' where=api text='{}'
bad 3 'names no commit' where=api text='{"sha":"../../../../../../../../../../../../../x"}'
bad 3 'names no commit' where=api text='[]'
bad 3 'nested deeper than' where=api deep=100000
bad 3 'longer than the .* bytes allowed' where=api endless=1
leave_part
fault where=store shift=5
run 3 'another part' pull org/big

fresh
HF_ENDPOINT=http://user:word@127.0.0.1:1 run 1 'cannot reach 127.0.0.1:1 (.*): check the network, or HF_ENDPOINT; 2 attempts' \
    pull org/big --retries 1

# --- the listing
good_oid=$(printf 'blob 0\0' | sha1sum | cut -d' ' -f1)
# listing TEXT: the whole of it; entry NAME [SIZE [OID]]: one file
listing() { printf '%s' "$1" >"$T/s/listing.json"; }
entry() {
    printf '{"type":"file","path":"%s","size":%s,"oid":"%s"}' "$1" "${2:-0}" "${3:-$good_oid}"
}
# refused TEXT ENTRIES
refused() {
    fresh
    listing "[$2]"
    run 3 "$1" pull evil/listing --include '*'
    grep -q 'evil/listing' "$T/err" || fail "no name in: $(cat "$T/err")"
    [ ! -e "$(folder evil/listing)" ] || fail "$2: something was written"
}
refused 'is absolute' "$(entry /etc/passwd)"
refused 'out of its folder' "$(entry ../../x)"
refused 'out of its folder' "$(entry a/../b)"
refused 'out of its folder' "$(entry a/..)"
refused 'out of its folder' "$(entry ./a)"
refused 'empty part' "$(entry a//b)"
refused 'empty part' "$(entry a/)"
refused 'is empty' "$(entry '')"
refused 'backslash' "$(entry 'a\\\\b')"
refused 'control byte' "$(entry 'a\u000ab')"
refused 'control byte' "$(entry 'a\u007fb')"
refused 'control character' "$(entry 'a\u009bb')"
refused 'part longer than 240' "$(entry "$(head -c 241 /dev/zero | tr '\0' a)")"
refused 'longer than 1024' "$(entry "$(head -c 1025 /dev/zero | tr '\0' a)")"
refused 'folders deep' "$(entry "$(head -c 80 /dev/zero | sed 's/\x00/a\//g')a")"
refused 'named twice' "$(entry a),$(entry a)"
refused 'cannot both be on a disk' "$(entry a/Model.x),$(entry A/model.X)"
refused 'cannot both be on a disk' "$(entry a),$(entry a/b)"
refused 'cannot both be on a disk' "$(entry A),$(entry a/b/c)"
refused 'no proper hash' "$(entry a 0 ../../../../../../../../../../../../x)"
refused 'no proper hash' "$(entry a 0 "$(echo "$good_oid" | tr a-f A-F)")"
refused 'no proper hash' '{"type":"file","path":"a","size":0}'
refused 'no proper hash' '{"type":"file","path":"a","size":0,"oid":"'"$good_oid"'","lfs":{}}'
refused 'no proper size' "$(entry a -1)"
refused 'no proper size' "$(entry a 1.5)"
refused 'no proper size' "$(entry a 99999999999999999999)"
refused 'no path' '{}'
refused 'no path' '7'
refused 'not valid JSON' '{"path":"a","path":"b"}'
refused 'no file fits' ''
fresh
listing "[$(entry a 9000000000000000000)]"
run 1 'GB more are needed' pull evil/listing --include '*'
listing "[$(entry a 9223372036854775807),$(entry b 9223372036854775807),$(entry c 9223372036854775807)]"
run 3 'sizes that cannot be' pull evil/listing --include '*'
listing '{"a":1}'
run 3 'is no list' pull evil/listing
python3 -c "
import sys
print('[' + ','.join('{\"type\":\"file\",\"path\":\"f%d\",\"size\":0,\"oid\":\"$good_oid\"}' % i for i in range(60000)) + ']')" \
    >"$T/s/listing.json"
run 3 'more than 50000 files' pull evil/listing
# a name that the terminal must not see as it is
listing "[$(entry 'a\u202eb.gguf'),$(entry 'c.gguf')]"
run 0 'c.gguf' pull evil/listing --list

# --- https: only with a certificate that is trusted, and no way down to http
if command -v openssl >/dev/null; then
    stop_server
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/key" -out "$T/cert" -days 2 \
        -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 2>/dev/null
    cat "$T/key" "$T/cert" >"$T/pem"
    start_server "$T/pem"
    fresh
    run 1 'REQUESTS_CA_BUNDLE' pull org/tiny
    REQUESTS_CA_BUNDLE=$T/cert run 3 'from https to http' pull org/tiny
    HF_TOKEN=hf_secret REQUESTS_CA_BUNDLE=$T/cert run 0 'config.json' pull org/tiny --list
fi

finish
