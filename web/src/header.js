// The verdict: what was chosen and why, or which gates stood in the way, and the few figures that decide.
import { h, sign, table } from "./dom.js";
import { digits, isNumber, prose, range, text } from "./format.js";
import { compare } from "./figures.js";
import { figure, gateTitle, margin, ratio } from "./view.js";

export function verdictHeader(view)
{
    const { report, chosen } = view, [mood, title] = chosen ? ["good", null] : headline(view);
    return h("header", { class: "verdict-head", id: "top" },
             report.sample === true && h("p", { class: "sample" }, "Sample data: these values are invented and were not measured."),
             h("p", { class: "eyebrow" }, report.model?.name, h("span", { "aria-hidden": "true" }, " → "), report.target?.name),
             h("h1", { class: mood }, chosen ? [h("em", {}, chosen.name), " is chosen"] : title),
             h("p", { class: "why" }, prose(report.chosen?.why)),
             chosen ? keyFigures(view) : obstacles(view),
             (report.warnings || []).map((w) => h("p", { class: "notice" }, h("strong", {}, "Caution"), " ", prose(w))));
}

// Without a failed gate the evidence is missing, which is not the same as bad.
function headline(view)
{
    if (!view.candidates.length) return ["bad", "There was no candidate"];
    if (!view.candidates.some((c) => c.verdict === "fail")) return ["open", "No candidate is proven yet"];
    return ["bad", view.candidates.length > 1 ? "No candidate passed every gate" : "The candidate did not pass every gate"];
}

function keyFigures(view)
{
    const { chosen, baseline } = view, list = [];
    speed(list, view, "decode_tok_s", "Decode speed");
    speed(list, view, "prefill_tok_s", "Prefill speed");
    smaller(list, view, "peak_rss_bytes", "Peak memory");
    smaller(list, view, "weight_bytes", "Weights");
    const top1 = chosen.quality?.top1_ratio;
    if (isNumber(top1?.value))
        list.push({ title: "Top-1 accuracy kept", value: text(top1.value, "ratio"),
                    detail: accuracies(baseline, chosen), spread: range(top1.lo, top1.hi, "ratio"), kind: "(95\u202f%)" });
    return h("dl", { class: "keys" }, list.map((k) => h("div", {}, h("dt", {}, k.title), h("dd", {},
             h("span", { class: "big" }, k.value, k.word && h("span", { class: "word" }, " " + k.word)),
             k.detail && h("span", { class: "detail" }, k.detail), k.spread && h("span", { class: "detail" }, k.spread, " ", k.kind || "over repeats")))));
}

function accuracies(baseline, chosen)
{
    const a = baseline?.quality?.top1_accuracy?.value, b = chosen.quality?.top1_accuracy?.value;
    return isNumber(a) && isNumber(b) ? compare(a, b, "ratio") : "";
}

function speed(list, view, name, title)
{
    const r = ratio(view, view.chosen, name), a = figure(view.baseline, name), b = figure(view.chosen, name);
    if (!r) return;
    const slower = r.value < 1;
    list.push({ title, value: text(slower ? 1 / r.value : r.value, "x"), word: slower ? "slower" : "faster",
                detail: a && b && compare(a.median, b.median, a.unit),
                spread: slower ? range(1 / r.hi, 1 / r.lo, "x") : range(r.lo, r.hi, "x") });
}

function smaller(list, view, name, title)
{
    const r = ratio(view, view.chosen, name), a = figure(view.baseline, name), b = figure(view.chosen, name);
    if (!r || !r.value) return;
    const larger = r.value > 1;
    list.push({ title, value: text(larger ? r.value : 1 / r.value, "x"), word: larger ? "larger" : "smaller",
                detail: a && b && compare(a.median, b.median, a.unit),
                spread: larger ? range(r.lo, r.hi, "x") : range(1 / r.hi, 1 / r.lo, "x") });
}

const MOST_ROWS = 12;

// Nothing was chosen: for each candidate the gates that it did not pass, and by how much; nearest to passing first.
function obstacles(view)
{
    const missed = (c) => (c.gates || []).filter((g) => g.verdict !== "pass");
    const order = [...view.candidates].sort((a, b) => (missed(a).length || 99) - (missed(b).length || 99));
    const rows = order.flatMap((c) => (missed(c).length ? missed(c).map((g) => obstacle(c, g))
                                                        : [{ cells: [c.name, c.status, "–", "–", c.status_reason || "–"] }]));
    const columns = [{ title: "Candidate" }, { title: "Gate not passed" }, { title: "Value", class: "num" },
                     { title: "Limit", class: "num" }, { title: "By how much" }];
    const rest = rows.length - MOST_ROWS;
    return rows.length ? [table(columns, rows.slice(0, MOST_ROWS), { class: "stacked obstacles" }),
                          rest > 0 && h("p", { class: "aside" }, `${rest} more below, under `, h("a", { href: "#gates" }, "Gates"), ".")] : null;
}

function obstacle(c, g)
{
    const m = margin(g), size = m !== null && (g.unit === "ratio" ? `${digits(Math.abs(m) * 100, 2)}\u00a0points` : text(Math.abs(m), g.unit));
    const by = m !== null && m < 0 ? `${size} ${g.op === "<=" ? "over" : "short"}` : g.reason || "–";
    return { cells: [c.name, h("span", { class: `verdict ${g.verdict === "fail" ? "fail" : "inconclusive"}` }, sign(g.verdict), gateTitle(g)),
                     isNumber(g.value) ? text(g.value, g.unit) : "–", `${g.op === "<=" ? "≤" : "≥"} ${text(g.limit, g.unit)}`, by] };
}
