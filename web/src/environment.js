// What was run, on what, with which files; and how to run it again.
import { h } from "./dom.js";
import { figureCell } from "./figures.js";
import { bigCount, date, isNumber, seconds, shell, text, whole } from "./format.js";

const ROOFS = [["read_gb_s", "Read bandwidth"], ["int8_gops", "int8 peak"], ["bf16_gflops", "bf16 peak"], ["f32_gflops", "f32 peak"]];

export function environment(view)
{
    const r = view.report;
    return { id: "environment", title: "Environment", lede: "What these figures are bound to. On another machine or build they must be measured again.",
             body: [h("div", { class: "facts" }, group("Model", modelFacts(r.model || {})), group("Target", targetFacts(r.target || {})),
                      group("Run", runFacts(r)), group("Machine", Object.entries(r.environment || {}).map(([k, v]) => [k.replace(/_/g, " "), v === null ? "unknown" : String(v)]))),
                    roofs(r.target || {})] };
}

export function reproduce(view)
{
    const r = view.report, command = (r.command || []).map((a) => shell(String(a))).join(" ");
    const files = [["model", r.model?.path, r.model?.digest], ["text", r.text?.path, r.text?.digest],
                   ["artifact", view.chosen?.artifact?.path, view.chosen?.artifact?.digest]].filter(([, path, digest]) => path || digest);
    return { id: "reproduce", title: "Reproduce", lede: "The same command with the same files repeats this run.",
             body: [copyable(command, "command"), h("dl", { class: "digests" }, files.map(([what, path, digest]) =>
                 h("div", {}, h("dt", {}, what, path && h("span", { class: "path" }, path)), h("dd", {}, digest ? copyable(digest, `${what} digest`) : "no digest"))))] };
}

function modelFacts(m)
{
    return [["name", m.name], ["architecture", m.arch], ["parameters", isNumber(m.parameters) && `${bigCount(m.parameters)} (${whole(m.parameters)})`],
            ["stored as", [m.format, m.type].filter(Boolean).join(", ")], ["size", isNumber(m.bytes) && text(m.bytes, "bytes")],
            ["layers × width", isNumber(m.layers) && isNumber(m.hidden) && `${m.layers} × ${m.hidden}`],
            ["vocabulary", isNumber(m.vocab) && whole(m.vocab)], ["context", isNumber(m.context) && `${whole(m.context)} tokens`]];
}

function targetFacts(t)
{
    const cores = t.cores || {}, memory = t.memory || {};
    return [["name", t.name], ["figures", t.kind === "declared" ? "declared, not measured" : "measured"], ["source", t.source], ["processor", t.cpu],
            ["cores", isNumber(cores.physical) && `${cores.physical} physical, ${cores.logical ?? "?"} logical`],
            ["memory", isNumber(memory.total_bytes) && text(memory.total_bytes, "bytes")],
            ["limit", isNumber(memory.limit_bytes) && `${text(memory.limit_bytes, "bytes")}${memory.limit_source ? ` (${memory.limit_source})` : ""}`],
            ["instructions", (t.features || []).join(", ")], ["accelerators", (t.accelerators || []).join(", ")]];
}

function runFacts(r)
{
    const s = r.settings || {}, a = r.adze || {};
    return [["finished", date(r.created)], ["took", isNumber(r.elapsed_s) && seconds(r.elapsed_s)],
            ["adze", [a.version, a.build].filter(Boolean).join(", ")],
            ["workload", isNumber(s.prompt_tokens) && `prompt of ${s.prompt_tokens}, ${s.generate_tokens ?? "?"} generated`],
            ["repeats", isNumber(s.repeats) && `${s.repeats}, after ${s.warmup ?? 0} to warm up`], ["seed", s.seed],
            ["text", r.text && `${r.text.path}: ${r.text.chunks ?? "?"} chunks, ${isNumber(r.text.tokens) ? whole(r.text.tokens) : "?"} tokens`],
            ["gates", s.gates || "default"], ["exit code", r.exit_code]];
}

function group(title, facts)
{
    const known = facts.filter(([, v]) => v !== undefined && v !== null && v !== false && v !== "");
    return known.length ? h("section", {}, h("h3", {}, title), h("dl", {}, known.map(([k, v]) => h("div", {}, h("dt", {}, k), h("dd", {}, v))))) : null;
}

function roofs(target)
{
    const roof = target.roof || {};
    const rows = ROOFS.filter(([n]) => roof[n + "_1"] || roof[n + "_all"]);
    if (!rows.length) return null;
    const cell = (f) => h("td", { class: "num" }, figureCell(f));
    return h("div", { class: "roofs" }, h("h3", {}, "Limits of the machine"), h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Limit"),
             h("th", { scope: "col", class: "num" }, "One thread"), h("th", { scope: "col", class: "num" }, "All cores"))),
             h("tbody", {}, rows.map(([n, title]) => h("tr", {}, h("th", { scope: "row" }, title), cell(roof[n + "_1"]), cell(roof[n + "_all"]))))));
}

function copyable(value, what)
{
    const code = h("code", {}, value);
    const button = h("button", { type: "button", "aria-label": `Copy ${what}`, on: { click: () => copy(code, button) } }, "Copy");
    return h("div", { class: "copyable" }, code, button);
}

async function copy(code, button)
{
    try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
    } catch {
        getSelection().selectAllChildren(code); // no permission: select it, so that the keyboard can copy
        button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1600);
}
