#!/usr/bin/env python3
"""A worker (docs/workers.md) that tokenizes with a real framework: real_ids.py tokenizers|llama.cpp

tokenizers: the Python package, on a folder's tokenizer.json. llama.cpp: the program llama-tokenize (of $PATH), once for
each text. Methods: describe; open {model}; tokenize, frame: a text in UTF-8, answer's frame: ids as i32.
"""
import json
import os
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

MISSING, FAILED = -8, -11    # ADZE_EMISSING, ADZE_EWORKER


class Failure(Exception):
    def __init__(self, text, status=FAILED):
        super().__init__(text)
        self.status = status


class Tokenizers:
    def __init__(self):
        sys.path = [p for p in sys.path if Path(p or ".").resolve() != Path(__file__).resolve().parent]
        try:
            import tokenizers
        except ImportError as e:
            raise Failure(f"python3 has no package tokenizers ({e}): pip install tokenizers", MISSING) from e
        self.load = tokenizers.Tokenizer.from_file
        self.version = tokenizers.__version__

    def open(self, model):
        self.tok = self.load(str(Path(model) / "tokenizer.json"))
        self.tok.no_truncation()
        self.tok.no_padding()

    def ids(self, text):
        return self.tok.encode(text.decode()).ids


class LlamaCpp:
    def __init__(self):
        self.program = shutil.which("llama-tokenize")
        if not self.program:
            raise Failure("llama-tokenize is not in $PATH: install llama.cpp", MISSING)
        said = subprocess.run([str(Path(self.program).with_name("llama-cli")), "--version"], capture_output=True, text=True, check=False) \
            if Path(self.program).with_name("llama-cli").exists() else None
        found = re.search(r"version: (.*)", said.stdout + said.stderr) if said else None
        self.version = found.group(1) if found else "of unknown version"

    def open(self, model):
        self.model = model

    def ids(self, text):
        r = subprocess.run([self.program, "-m", self.model, "--stdin", "--ids", "--log-disable"], input=text, capture_output=True, check=False)
        found = re.search(rb"\[([\d, ]*)\]\s*$", r.stdout)
        if r.returncode or not found:
            raise Failure("llama-tokenize: " + (r.stderr.decode(errors="replace").strip().splitlines() or [f"status {r.returncode}"])[-1])
        return [int(x) for x in found.group(1).split(b",") if x.strip()]


def answer(state, method, params, frame):
    """Result and frame of one call."""
    if method == "describe":
        state["real"] = {"tokenizers": Tokenizers, "llama.cpp": LlamaCpp}[sys.argv[1]]()
        return {"protocol": 1, "version": state["real"].version, "engines": []}, b""
    if method == "open":
        state["real"].open(params["model"])
        return {}, b""
    if method == "tokenize":
        ids = state["real"].ids(frame)
        return {"count": len(ids)}, struct.pack(f"<{len(ids)}i", *ids)
    if method == "shutdown":
        return {}, b""
    raise Failure(f"no method {method}")


def main():
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)           # a stray print must not reach the protocol
    state, stdin = {}, sys.stdin.buffer
    for line in iter(stdin.readline, b""):
        call = json.loads(line)
        frame = stdin.read(call.get("frame", 0))
        reply = {"jsonrpc": "2.0", "id": call.get("id")}
        data = b""
        try:
            reply["result"], data = answer(state, call["method"], call.get("params", {}), frame)
        except Failure as e:
            reply["error"] = {"code": -32000, "message": str(e), "data": {"status": e.status}}
        except Exception as e:      # whatever a framework throws is an answer
            reply["error"] = {"code": -32000, "message": f"{type(e).__name__}: {e}", "data": {"status": FAILED}}
        if data:
            reply["frame"] = len(data)
        out.write(json.dumps(reply).encode() + b"\n" + data)
        out.flush()
        if call["method"] == "shutdown":
            break


if __name__ == "__main__":
    main()
