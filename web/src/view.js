// The report as the page uses it: candidates with labels, and accessors that know what may be missing.
import { isNumber } from "./format.js";

export const METRICS = {
    decode_tok_s: { title: "Decode speed", unit: "tok/s", better: "more" },
    prefill_tok_s: { title: "Prefill speed", unit: "tok/s", better: "more" },
    peak_rss_bytes: { title: "Peak memory", unit: "bytes", better: "less" },
    ttft_ms: { title: "Time to first token", unit: "ms", better: "less" },
    energy_j_per_tok: { title: "Energy per token", unit: "J/tok", better: "less" },
    load_ms: { title: "Load time", unit: "ms", better: "less" },
    token_latency_p50_ms: { title: "Token latency, p50", unit: "ms", better: "less" },
    token_latency_p95_ms: { title: "Token latency, p95", unit: "ms", better: "less" },
    token_latency_p99_ms: { title: "Token latency, p99", unit: "ms", better: "less" },
    latency_cv: { title: "Latency stdev / mean", unit: "ratio", better: "less" },
    weight_bytes: { title: "Weights", unit: "bytes", better: "less" },
    cache_bytes: { title: "Cache", unit: "bytes", better: "less" },
};

export function metricTitle(name)
{
    return METRICS[name]?.title || String(name).replace(/_/g, " ");
}

export function load()
{
    const report = JSON.parse(document.getElementById("report-data").textContent);
    if (report?.schema !== "adze.report/1") throw new Error(`unknown schema: ${report?.schema}`);
    const list = Array.isArray(report.candidates) ? report.candidates : [];
    const view = { report, baseline: report.baseline, candidates: list, all: [report.baseline, ...list].filter(Boolean) };
    view.chosen = list.find((c) => c.id === report.chosen?.id) || null;
    label(view);
    return view;
}

// The recipe alone where it is unique; else with the engine and the settings that differ from the usual ones.
function label(view)
{
    const same = (c) => view.candidates.filter((o) => o.recipe === c.recipe);
    for (const c of view.candidates) {
        const others = same(c), parts = [c.recipe];
        if (c.engine !== view.baseline?.engine && others.some((o) => o.engine !== c.engine)) parts.push(c.engine);
        for (const [name, value] of Object.entries(c.settings || {}))
            if (value !== view.report.settings?.[name] && others.some((o) => o.engine === c.engine && o.settings?.[name] !== value))
                parts.push(setting(name, value));
        c.name = c.label || parts.join(" · ");
    }
    if (view.baseline) view.baseline.name = view.baseline.label || `${view.baseline.recipe} (baseline)`;
}

function setting(name, value)
{
    if (name === "threads") return value === 1 ? "1 thread" : `${value} threads`;
    return `${name} ${value}`;
}

// A figure object, or null when there is no number in it.
export function figure(c, name)
{
    const f = c?.measurements?.[name];
    return f && isNumber(f.median) ? f : null;
}

export function hasFigure(view, name)
{
    return view.candidates.some((c) => figure(c, name));
}

// {value, lo, hi, unit}: the report's ratio, else the quotient of medians (then without spread).
export function ratio(view, c, name)
{
    const r = c?.ratios?.[name];
    if (r && isNumber(r.value)) return r;
    const a = figure(c, name), b = figure(view.baseline, name);
    return a && b && b.median ? { value: a.median / b.median, unit: "x" } : null;
}

export function gate(c, name)
{
    return (c?.gates || []).find((g) => g.name === name) || null;
}

export function gateTitle(g)
{
    const title = String(g.title || g.name);
    return title.charAt(0).toUpperCase() + title.slice(1);
}

export function gateNames(view)
{
    const names = new Map();
    for (const c of view.candidates) for (const g of c.gates || []) names.set(g.name, gateTitle(g));
    return [...names];
}

// Where the limit of one of these gates lies among the values of a measurement: {at, op}, or null. Limits in "x" and
// "ratio" are relative to the baseline.
export function limitOf(view, names, metric)
{
    for (const name of names) {
        const g = view.candidates.map((c) => gate(c, name)).find((x) => x && isNumber(x.limit));
        if (!g) continue;
        const relative = metric && (g.unit === "x" || g.unit === "ratio"), base = figure(view.baseline, metric);
        if (!relative) return { at: g.limit, op: g.op || ">=" };
        if (base) return { at: g.limit * base.median, op: g.op || ">=" };
    }
    return null;
}

// How far a value is from its limit, in the gate's unit; negative is on the wrong side.
export function margin(g)
{
    if (!isNumber(g?.value) || !isNumber(g?.limit)) return null;
    return g.op === "<=" ? g.limit - g.value : g.value - g.limit;
}
