#!/bin/sh
# adze chat in a terminal: how it begins and ends, interrupts, a full context, and text that is always whole UTF-8.
set -u
command -v python3 >/dev/null 2>&1 || {
    echo 'python3 is missing: adze chat is not tested in a terminal'
    exit 77
}
exec python3 tests/cli/chat_tty.py "$ADZE_BIN" demo/checkpoint
