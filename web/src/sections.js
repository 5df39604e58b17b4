// The sections below the verdict. Each returns {id, title, lede, body}, or null when the report has nothing for it.
import { details, h, sign, table, verdict } from "./dom.js";
import { barChart, intervalChart } from "./bars.js";
import { figureCell, intervalCell, mark } from "./figures.js";
import { isNumber, niceAxis, prose, range, signedPercent, text, whole } from "./format.js";
import { paretoPlot } from "./scatter.js";
import { figure, gate, gateNames, limitOf, METRICS, metricTitle } from "./view.js";

export function tradeOffs(view)
{
    const plot = paretoPlot(view);
    return plot && { id: "trade-offs", title: "Trade-offs", body: plot,
                     lede: "Speed against what it costs. A candidate is on the frontier when no other is at least as good in speed, accuracy and memory." };
}

// Measurements that get a chart, with the gates that limit them.
const BARS = [["decode_tok_s", "decode", "decode_rate"], ["prefill_tok_s", "prefill"], ["peak_rss_bytes", "memory", "peak_bytes"],
              ["ttft_ms", "ttft"], ["energy_j_per_tok", "energy"], ["token_latency_p99_ms"]];

export function measurements(view)
{
    const charts = BARS.map(([name, ...limits]) => metricBars(view, name, limits)).filter(Boolean);
    const names = measuredNames(view);
    if (!names.length) return null;
    const energy = view.candidates.map((c) => c.measurements?.energy_j_per_tok).find((f) => f && f.available === false);
    const marked = view.all.some((c) => Object.values(c.measurements || {}).some((f) => f.provenance && f.provenance !== "measured"));
    return {
        id: "measurements", title: "Measurements",
        lede: "Bars are medians; whiskers span the fastest and slowest repeat. A dashed line is a gate's limit."
            + (marked ? " Dashed bars and the mark ≈ are estimated or declared, not measured." : ""),
        body: [h("div", { class: "multiples" }, charts), energy && h("p", { class: "aside" }, `Energy: not available; ${energy.reason}.`),
               details("All figures as a table", figureTables(view, names))],
    };
}

function metricBars(view, name, limits)
{
    if (!view.candidates.some((c) => figure(c, name))) return null;
    const rows = view.all.filter((c) => figure(c, name)).map((c) => {
        const f = figure(c, name);
        return { name: c.name, value: f.median, lo: f.min, hi: f.max, n: f.n, unit: f.unit, spread: f.n > 1, spreadName: "min to max", countName: "repeats",
                 chosen: c === view.chosen, baseline: c === view.baseline, mark: f.provenance === "measured" ? "" : "≈ ",
                 note: f.provenance === "measured" ? "" : f.provenance };
    });
    const meta = METRICS[name], limit = limitOf(view, limits, name);
    return h("figure", {}, h("figcaption", {}, meta.title, h("small", {}, meta.better === "more" ? "longer is better" : "shorter is better")),
             barChart(meta.title, rows, limit));
}

function measuredNames(view)
{
    const seen = new Set();
    for (const c of view.all) for (const name of Object.keys(c.measurements || {})) seen.add(name);
    const known = Object.keys(METRICS).filter((n) => seen.has(n));
    return [...known, ...[...seen].filter((n) => !METRICS[n])];
}

const MOST_COLUMNS = 6; // so that a table needs no scrolling

function figureTables(view, names)
{
    const count = Math.ceil(names.length / MOST_COLUMNS), size = Math.ceil(names.length / count);
    return Array.from({ length: count }, (_, i) => figuresTable(view, names.slice(i * size, (i + 1) * size)));
}

function figuresTable(view, names)
{
    const columns = [{ title: "Candidate" }, ...names.map((n) => ({ title: metricTitle(n), class: "num" }))];
    const rows = view.all.map((c) => ({
        class: c === view.chosen ? "chosen" : null,
        cells: [c.name, ...names.map((n) => figureCell(c.measurements?.[n]))],
    }));
    return table(columns, rows, { class: "stacked dense" });
}

export function quality(view)
{
    const scored = view.candidates.filter((c) => c.quality && c.quality.available !== false);
    if (!scored.length) return notMeasured(view);
    const charts = [intervalBars(view, "kl_mean", "Mean KL divergence", { log: true, unit: "nats" }, "kl_mean"),
                    intervalBars(view, "top1_ratio", "Top-1 accuracy kept", { unit: "ratio" }, "top1"),
                    intervalBars(view, "flips", "Answers that changed", { unit: "ratio", min: 0 }, "flips")].filter(Boolean);
    const t = view.report.text, open = scored.filter((c) => c.quality.conclusive === false);
    return {
        id: "quality", title: "Quality",
        lede: `Against the baseline's own predictions${t ? ` on ${plural(t.scored, "position")} of ${t.path}` : ""}. Whiskers are 95 % intervals.`,
        body: [open.map((c) => h("p", { class: "notice" }, h("strong", {}, "Inconclusive"), ` ${c.name}: ${c.quality.reason || "no reason given"}`)).slice(0, 3),
               h("div", { class: "multiples" }, charts), details("All quality figures as a table", qualityTable(view))],
    };
}

function notMeasured(view)
{
    const reason = view.candidates.map((c) => c.quality?.reason).find(Boolean);
    return view.candidates.length ? { id: "quality", title: "Quality", body: h("p", { class: "aside" }, `Not measured${reason ? `: ${reason}` : view.report.text ? "" : ": no held-out text was given"}.`) } : null;
}

function plural(n, noun)
{
    return isNumber(n) ? `${whole(n)} ${noun}${n === 1 ? "" : "s"}` : `an unknown number of ${noun}s`;
}

function intervalBars(view, name, title, axis, gateName)
{
    const rows = view.candidates.filter((c) => isNumber(c.quality?.[name]?.value) && (!axis.log || c.quality[name].value > 0)).map((c) => {
        const q = c.quality[name];
        return { name: c.name, value: q.value, lo: axis.log ? Math.max(q.lo, q.value / 1e3) : q.lo, hi: q.hi, n: q.n, unit: q.unit,
                 spread: q.hi > q.lo, spreadName: "95 % interval", countName: "positions", chosen: c === view.chosen };
    });
    if (!rows.length) return null;
    const limit = limitOf(view, [gateName]);
    const lo = Math.min(...rows.map((r) => r.lo), limit?.at ?? Infinity), hi = Math.max(...rows.map((r) => r.hi), limit?.at ?? -Infinity);
    const bounds = axis.log ? { min: 10 ** Math.floor(Math.log10(lo)), max: 10 ** Math.ceil(Math.log10(hi)) }
                            : niceAxis(axis.min ?? lo, hi);
    const log = axis.log ? "log scale, left is better" : name === "flips" ? "left is better" : "right is better";
    return h("figure", {}, h("figcaption", {}, title, h("small", {}, log)), intervalChart(title, rows, { ...axis, ...bounds }, limit));
}

function qualityTable(view)
{
    const names = [["top1_accuracy", "Top-1 accuracy"], ["top1_ratio", "Part of baseline's"], ["kl_mean", "KL mean"], ["kl_p99", "KL p99"],
                   ["flips", "Answers changed"], ["perplexity", "Perplexity"]];
    const columns = [{ title: "Candidate" }, ...names.map(([, title]) => ({ title, class: "num" }))];
    const rows = view.all.filter((c) => c.quality && c.quality.available !== false).map((c) => ({
        class: c === view.chosen ? "chosen" : null, cells: [c.name, ...names.map(([n]) => intervalCell(c.quality[n]))] }));
    return table(columns, rows, { class: "stacked dense" });
}

export function gates(view)
{
    const names = gateNames(view);
    if (!names.length) return null;
    const columns = [{ title: "Candidate" }, ...names.map(([, title]) => ({ title })), { title: "All gates" }];
    const rows = view.candidates.map((c) => ({
        class: c === view.chosen ? "chosen" : null,
        cells: [c.name, ...names.map(([name]) => gateCell(gate(c, name))),
                c.status === "failed" || c.status === "skipped" ? h("span", { class: "stack" }, c.status, h("small", {}, c.status_reason)) : verdict(c.verdict)],
    }));
    return { id: "gates", title: "Gates", lede: "The rules that a candidate must pass. Inconclusive is not a pass.",
             body: table(columns, rows, { class: "stacked gates" }) };
}

function gateCell(g)
{
    if (!g) return h("span", { class: "none" }, "–");
    const rule = `${g.op === "<=" ? "≤" : "≥"} ${text(g.limit, g.unit)}`;
    const value = isNumber(g.value) ? text(g.value, g.unit) : "no value";
    return h("span", { class: `gate ${g.verdict}` }, sign(g.verdict), h("span", { class: "sr" }, g.verdict + ": "),
             h("span", { class: "stack" }, h("span", {}, h("b", {}, value), " ", h("span", { class: "limit" }, rule)),
               g.verdict !== "pass" && h("small", {}, prose(g.reason) || g.verdict),
               g.verdict === "pass" && range(g.lo, g.hi, g.unit) && h("small", {}, range(g.lo, g.hi, g.unit))));
}

export function predictions(view)
{
    const names = ["weight_bytes", "peak_rss_bytes", "prefill_tok_s", "decode_tok_s"]
        .filter((n) => view.all.some((c) => isNumber(c.predicted?.[n]?.value)));
    if (!names.length) return null;
    const columns = [{ title: "Candidate" }, ...names.map((n) => ({ title: METRICS[n].title }))];
    const rows = view.all.filter((c) => c.predicted && Object.keys(c.predicted).length).map((c) => ({
        class: c === view.chosen ? "chosen" : null, cells: [c.name, ...names.map((n) => predictionCell(c.predicted[n]))] }));
    return { id: "predictions", title: "Predicted and measured",
             lede: "What was said before converting, from the machine's measured limits, and how far off it was.",
             body: table(columns, rows, { class: "stacked predictions" }) };
}

const ERROR_SCALE = 0.2; // errors beyond 20 % fill the half of the bar

function predictionCell(p)
{
    if (!isNumber(p?.value)) return h("span", { class: "none" }, "–");
    const known = isNumber(p.error), size = known ? Math.min(1, Math.abs(p.error) / ERROR_SCALE) * 50 : 0;
    const bar = known && h("span", { class: "deviation", "aria-hidden": "true" },
                           h("i", { style: { width: `${size}%`, left: p.error < 0 ? `${50 - size}%` : "50%" } }));
    return h("span", { class: "stack" + (p.flagged ? " flagged" : "") },
             h("span", {}, text(p.value, p.unit), !known && mark("estimated"), isNumber(p.measured) && h("span", { class: "limit" }, " → ", text(p.measured, p.unit))),
             h("span", { class: "error" }, bar, h("small", {}, known ? signedPercent(p.error) : "not measured", p.flagged && ", beyond its limit")));
}

export function recommendations(view)
{
    const list = view.report.recommendations || [];
    const order = { warning: 0, advice: 1, info: 2 };
    return list.length ? {
        id: "recommendations", title: "Recommendations",
        body: h("ul", { class: "advice" }, [...list].sort((a, b) => (order[a.severity] ?? 3) - (order[b.severity] ?? 3)).map((r) =>
            h("li", { class: ["warning", "advice", "info"].includes(r.severity) ? r.severity : "info" },
              h("span", { class: "kind" }, r.severity), h("div", {}, h("h3", {}, prose(r.title)), h("p", {}, prose(r.text)))))),
    } : null;
}

export function deployment(view)
{
    const list = view.report.deployment || [];
    const fits = { yes: "fits", no: "does not fit", unknown: "not known" };
    return list.length ? {
        id: "deployment", title: "Deployment",
        body: h("ul", { class: "platforms" }, list.map((d) => h("li", {},
            h("h3", {}, d.platform, " ", d.fits && h("span", { class: `tag ${d.fits === "no" ? "no" : "plain"}` }, fits[d.fits] || d.fits), mark(d.provenance)),
            h("p", {}, prose(d.text)), (d.steps || []).map((s) => h("code", { class: "step" }, s))))),
    } : null;
}

export function monitoring(view)
{
    const list = view.report.monitoring || [];
    const columns = [{ title: "Watch" }, { title: "Why" }, { title: "Alert when" }];
    return list.length ? {
        id: "monitoring", title: "Monitoring", lede: "What to watch once it is deployed.",
        body: table(columns, list.map((m) => ({ cells: [h("code", {}, m.metric), prose(m.why), prose(m.alert)] })), { class: "stacked monitoring" }),
    } : null;
}
