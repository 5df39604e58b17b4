// A quantity as elements: number, unit, spread, and a visible mark when it was not measured.
import { h } from "./dom.js";
import { gap, isNumber, range, split, text } from "./format.js";

const MARKS = { estimated: "est.", declared: "decl." };

export function mark(provenance)
{
    const name = MARKS[provenance];
    return name && h("abbr", { class: "mark", title: provenance === "estimated" ? "estimated, not measured" : "declared by the maker, not measured" }, name);
}

export function number(value, unit, provenance)
{
    const [n, u] = split(value, unit);
    return h("span", { class: "number" }, n, u && h("span", { class: "unit" }, gap(u) + u), mark(provenance));
}

export function figureCell(f, withSpread = true)
{
    if (!f) return h("span", { class: "none" }, "–");
    if (!isNumber(f.median)) return h("span", { class: "none", title: f.reason }, "not available");
    const spread = withSpread ? range(f.min, f.max, f.unit) : "";
    return h("span", { class: "stack" }, number(f.median, f.unit, f.provenance), spread && h("small", {}, spread));
}

export function intervalCell(q)
{
    if (!q || !isNumber(q.value)) return h("span", { class: "none" }, "–");
    const spread = range(q.lo, q.hi, q.unit);
    return h("span", { class: "stack" }, number(q.value, q.unit), spread && h("small", {}, spread));
}

export function compare(from, to, unit)
{
    return `${text(from, unit)} → ${text(to, unit)}`;
}
