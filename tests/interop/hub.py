#!/usr/bin/env python3
"""Do adze and huggingface_hub share one cache? Needs huggingface_hub; ADZE_BIN says which adze.

Against tests/hub/server.py: what adze pulls is found by huggingface_hub without a network and the other way round;
a file that one of them is loading is waited for by the other. Exit 0: all holds.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
adze = os.path.abspath(os.environ.get("ADZE_BIN", "build/release/adze"))
tmp = pathlib.Path(tempfile.mkdtemp())
(tmp / "s").mkdir()
server = subprocess.Popen([sys.executable, ROOT / "tests/hub/server.py", tmp / "s", ROOT / "demo/checkpoint"])
while not (tmp / "s/ports").exists():
    time.sleep(0.05)
for name in list(os.environ):
    if name.startswith(("HF_", "HUGGING")) or name.lower().endswith("_proxy"):
        del os.environ[name]
os.environ |= {"HF_ENDPOINT": "http://127.0.0.1:" + (tmp / "s/ports").read_text().split()[0], "HF_HOME": str(tmp / "a"),
               "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "no_proxy": "*"}
import huggingface_hub as hub  # noqa: E402  (reads the environment)

failures = []
checks = 0


def check(what, ok):
    global checks
    checks += 1
    print("ok  " if ok else "FAIL", what)
    if not ok:
        failures.append(what)


def run(*args, **more):
    return subprocess.run([adze, *args], env=os.environ | more, capture_output=True, text=True)


def pull(repo, **more):
    return run("pull", repo, "--quiet", **more).stdout.strip()


def names(folder):
    return sorted((str(p.relative_to(folder)), os.readlink(p)) for p in pathlib.Path(folder).rglob("*") if p.is_symlink())


def log():
    return (tmp / "s/log").read_text()


def from_adze():
    cache = tmp / "a/hub"
    path = pull("org/tiny")
    info = hub.scan_cache_dir(cache)
    check("scan_cache_dir reads adze's cache without a warning", not info.warnings and len(info.repos) == 1)
    repo = next(iter(info.repos))
    revision = next(iter(repo.revisions))
    check("it finds the repository, its ref and its files",
          repo.repo_id == "org/tiny" and revision.refs == {"main"} and str(revision.snapshot_path) == path
          and {f.file_name for f in revision.files} >= {"config.json", "model.safetensors", "tokenizer.json"})
    check("sizes are right", repo.size_on_disk == sum(os.path.getsize(f.file_path) for f in revision.files))
    check("snapshot_download(local_files_only=True) finds it",
          hub.snapshot_download("org/tiny", cache_dir=cache, local_files_only=True) == path)
    check("hf_hub_download(local_files_only=True) finds a file",
          hub.hf_hub_download("org/tiny", "config.json", cache_dir=cache, local_files_only=True) == path + "/config.json")
    before = log().count("/resolve/") - log().count("HEAD")
    got = hub.snapshot_download("org/tiny", cache_dir=cache, allow_patterns=["*.json", "model.safetensors"])
    check("snapshot_download online loads none of it again",
          got == path and log().count("/resolve/") - log().count("HEAD") == before)
    check("adze still finds it whole", '"loaded_bytes": 0' in run("pull", "org/tiny", "--json").stdout)


def from_hub():
    for folder in ("b", "c"):
        os.environ["HF_HOME"] = str(tmp / folder)
        if folder == "b":
            theirs = hub.snapshot_download("org/tiny", cache_dir=tmp / "b/hub")
            check("adze finds what huggingface_hub loaded, offline",
                  run("inspect", "hf:org/tiny", HF_HUB_OFFLINE="1").returncode == 0)
            reply = run("pull", "org/tiny", "--json").stdout
            check("adze loads none of it again", '"loaded_bytes": 0' in reply and theirs in reply)
        else:
            ours = run("pull", "org/tiny", "--include", "*", "--quiet").stdout.strip()
    check("names and links are the same", names(theirs) == names(ours))
    blobs = [sorted(p.name for p in (tmp / x / "hub/models--org--tiny/blobs").iterdir()) for x in "bc"]
    check("blobs are the same", blobs[0] == blobs[1])
    refs = [(tmp / x / "hub/models--org--tiny/refs/main").read_bytes() for x in "bc"]
    check("refs are the same", refs[0] == refs[1])


def together():
    os.environ["HF_HOME"] = str(tmp / "d")
    cache = tmp / "d/hub"
    (tmp / "s/rate").write_text("4000000")
    for first in ("adze", "huggingface_hub"):
        shutil.rmtree(cache, ignore_errors=True)
        (tmp / "s/log").write_text("")
        code = f"import huggingface_hub as h; h.snapshot_download('org/big', cache_dir={str(cache)!r})"
        commands = {"adze": [adze, "pull", "org/big"], "huggingface_hub": [sys.executable, "-c", code]}
        one = subprocess.Popen(commands.pop(first), stdout=subprocess.DEVNULL)
        while not list(cache.rglob("*.incomplete")) and one.poll() is None:
            time.sleep(0.02)
        two = subprocess.Popen(next(iter(commands.values())), stdout=subprocess.DEVNULL)
        check(f"{first} and the other at once: both end well", one.wait(60) == 0 and two.wait(60) == 0)
        check("the large file was loaded once", len(re.findall("^store GET", log(), re.M)) == 1)
    check("adze's copy is whole", '"loaded_bytes": 0' in run("pull", "org/big", "--json").stdout)


try:
    from_adze()
    from_hub()
    together()
finally:
    server.kill()
    shutil.rmtree(tmp, ignore_errors=True)
print(f"huggingface_hub {hub.__version__}: {checks} checks, {len(failures)} failed")
sys.exit(1 if failures else 0)
