// One place that knows the charting library: colors from the style sheet, resize, dark mode and print.
import { init, use } from "echarts/core";
import { BarChart, CustomChart, ScatterChart } from "echarts/charts";
import { GridComponent, MarkAreaComponent, MarkLineComponent, TooltipComponent } from "echarts/components";
import { LabelLayout } from "echarts/features";
import { SVGRenderer } from "echarts/renderers";
import { h } from "./dom.js";

use([BarChart, CustomChart, ScatterChart, GridComponent, MarkAreaComponent, MarkLineComponent, TooltipComponent,
     LabelLayout, SVGRenderer]);

const live = [];
const PRINT_WIDTH = 800, PRINT_HALF = 378; // CSS pixels inside the margins of A4 and Letter, as style.css zooms them

export function colors()
{
    const css = getComputedStyle(document.documentElement);
    const get = (name) => css.getPropertyValue("--" + name).trim();
    return { bg: get("bg"), ink: get("ink"), ink2: get("ink2"), ink3: get("ink3"), line: get("line"), bar: get("bar"),
             accent: get("accent"), tint: get("tint"), bad: get("bad"), font: css.fontFamily };
}

// `option` is called with the current colors and width each time that the chart must be drawn.
export function chart(label, height, option)
{
    const node = h("div", { class: "chart", role: "img", "aria-label": label, style: { height: `${height}px` } });
    live.push({ node, option, instance: null, width: 0 });
    return node;
}

function draw(c, width)
{
    const w = width || c.node.clientWidth;
    if (!w || !c.node.isConnected) return;
    c.instance ||= init(c.node, null, { renderer: "svg", width: w });
    c.width = w;
    c.instance.resize({ width: w, height: c.node.clientHeight });
    const k = colors();
    c.instance.setOption({ ...base(k), ...c.option(k, w) }, { notMerge: true });
}

function base(k)
{
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    return {
        animation: false, stateAnimation: { duration: still ? 0 : 120 },
        textStyle: { fontFamily: k.font, fontSize: 12, color: k.ink2 },
        tooltip: { trigger: "item", confine: true, backgroundColor: k.bg, borderColor: k.line, borderWidth: 1, padding: 10,
                   textStyle: { color: k.ink, fontSize: 12 }, extraCssText: "box-shadow:0 4px 16px rgb(0 0 0/.12);border-radius:6px" },
    };
}

export function redraw(node)
{
    const c = live.find((x) => x.node === node);
    if (c) draw(c);
}

export function start()
{
    const all = () => live.forEach((c) => draw(c));
    const printed = () => live.forEach((c) => draw(c, c.node.closest(".multiples") ? PRINT_HALF : PRINT_WIDTH));
    all();
    new ResizeObserver(() => live.forEach((c) => c.node.clientWidth !== c.width && draw(c))).observe(document.body);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => all());
    document.fonts?.ready.then(() => all());
    window.addEventListener("beforeprint", () => {
        document.documentElement.classList.add("print");
        printed();
    });
    window.addEventListener("afterprint", () => {
        document.documentElement.classList.remove("print");
        all();
    });
}

// Tooltip content: a title and rows of name and value, as elements.
export function tip(title, rows, note)
{
    return h("div", { class: "tip" }, h("strong", {}, title),
             h("dl", {}, rows.filter(Boolean).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
             note && h("p", {}, note));
}
