#!/bin/sh
# adze chat on the demo checkpoint: lines from a pipe, commands, errors, and a terminal.
set -u
model=demo/checkpoint
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failures=0

fail() { printf 'FAIL: %s\n' "$*"; failures=$((failures + 1)); }

# chat CODE PATTERN INPUT [OPTIONS...]: exit code, and a pattern in what is printed
chat() {
    code=$1 pattern=$2 input=$3
    shift 3
    printf '%b' "$input" | timeout 120 "$ADZE_BIN" chat "$@" >"$tmp/out" 2>"$tmp/err"
    got=$?
    [ $got -eq "$code" ] || { fail "chat $*: exit $got, expected $code"; cat "$tmp/err"; }
    [ -z "$pattern" ] || cat "$tmp/out" "$tmp/err" | grep -qi -- "$pattern" || { fail "chat $*: no \"$pattern\""; cat "$tmp/out" "$tmp/err"; }
}

chat 0 '[a-z]' 'Hello\n' $model --greedy -n 12
cp "$tmp/out" "$tmp/first"
# the same words after a reset give the same answer: nothing of the first conversation is left
chat 0 'new conversation' 'Hello\n/reset\nHello\n' $model --greedy -n 12
cat "$tmp/first" "$tmp/first" | cmp -s - "$tmp/out" || fail 'an answer changed after /reset'
chat 0 '[a-z]' 'Hello\nHello\n/exit\nnot read\n' $model --greedy -n 12
[ "$(wc -l <"$tmp/out")" -ge 2 ] || fail 'not two answers'
chat 0 'there is no command /nope' '/nope\n' $model
chat 0 '/reset begins anew' '/help\n' $model
chat 0 'control token' 'a <|end|> b\n' $model --greedy -n 2
chat 0 '' '' $model
chat 0 '' '\n\n' $model
chat 4 'begins anew' 'one two three four five six seven eight nine ten\n' $model -c 8
chat 4 'context' 'Hello\nHello\nHello\nHello\nHello\nHello\n' $model --greedy -n 12 -c 64
chat 2 'leave out the sampling options' 'x\n' $model --greedy --top-k 3
chat 2 'must be 0 or more' 'x\n' $model -n -1
chat 2 'no chat template of this name' 'x\n' $model --template nope
chat 3 'no such file' 'x\n' $model --tools "$tmp/none.json"
printf '{' >"$tmp/bad.json"
chat 3 'not valid JSON' 'x\n' $model --tools "$tmp/bad.json"
printf '[1]' >"$tmp/one.json"
chat 2 'not an object' 'x\n' $model --tools "$tmp/one.json"
printf '[{"type": "function", "function": {"name": "f", "parameters": {}}}]' >"$tmp/tools.json"
chat 0 '[a-z]' 'Hello\n' $model --greedy -n 4 --tools "$tmp/tools.json"
chat 3 'nowhere' 'x\n' nowhere

# a model without a template, one whose template is wrong, and a template of its own file that wins
mkdir "$tmp/m"
cp $model/*.json $model/*.safetensors "$tmp/m"
printf '{{ raise_exception("never") }}' >"$tmp/m/chat_template.jinja"
chat 3 'line 1, column .*never' 'x\n' "$tmp/m"
printf '{%% if %%}' >"$tmp/m/chat_template.jinja"
chat 3 'line 1' 'x\n' "$tmp/m"
printf '{{ bos_token }}{{ messages[-1].content }}' >"$tmp/m/chat_template.jinja"
chat 0 '[a-z]' 'It was the best of\n' "$tmp/m" --greedy -n 4
# convolutions' states cannot be cut in the middle of what is held: the model reads the new prompt from its start
"${ADZE_BUILD:-build/release}/made_checkpoint" lfm2 "$tmp/conv" >/dev/null || fail 'no model with convolutions'
{
    printf '{"version": "1.0", "added_tokens": [], "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},'
    printf '"model": {"type": "BPE", "merges": [], "vocab": {"\\u0120": 0, "\\u010a": 1'
    i=2
    for c in a b c d e f g h i j k l m n o p q r s t u v w x y z A B C D E F G H I J K L M N O P Q R S T U V W X Y Z 0 1 2 3 4 5 6 7 8 9; do
        printf ', "%s": %d' $c $i
        i=$((i + 1))
    done
    printf '}}}'
} >"$tmp/conv/tokenizer.json"
printf '{{ messages[-1].content }}' >"$tmp/conv/chat_template.jinja"
chat 0 '' 'Help\n' "$tmp/conv" --greedy -n 8
cp "$tmp/out" "$tmp/alone"
chat 0 '' 'Hello\nHelp\n' "$tmp/conv" --greedy -n 8
tail -n 1 "$tmp/out" | cmp -s - "$tmp/alone" || { fail 'another answer after a first turn'; cat "$tmp/out" "$tmp/alone"; }

# the template sees the whole conversation: the system message, and both sides of each turn
printf '{%% if messages|length > 2 %%}{{ raise_exception(messages|map(attribute="role")|join("+")) }}{%% endif %%}x' \
    >"$tmp/m/chat_template.jinja"
chat 3 'refuses: user+assistant+user' 'Hello\nAgain\n' "$tmp/m" --greedy -n 4
chat 3 'refuses: system+user+assistant+user' 'Hello\nAgain\n' "$tmp/m" --greedy -n 4 --system 'Be brief.'
printf '{{ bos_token }}{{ messages[-1].content }}' >"$tmp/m/chat_template.jinja"
mkdir "$tmp/m/additional_chat_templates"
printf '{{ raise_exception("tools are here") }}' >"$tmp/m/additional_chat_templates/tool_use.jinja"
chat 3 'tools are here' 'x\n' "$tmp/m" --tools "$tmp/tools.json"
chat 0 '[a-z]' 'It was the best of\n' "$tmp/m" --greedy -n 4 --template default --tools "$tmp/tools.json"
rm -r "$tmp/m/chat_template.jinja" "$tmp/m/additional_chat_templates"
sed '/"chat_template"/d; s/"clean_up_tokenization_spaces": false,/"clean_up_tokenization_spaces": false/' $model/tokenizer_config.json >"$tmp/m/tokenizer_config.json"
chat 3 'has no chat template' 'x\n' "$tmp/m"

# in a terminal: a prompt, an interrupt that stops the answer only, and the next answer
if command -v python3 >/dev/null 2>&1; then
    python3 - "$ADZE_BIN" $model <<'EOF' || fail 'the terminal session'
import os, pty, select, signal, sys, time

pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], [sys.argv[1], "chat", sys.argv[2], "--greedy", "-n", "0"])
seen = b""


def until(text, seconds=60):
    global seen
    end = time.time() + seconds
    while text not in seen and time.time() < end:
        if select.select([fd], [], [], 0.1)[0]:
            try:
                seen += os.read(fd, 4096)
            except OSError:
                break
    if text not in seen:
        os.kill(pid, signal.SIGKILL)
        sys.exit(f"{text!r} did not come: {seen!r}")
    seen = seen[seen.index(text) + len(text):]


until(b"> ")
os.write(fd, b"Tell me a long story\n")
until(b"story")
until(b"\n")
until(b" ")
os.write(fd, b"\x03")
until(b"> ")
os.write(fd, b"/reset\n")
until(b"new conversation")
until(b"> ")
os.write(fd, b"/exit\n")
status = os.waitpid(pid, 0)[1]
sys.exit(0 if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0 else f"status {status}")
EOF
fi
[ $failures -eq 0 ] || exit 1
