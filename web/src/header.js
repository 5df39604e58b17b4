// The verdict: what was chosen and why, or which gates stood in the way, and the few figures that decide.
import { h, sign, table } from "./dom.js";
import { isNumber, prose, range, text } from "./format.js";
import { compare } from "./figures.js";
import { figure, margin, ratio } from "./view.js";

export function verdictHeader(view)
{
    const { report, chosen } = view;
    return h("header", { class: "verdict-head", id: "top" },
             report.sample === true && h("p", { class: "sample" }, "Sample data: these values are invented and were not measured."),
             h("p", { class: "eyebrow" }, report.model?.name, h("span", { "aria-hidden": "true" }, " → "), report.target?.name),
             h("h1", { class: chosen ? "good" : "bad" }, chosen ? h("span", {}, h("em", {}, chosen.name), " is chosen") : headline(view)),
             h("p", { class: "why" }, prose(report.chosen?.why)),
             chosen ? keyFigures(view) : obstacles(view),
             (report.warnings || []).map((w) => h("p", { class: "notice" }, h("strong", {}, "Caution"), " ", prose(w))));
}

function headline(view)
{
    const n = view.candidates.length;
    if (!n) return "There was no candidate";
    if (view.candidates.some((c) => c.verdict === "fail") || n > 1) return "No candidate passed every gate";
    return "The candidate did not pass every gate";
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
                    detail: accuracies(baseline, chosen), spread: range(top1.lo, top1.hi, "ratio") });
    return h("dl", { class: "keys" }, list.map((k) => h("div", {}, h("dt", {}, k.title), h("dd", {},
             h("span", { class: "big" }, k.value, k.word && h("span", { class: "word" }, " " + k.word)),
             k.detail && h("span", { class: "detail" }, k.detail), k.spread && h("span", { class: "detail" }, k.spread)))));
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

// Nothing was chosen: for each candidate the gates that it did not pass, and by how much.
function obstacles(view)
{
    const rows = [];
    for (const c of view.candidates) {
        if (c.status === "failed" || c.status === "skipped")
            rows.push({ cells: [c.name, c.status, "–", "–", c.status_reason || "–"] });
        for (const g of c.gates || []) {
            if (g.verdict === "pass") continue;
            const m = margin(g), rule = `${g.op === "<=" ? "≤" : "≥"} ${text(g.limit, g.unit)}`;
            const by = m === null ? g.reason : m < 0 ? `${text(-m, g.unit)} ${g.op === "<=" ? "over" : "short"}` : g.reason;
            rows.push({ cells: [c.name, h("span", { class: `verdict ${g.verdict === "fail" ? "fail" : "inconclusive"}` }, sign(g.verdict), g.title || g.name),
                                isNumber(g.value) ? text(g.value, g.unit) : "–", rule, by || "–"] });
        }
    }
    const columns = [{ title: "Candidate" }, { title: "Gate not passed" }, { title: "Value", class: "num" },
                     { title: "Limit", class: "num" }, { title: "By how much" }];
    return rows.length ? table(columns, rows, { class: "stacked obstacles" }) : null;
}
