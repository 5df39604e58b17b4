// Where the chosen candidate spends its time, and how close each resource is to what the machine can give.
import { h, table } from "./dom.js";
import { mark } from "./figures.js";
import { digits, isNumber, prose, text } from "./format.js";

const METERS = { compute: "Compute", bandwidth: "Memory bandwidth", memory: "Memory", variance: "Latency variance" };
const BOTTLENECKS = { compute: "compute bound", bandwidth: "bandwidth bound", memory: "short of memory", variance: "uneven latency",
                      overhead: "overhead bound", none: "no resource exhausted" };

export function profile(view)
{
    const p = view.report.profile, phases = p?.phases || [];
    if (!phases.length) return null;
    const c = view.all.find((x) => x.id === p.id);
    return { id: "profile", title: "Profile", lede: `Where ${c ? c.name : p.id} spends its time. A meter's tick is the level at which a resource is named as the bottleneck.`,
             body: [p.note && h("p", { class: "aside" }, p.note), h("div", { class: "phases" }, phases.map(phase))] };
}

function phase(p)
{
    const kind = p.bottleneck?.kind;
    const per = isNumber(p.tokens) ? ` of ${p.tokens} token${p.tokens === 1 ? "" : "s"}` : "";
    return h("section", { class: "phase" },
             h("h3", {}, p.phase === "prefill" ? "Prefill" : "Decode", isNumber(p.ms) && h("small", {}, ` ${text(p.ms, "ms")}, a pass${per}`),
               kind && h("span", { class: `tag ${kind === "none" ? "plain" : "hot"}` }, BOTTLENECKS[kind] || kind)),
             h("p", {}, prose(p.bottleneck?.text)), h("div", { class: "meters" }, (p.meters || []).map(meter)), operators(p.operators || []));
}

function meter(m)
{
    const title = METERS[m.kind] || m.kind, known = isNumber(m.ratio);
    const scale = m.threshold >= 1 ? 1.25 : 1; // leave room beyond the tick
    const full = m.ratio / scale, tick = m.threshold / scale;
    const shown = m.kind === "variance" ? `${text(m.achieved, m.unit)}, at most ${text(m.peak, m.unit)}`
                                        : `${text(m.achieved, m.unit)} of ${text(m.peak, m.unit)}`;
    return h("div", { class: "meter" + (m.over ? " over" : "") },
             h("span", { class: "head" }, h("span", { class: "name" }, title),
               h("span", { class: "figures" }, known ? shown : m.reason || "not available", mark(m.provenance))),
             known && h("span", { class: "track", role: "meter", "aria-label": title, "aria-valuemin": "0", "aria-valuemax": "1",
                                  "aria-valuenow": Math.min(1, full).toFixed(3), "aria-valuetext": `${text(m.ratio, "ratio")}, ${shown}` },
                        h("i", { class: "level", style: { width: `${Math.min(1, Math.max(0, full)) * 100}%` } }),
                        isNumber(tick) && h("i", { class: "tick", style: { left: `${Math.min(1, tick) * 100}%` } })),
             h("span", { class: "share" }, known ? text(m.ratio, "ratio") : ""));
}

// The last three columns in one line, for a narrow window.
function rates(o)
{
    return [isNumber(o.achieved_gops) && text(o.achieved_gops, "GOP/s"), isNumber(o.achieved_gb_s) && text(o.achieved_gb_s, "GB/s"), o.bound].filter(Boolean).join(" · ");
}

function operators(list)
{
    const largest = Math.max(...list.map((o) => o.share || 0), 1e-9);
    const columns = [{ title: "Operator" }, { title: "Share", class: "share" }, { title: "Time", class: "num" },
                     { title: "GOP/s", class: "num roomy" }, { title: "GB/s", class: "num roomy" }, { title: "Bound by", class: "roomy" }];
    const rows = list.map((o) => ({ cells: [
        h("span", { class: "stack" }, h("span", {}, o.layer_kind || o.op), h("small", {}, [o.op, o.type, isNumber(o.calls) && `×${o.calls}`].filter(Boolean).join(" · ")),
                                     h("small", { class: "tight" }, rates(o))),
        h("span", { class: "sharebar" }, h("i", { style: { width: `${((o.share || 0) / largest) * 100}%` }, "aria-hidden": "true" }), h("span", {}, text(o.share, "ratio"))),
        text(o.ms, "ms"), isNumber(o.achieved_gops) ? digits(o.achieved_gops) : "–", isNumber(o.achieved_gb_s) ? digits(o.achieved_gb_s) : "–", o.bound || "–"] }));
    return list.length ? table(columns, rows, { class: "operators" }) : null;
}
