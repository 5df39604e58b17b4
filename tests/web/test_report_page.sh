#!/bin/sh
# Renders each made-up report in Chromium and looks at the document that results: content is there, no section
# is broken, nothing is wider than a narrow window, no script of the report ran, no console message.
# Skips (77) where Chromium is not installed.
set -eu

browser=
for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null 2>&1; then browser=$name; break; fi
done
if [ -z "$browser" ]; then
    echo "skipped: Chromium is not installed (Debian: apt-get install chromium)"
    exit 77
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

fail() {
    echo "FAILED: $*" >&2
    failed=1
}

# fill NAME: the page with tests/data/report/NAME.json, escaped as docs/report.md says, and a probe that reports
# console messages, policy violations and the width of the document. The probe needs its own place in the policy.
fill() {
    sed 's/</\\u003c/g' "tests/data/report/$1.json" >"$work/data"
    cat >"$work/probe" <<'PROBE'
<script>
window.seen = [];
for (const level of ["error", "warn"]) console[level] = (...a) => window.seen.push(level + ": " + a.join(" "));
window.alert = () => window.seen.push("alert was called");
window.addEventListener("error", (e) => window.seen.push("error: " + e.message));
window.addEventListener("load", () => setTimeout(() => {
    const root = document.documentElement, wide = root.scrollWidth > root.clientWidth;
    root.dataset.seen = window.seen.join(" | ") || "nothing";
    root.dataset.fits = wide ? "no: " + root.scrollWidth + " of " + root.clientWidth : "yes";
    root.dataset.width = innerWidth;
    root.dataset.charts = document.querySelectorAll(".chart svg").length + " of " + document.querySelectorAll(".chart").length;
    root.dataset.label = [...document.querySelectorAll(".chart")].every((c) => c.getAttribute("aria-label")) ? "yes" : "no";
    if (parent !== window) parent.postMessage({ ...root.dataset }, "*");
}, 300));
</script>
PROBE
    awk -v data="$work/data" -v probe="$work/probe" '
        function put(file, line) { while ((getline line < file) > 0) print line; close(file) }
        /http-equiv="Content-Security-Policy"/ { next }
        /^<title>/ { put(probe) }
        { at = index($0, "__ADZE_REPORT__") }
        at { printf "%s", substr($0, 1, at - 1); put(data); print substr($0, at + 15); next }
        { print }' web/dist/report.html >"$work/$1.html"
}

# narrow NAME: a page that shows NAME in a frame of 380 pixels (a window cannot be that small) and passes on what
# its probe found.
narrow() {
    cat >"$work/narrow-$1.html" <<PAGE
<!doctype html><html lang="en"><body style="margin:0"><iframe src="$1.html" width="380" height="900" style="border:0"></iframe>
<script>addEventListener("message", (e) => Object.assign(document.documentElement.dataset, e.data));</script>
<div id="app" data-state="frame"></div><script type="application/json"></script></body></html>
PAGE
}

# dump NAME: the document after the page's script ran: the root's attributes, and what is shown; not the bundle
dump() {
    "$browser" --headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking \
        --user-data-dir="$work/profile" --window-size=1600,1000 --virtual-time-budget=3000 \
        --dump-dom "file://$work/$1.html" >"$work/all" 2>"$work/log" || fail "$1: the browser stopped: $(tail -1 "$work/log")"
    sed -n -e '/<html/p' -e '/<div id="app"/,/<script type="application\/json"/p' "$work/all" >"$work/dom"
}

# sound NAME WIDTH: what must hold at any width
sound() {
    has "$1" 'data-seen="nothing"'
    has "$1" 'data-fits="yes"'
    has "$1" 'data-label="yes"'
    has "$1" "data-width=\"$2\""
    grep -Eq 'data-charts="([1-9][0-9]*) of \1"' "$work/dom" || fail "$1: a chart was not drawn"
}

has() { # NAME TEXT
    grep -qF -- "$2" "$work/dom" || fail "$1: \"$2\" is not on the page"
}

hasnt() {
    if grep -qF -- "$2" "$work/dom"; then fail "$1: \"$2\" is on the page"; fi
}

for name in sample none one bare many hostile; do
    fill "$name"
    narrow "$name"
    dump "narrow-$name"
    sound "narrow-$name" 380
    dump "$name"
    sound "$name" 1600
    has "$name" 'data-state="ready"'
    has "$name" 'id="gates-title"'
    has "$name" 'id="reproduce-title"'
    has "$name" 'Sample data: these values are invented'
    hasnt "$name" 'undefined'
    hasnt "$name" 'NaN'
    case $name in
    sample)
        for text in '<em>q4_k_m</em> is chosen' '2.95' 'bandwidth bound' 'inconclusive' 'Raspberry Pi 5' \
            'not available; no powercap zone' 'sha256:' "'texts/held out.txt'" 'token_latency_p99_ms' '>est.<'; do
            has sample "$text"
        done ;;
    none) has none 'No candidate passed every gate'; has none '1.9' ; has none 'short' ;;
    one) has one 'Energy per token'; has one 'The only candidate' ;;
    bare) has bare 'No candidate is proven yet'; has bare 'declared, not measured'; has bare 'no held-out text was given' ;;
    many) has many 'q4_k_m · llama.cpp'; has many 'q4_k_m · 1 thread' ;;
    hostile) hasnt hostile '<img src=x'; has hostile '&lt;img src=x' ;;
    esac
done

# The real page keeps its policy: the bundle's own digest must be right, or nothing would be drawn.
awk -v data="$work/data" '
    function put(file, line) { while ((getline line < file) > 0) print line; close(file) }
    { at = index($0, "__ADZE_REPORT__") }
    at { printf "%s", substr($0, 1, at - 1); put(data); print substr($0, at + 15); next }
    { print }' web/dist/report.html >"$work/real.html"
dump real
has real 'data-state="ready"'

[ "$failed" = 0 ] && echo "report page: ok"
exit "$failed"
