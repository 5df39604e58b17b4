#!/usr/bin/env python3
"""A small server that behaves like the hub, well or badly. server.py DIR MODEL_FOLDER [PEM]

Listens on two ports: the hub's on 127.0.0.1, and the one that large files are redirected to, reached as
localhost, so that it is another host. Writes DIR/ports ("HUB STORE") once it is ready and a line for each request to
DIR/log: port, method, path, range or -, "token" or "-". DIR/fault, when it is there, says what goes wrong:
words KEY=VALUE; `where` (api, file, store) and `times` say when, the rest what. DIR/listing.json is the listing of
the repository evil/listing. DIR/rate limits the store's bytes a second. DIR/second makes `main` another commit.
DIR/encoder is a folder that is served as org/encoder.
"""
import hashlib
import http.server
import json
import pathlib
import random
import re
import ssl
import sys
import threading
import time
import urllib.parse

DIR = pathlib.Path(sys.argv[1])
TOKEN = "hf_secret"
LOCK = threading.Lock()


def noise(seed, n):
    return random.Random(seed).randbytes(n)


def tiny(folder):
    files = {p.name: p.read_bytes() for p in sorted(pathlib.Path(folder).iterdir()) if p.is_file()}
    files["README.md"] = b"# tiny\n"
    files["pytorch_model.bin"] = noise(1, 5000)
    files["original/consolidated.safetensors"] = noise(2, 5000)
    files["onnx/model.onnx"] = noise(3, 5000)
    return files


def shards(names):
    index = {"metadata": {}, "weight_map": {f"t{i}": name for i, name in enumerate(names)}}
    files = {name: noise(10 + i, 3000) for i, name in enumerate(names)}
    files["model.safetensors.index.json"] = json.dumps(index).encode()
    files["config.json"] = b"{}"
    return files


REPOS = {
    "org/tiny": tiny(sys.argv[2]),
    "org/big": {"config.json": b"{}", "model.safetensors": noise(4, 6_000_000)},
    "org/many": {"config.json": b"{}", "empty.txt": b"",
                 **{f"model-{i:05d}-of-00012.safetensors": noise(100 + i, 40_000) for i in range(1, 13)}},
    "org/gguf": {"README.md": b"x", "m-Q4_K_M.gguf": noise(5, 4000), "m-Q8_0.gguf": noise(6, 8000),
                 "mmproj-m.gguf": noise(7, 100), "f16/m-f16-00001-of-00002.gguf": noise(8, 9000),
                 "f16/m-f16-00002-of-00002.gguf": noise(9, 9000)},
    "org/one": {"README.md": b"x", "config.json": b"{}", "m-Q4_K_M.gguf": noise(5, 4000)},
    "org/shards": {**shards(["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]),
                   "consolidated-00001-of-00002.safetensors": noise(20, 100),
                   "consolidated-00002-of-00002.safetensors": noise(21, 100)},
    "org/odd": shards(["model-00001-of-00001.safetensors", "extra/head.safetensors"]),
    "org/hole": {**shards(["model-00001-of-00001.safetensors"]),
                 "model.safetensors.index.json": b'{"weight_map": {"a": "gone.safetensors"}}'},
    "org/bin": {"config.json": b"{}", "pytorch_model.bin": noise(30, 3000), "training_args.bin": b"no"},
    "org/onnx": {"config.json": b"{}", "onnx/model.onnx": noise(31, 300)},
    "org/gated": {"config.json": b"{}", "model.safetensors": noise(32, 300)},
    "org/private": {"config.json": b"{}", "model.safetensors": noise(33, 3000)},
    "org/case": {"config.json": b"{}", "a.safetensors": noise(34, 30), "A.safetensors": noise(35, 30)},
    "gpt": {"config.json": b"{}", "model.safetensors": noise(36, 3000)},
}
if (DIR / "encoder").is_dir():
    REPOS["org/encoder"] = {p.name: p.read_bytes() for p in sorted((DIR / "encoder").iterdir()) if p.is_file()}


def is_large(name, data):
    return name.endswith((".safetensors", ".bin", ".gguf", ".onnx")) or len(data) > 100_000


def sha1(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def commit_of(repo):
    second = "2" if (DIR / "second").exists() else ""
    return hashlib.sha1((repo + second).encode()).hexdigest()


def files_of(repo):
    files = dict(REPOS[repo])
    if (DIR / "second").exists() and "model.safetensors" in files:
        files["model.safetensors"] = noise(99, len(files["model.safetensors"]))
    return files


def listing(repo):
    out = [{"type": "directory", "oid": "0" * 40, "size": 0, "path": "original"}]
    for name, data in files_of(repo).items():
        entry = {"type": "file", "oid": sha1(data), "size": len(data), "path": name}
        if is_large(name, data):
            entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
        out.append(entry)
    return out


def take_fault(where):
    """The fault for this request, or {}; counts down."""
    with LOCK:
        try:
            words = dict(w.split("=", 1) for w in (DIR / "fault").read_text().split())
        except OSError:
            return {}
        if words.get("where", where) != where:
            return {}
        times = int(words.get("times", "1000000")) - 1
        if times <= 0:
            (DIR / "fault").unlink()
        else:
            words["times"] = str(times)
            (DIR / "fault").write_text(" ".join(f"{k}={v}" for k, v in words.items()))
        return words


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16

    def log_message(self, *args):
        pass

    def note(self):
        token = "token" if self.headers.get("Authorization") == f"Bearer {TOKEN}" else "-"
        if self.headers.get("Authorization") and token == "-":
            token = "other-token"
        with LOCK, open(DIR / "log", "a") as f:
            f.write(f"{self.server.kind} {self.command} {self.path} {self.headers.get('Range', '-')} {token}\n")

    def start(self, status, headers, length):
        self.send_response(status)
        for k, v in headers.items():
            self.send_header(k, v)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def small(self, status, body=b"", **headers):
        self.start(status, {k.replace("_", "-"): v for k, v in headers.items()}, len(body))
        if self.command != "HEAD":
            self.wfile.write(body)

    def hang_up(self):
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(2)

    def broken(self, fault):
        """A fault that replaces the reply; False: none of those."""
        if "status" in fault:
            extra = {"Retry_After": fault["retry_after"]} if "retry_after" in fault else {}
            if "ratelimit" in fault:
                extra["RateLimit"] = f'"api";r=0;t={fault["ratelimit"]}'
            self.small(int(fault["status"]), b"x" * int(fault.get("body", "10")), **extra)
        elif "loop" in fault:
            self.small(302, Location=self.path)
        elif "to" in fault:
            self.small(302, Location=fault["to"])
        elif "endless" in fault:
            self.start(200, {}, None)
            try:
                while True:
                    self.wfile.write(b"[" * 65536)
            except OSError:
                self.close_connection = True
        elif "text" in fault:
            self.small(200, fault["text"].encode())
        elif "deep" in fault:
            self.small(200, b"[" * int(fault["deep"]))
        elif "silent" in fault:
            time.sleep(float(fault["silent"]))
            self.hang_up()
        else:
            return False
        return True

    def send_file(self, data, headers, fault, rate):
        first, status = 0, 200
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if "flip" in fault:
            at = int(fault["flip"])
            data = data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]
        if asked and "norange" not in fault:
            first, status = int(asked[1]), 206
            if first >= len(data) or "r416" in fault:
                self.small(416, Content_Range=f"bytes */{len(data)}")
                return
        total = len(data)
        last = min(int(asked[2]), total - 1) if asked and asked[2] else total - 1
        part = data[first:last + 1]
        if status == 206:
            shift = int(fault.get("shift", "0"))
            headers["Content-Range"] = f"bytes {first + shift}-{last}/{total}"
        part = part[:len(part) - int(fault.get("short", "0"))] + b"z" * int(fault.get("long", "0"))
        if "chunked" in fault:
            headers["Connection"] = "close"
        self.start(status, headers, None if "chunked" in fault else len(part) + int(fault.get("lie", "0")))
        if self.command == "HEAD":
            return
        stop = int(fault.get("drop", fault.get("stall", str(len(part)))))
        try:
            for i in range(0, min(stop, len(part)), 16384):
                self.wfile.write(part[i:min(i + 16384, stop)])
                if rate:
                    self.wfile.flush()
                    time.sleep(16384 / rate)
            if "stall" in fault:
                self.wfile.flush()
                time.sleep(30)
            if "drop" in fault or "stall" in fault or "chunked" in fault or "lie" in fault:
                self.hang_up()
        except OSError:
            self.close_connection = True

    def refused(self, repo):
        """Repositories that are not for everybody; True: answered."""
        token = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        if repo == "org/gated":
            self.small(403 if token else 401, b"{}", X_Error_Code="GatedRepo")
        elif repo == "org/private" and not token:
            self.small(401, b"{}", X_Error_Code="RepoNotFound")
        elif repo == "org/plain401" and not token:
            self.small(401, b"{}")
        elif repo not in REPOS and repo != "evil/listing":
            self.small(404, b"{}", X_Error_Code="RepoNotFound")
        else:
            return False
        return True

    def api(self, repo, rest, query):
        if repo == "org/old":
            self.small(307, Location=self.path.replace("org/old", "org/tiny"))
            return
        if self.refused(repo):
            return
        if rest == "" or rest.startswith("revision/"):
            revision = urllib.parse.unquote(rest[9:]) or "main"
            if revision not in ("main", "refs/pr/1", commit_of(repo)):
                self.small(404, b"{}", X_Error_Code="RevisionNotFound")
                return
            self.small(200, json.dumps({"id": repo, "modelId": repo, "sha": commit_of(repo), "private": False,
                                        "siblings": [], "tags": [], "downloads": 0}).encode())
            return
        if repo == "evil/listing":
            self.small(200, (DIR / "listing.json").read_bytes())
            return
        entries, at = listing(repo), int(query.get("cursor", ["0"])[0])
        headers = {}
        if at + 3 < len(entries):
            base = f"{'https' if len(sys.argv) > 3 else 'http'}://127.0.0.1:{self.server.server_port}{urllib.parse.urlsplit(self.path).path}"
            headers["Link"] = f'<{base}?recursive=true&cursor={at + 3}>; rel="next"'
        self.small(200, json.dumps(entries[at:at + 3]).encode(), **headers)

    def resolve(self, repo, name):
        if self.refused(repo):
            return
        data = files_of(repo).get(name)
        if data is None:
            self.small(404, b"{}", X_Error_Code="EntryNotFound", X_Repo_Commit=commit_of(repo))
            return
        headers = {"X-Repo-Commit": commit_of(repo)}
        fault = take_fault("file")
        if self.broken(fault):
            return
        if is_large(name, data):
            digest = hashlib.sha256(data).hexdigest()
            headers |= {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(data)),
                        "Location": f"http://localhost:{self.server.other}/{digest}?Signature=private"}
            self.start(302, headers, 0)
        else:
            headers["ETag"] = f'"{sha1(data)}"'
            self.send_file(data, headers, fault, 0)

    def store(self):
        digest = urllib.parse.urlsplit(self.path).path[1:]
        for repo in REPOS:
            for data in files_of(repo).values():
                if hashlib.sha256(data).hexdigest() == digest:
                    fault = take_fault("store")
                    rate = float((DIR / "rate").read_text()) if (DIR / "rate").exists() else 0
                    if not self.broken(fault):
                        self.send_file(data, {"ETag": '"of-the-store"'}, fault, rate)
                    return
        self.small(404)

    def do_GET(self):
        self.note()
        url = urllib.parse.urlsplit(self.path)
        path = url.path
        api = re.fullmatch(r"/api/models/((?:[^/]+/)?[^/]+?)(?:/((?:revision|tree)/.*))?", path)
        file = re.fullmatch(r"/((?:[^/]+/)?[^/]+)/resolve/([^/]+)/(.+)", path)
        try:
            if self.server.kind == "store":
                self.store()
            elif api:
                if not self.broken(take_fault("api")):
                    self.api(api[1], api[2] or "", urllib.parse.parse_qs(url.query))
            elif file:
                self.resolve(file[1], urllib.parse.unquote(file[3]))
            else:
                self.small(404)
        except OSError:
            self.close_connection = True

    do_HEAD = do_GET


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        pass


def main():
    hub, store = Server(("127.0.0.1", 0), Handler), Server(("127.0.0.1", 0), Handler)
    hub.kind, store.kind = "hub", "store"
    hub.other = store.server_port
    if len(sys.argv) > 3:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[3])
        hub.socket = context.wrap_socket(hub.socket, server_side=True)
    threading.Thread(target=store.serve_forever, daemon=True).start()
    (DIR / "ports.tmp").write_text(f"{hub.server_port} {store.server_port}\n")
    (DIR / "ports.tmp").rename(DIR / "ports")
    hub.serve_forever()


main()
