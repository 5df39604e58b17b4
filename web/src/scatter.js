// Speed against what it costs. The shape and fill of a mark say what it is: ring = dominated, disc = on the frontier,
// disc in the accent color = chosen, diamond = baseline; area grows with the bytes of weights.
import { chart, redraw, tip } from "./charts.js";
import { h } from "./dom.js";
import { isNumber, powerOfTen, range, text, tick } from "./format.js";
import { figure, hasFigure, limitOf } from "./view.js";

const fromFigure = (name) => (c) => {
    const f = figure(c, name);
    return f && { value: f.median, lo: f.min, hi: f.max, unit: f.unit, estimated: f.provenance !== "measured" };
};
const fromQuality = (name) => (c) => {
    const q = c.quality?.[name];
    return q && isNumber(q.value) ? q : null;
};

const UP = [
    { id: "decode_tok_s", short: "Decode", title: "Decode speed, tok/s", get: fromFigure("decode_tok_s"), gates: ["decode", "decode_rate"], of: "decode_tok_s" },
    { id: "prefill_tok_s", short: "Prefill", title: "Prefill speed, tok/s", get: fromFigure("prefill_tok_s"), gates: ["prefill"], of: "prefill_tok_s" },
];
const ACROSS = [
    { id: "memory", short: "Memory", title: "Peak memory", get: fromFigure("peak_rss_bytes"), gates: ["memory", "peak_bytes"], of: "peak_rss_bytes" },
    { id: "kl", short: "KL divergence", title: "Mean KL divergence from the baseline, nats (log scale)", get: fromQuality("kl_mean"), log: true, gates: ["kl_mean"] },
    { id: "top1", short: "Accuracy kept", title: "Top-1 accuracy, part of the baseline's", get: fromQuality("top1_ratio"), gates: ["top1"], baseline: { value: 1, unit: "ratio" } },
    { id: "weights", short: "Weights", title: "Weights", get: fromFigure("weight_bytes"), gates: [], of: "weight_bytes" },
    { id: "energy", short: "Energy", title: "Energy per generated token, J", get: fromFigure("energy_j_per_tok"), gates: ["energy"], of: "energy_j_per_tok" },
];

function points(view, x, y)
{
    const list = [];
    for (const c of view.all) {
        const isBase = c === view.baseline;
        const a = x.get(c) || (isBase && x.baseline) || null, b = y.get(c);
        if (a && b && (!x.log || a.value > 0)) list.push({ c, a, b, isBase, isChosen: c === view.chosen });
    }
    return list.sort((p, q) => p.isChosen - q.isChosen || p.isBase - q.isBase); // the chosen one on top
}

function span(values, log)
{
    let lo = Math.min(...values), hi = Math.max(...values);
    if (log) return [10 ** Math.floor(Math.log10(lo)), 10 ** Math.ceil(Math.log10(hi) + 1e-9)];
    const pad = (hi - lo) * 0.1 || Math.abs(hi) * 0.1 || 1;
    return [Math.max(0, lo - pad), hi + pad];
}

// Where a value stands on an axis, from 0 to 1.
function place(value, [lo, hi], log)
{
    const f = log ? Math.log10 : (v) => v;
    return (f(value) - f(lo)) / (f(hi) - f(lo) || 1);
}

function markStyle(k, p)
{
    const guess = p.a.estimated || p.b.estimated;
    if (p.isChosen) return { color: k.accent, borderColor: k.bg, borderWidth: 1.5, opacity: 1 };
    if (p.isBase) return { color: k.bg, borderColor: k.ink, borderWidth: 1.75 };
    if (guess) return { color: p.c.pareto ? k.bar : k.bg, borderColor: k.ink2, borderWidth: 1.5, borderType: [3, 2] };
    if (p.c.pareto) return { color: k.ink2, borderColor: k.bg, borderWidth: 1.5 };
    return { color: k.bg, borderColor: k.ink3, borderWidth: 1.5 };
}

function axisOption(k, title, log, vertical, unit, [min, max])
{
    return {
        type: log ? "log" : "value", name: title, nameLocation: vertical ? "end" : "middle", nameGap: vertical ? 14 : 34, min, max,
        nameTextStyle: { color: k.ink2, fontSize: 12, align: vertical ? "left" : "center", padding: vertical ? [0, 0, 0, -44] : 0 },
        axisLine: { lineStyle: { color: k.ink3 } }, axisTick: { show: false }, splitNumber: vertical ? 5 : 4,
        splitLine: { show: vertical, lineStyle: { color: k.line } },
        axisLabel: { color: k.ink3, fontSize: 11, hideOverlap: true, showMinLabel: log ? undefined : false, showMaxLabel: log ? undefined : false,
                     formatter: (v) => (log ? powerOfTen(Math.round(Math.log10(v))) : tick(v, unit === "tok/s" || unit === "nats" ? "" : unit)) },
    };
}

function option(view, state, k, width)
{
    const { x, y } = state, list = points(view, x, y), lx = limitOf(view, x.gates, x.of), ly = limitOf(view, y.gates, y.of);
    if (!list.length) return { series: [] };
    const sx = span([...list.map((p) => p.a.value), ...(lx && (!x.log || lx.at > 0) ? [lx.at] : [])], x.log);
    const sy = span([...list.map((p) => p.b.value), ...(ly ? [ly.at] : [])]);
    const largest = Math.max(...list.map((p) => figure(p.c, "weight_bytes")?.median || 0)) || 1;
    const size = (p) => 10 + 22 * Math.sqrt((figure(p.c, "weight_bytes")?.median || largest / 4) / largest);
    const crowded = list.length > 10 || width < 480;
    return {
        grid: { left: 46, right: 18, top: 34, bottom: 48 },
        xAxis: axisOption(k, x.title, x.log, false, list[0].a.unit, sx),
        yAxis: axisOption(k, y.title, false, true, list[0].b.unit, sy),
        tooltip: { formatter: (p) => (list[p.dataIndex] ? pointTip(x, y, list[p.dataIndex]) : "") },
        series: [{
            type: "scatter", z: 10, itemStyle: { opacity: 1 }, labelLayout: { hideOverlap: true, moveOverlap: "shiftY" },
            data: list.map((p) => ({
                value: [p.a.value, p.b.value], symbol: p.isBase ? "diamond" : "circle", symbolSize: p.isBase ? 13 : size(p), itemStyle: markStyle(k, p),
                label: { distance: p.isBase ? 14 : 6, show: !crowded || p.isChosen || p.isBase || p.c.pareto, fontWeight: p.isChosen ? 650 : 400, color: p.isChosen ? k.accent : k.ink2,
                         position: p.isBase ? "top" : place(p.a.value, sx, x.log) > (x.log ? 0.9 : 0.5) ? "left" : "right" },
            })),
            label: { show: true, fontSize: 12, formatter: (p) => (list[p.dataIndex].isBase ? "baseline" : list[p.dataIndex].c.name), textBorderColor: k.bg, textBorderWidth: 2, width: 150, overflow: "truncate" },
            emphasis: { scale: 1.12 },
            markLine: { silent: true, symbol: "none", animation: false, label: { show: false },
                        lineStyle: { color: k.bad, type: [4, 3], width: 1.25 },
                        data: [lx && { xAxis: lx.at }, ly && { yAxis: ly.at }].filter(Boolean) },
            markArea: area(k, lx, ly, sx, sy),
        }],
    };
}

// The side of both limits on which the gates pass.
function area(k, lx, ly, sx, sy)
{
    if (!lx && !ly) return undefined;
    const x0 = lx && lx.op === ">=" ? lx.at : sx[0], x1 = lx && lx.op === "<=" ? lx.at : sx[1];
    const y0 = ly && ly.op === ">=" ? ly.at : sy[0], y1 = ly && ly.op === "<=" ? ly.at : sy[1];
    return { silent: true, animation: false, itemStyle: { color: k.tint }, data: [[{ xAxis: x0, yAxis: y0 }, { xAxis: x1, yAxis: y1 }]] };
}

function pointTip(x, y, p)
{
    const row = (title, v) => [title, (v.estimated ? "≈ " : "") + text(v.value, v.unit) + (range(v.lo, v.hi, v.unit) ? ` (${range(v.lo, v.hi, v.unit)})` : "")];
    const kind = p.isBase ? "baseline" : p.isChosen ? "chosen" : p.c.pareto ? "on the frontier" : "dominated";
    return tip(p.c.name, [row(y.short, p.b), row(x.short, p.a), !p.isBase && ["gates", p.c.verdict || "none"]], kind);
}

function choice(title, name, axes, selected, change)
{
    return h("fieldset", { class: "segments" }, h("legend", {}, title), axes.map((axis, i) => h("label", {},
             h("input", { type: "radio", name, value: axis.id, checked: i === selected, on: { change: () => change(axis) } }),
             h("span", {}, axis.short))));
}

function legend(hasLimits, hasGuesses)
{
    const item = (kind, name) => h("li", {}, h("i", { class: `key ${kind}`, "aria-hidden": "true" }), name);
    return h("ul", { class: "legend" }, item("chosen", "chosen"), item("frontier", "on the frontier"), item("dominated", "dominated"),
             item("base", "baseline"), hasGuesses && item("guess", "estimated"), hasLimits && item("limit", "limit of a gate; shaded side passes"), h("li", {}, "area = bytes of weights"));
}

export function paretoPlot(view)
{
    const ups = UP.filter((a) => hasFigure(view, a.id)), across = ACROSS.filter((a) => view.candidates.some((c) => a.get(c)));
    if (!ups.length || !across.length) return null;
    const state = { y: ups[0], x: across[0] };
    const node = chart("", 440, (k, width) => option(view, state, k, width));
    const describe = () => node.setAttribute("aria-label", `${state.y.title} against ${state.x.title}. ` +
        points(view, state.x, state.y).map((p) => `${p.c.name}: ${text(p.b.value, p.b.unit)}, ${text(p.a.value, p.a.unit)}`).join("; "));
    const change = (axis) => (value) => {
        state[axis] = value;
        describe();
        redraw(node);
    };
    describe();
    return h("figure", {}, h("div", { class: "controls" }, choice("Speed", "axis-up", ups, 0, change("y")),
                             choice("Against", "axis-across", across, 0, change("x"))),
             node, legend(view.candidates.some((c) => c.gates?.length), view.candidates.some((c) => c.status === "estimated")));
}
