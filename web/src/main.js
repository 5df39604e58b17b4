// The report page: reads the JSON in the document, builds the sections that have something to show.
import { append, h, svg } from "./dom.js";
import { start } from "./charts.js";
import { environment, reproduce } from "./environment.js";
import { date, prose } from "./format.js";
import { verdictHeader } from "./header.js";
import { profile } from "./profile.js";
import { deployment, gates, measurements, monitoring, predictions, quality, recommendations, tradeOffs } from "./sections.js";
import { load } from "./view.js";

const SECTIONS = [tradeOffs, measurements, quality, gates, profile, predictions, recommendations, deployment, monitoring, environment, reproduce];

function brand()
{
    return h("a", { class: "brand", href: "#top" }, svg("svg", { viewBox: "0 0 20 20", "aria-hidden": "true" }, svg("path", { d: "M2 3h16l-5.2 6.2L10.6 18H7.4l1.2-8.8z" })), "adze");
}

function page(view)
{
    const r = view.report, parts = SECTIONS.map((make) => make(view)).filter(Boolean);
    document.title = `${r.model?.name ?? "model"} – adze report`;
    const nav = h("nav", { "aria-label": "Sections" }, brand(), h("ol", {}, parts.map((p) => h("li", {}, h("a", { href: `#${p.id}` }, p.title)))),
                  h("p", { class: "stamp" }, "Optimization report", h("br"), date(r.created)));
    const sections = parts.map((p) => h("section", { class: "part", id: p.id, "aria-labelledby": `${p.id}-title` },
                                        h("h2", { id: `${p.id}-title` }, p.title), p.lede && h("p", { class: "lede" }, prose(p.lede)), p.body));
    const foot = h("footer", {}, h("p", {}, "MB and GB are powers of ten. One multiply-add counts as two operations. Figures are medians unless said otherwise; marked ones were not measured."));
    return [nav, h("main", {}, verdictHeader(view), sections, foot)];
}

// Marks the section that is being read in the list at the side.
function followSections()
{
    const links = new Map([...document.querySelectorAll("nav li a")].map((a) => [a.hash.slice(1), a]));
    const watch = new IntersectionObserver((entries) => {
        for (const e of entries) {
            if (!e.isIntersecting) continue;
            links.forEach((a) => a.removeAttribute("aria-current"));
            links.get(e.target.id)?.setAttribute("aria-current", "true");
        }
    }, { rootMargin: "-20% 0px -70% 0px" });
    document.querySelectorAll("section.part").forEach((s) => watch.observe(s));
}

const app = document.getElementById("app");
try {
    const view = load();
    app.replaceChildren();
    append(app, page(view));
    start();
    followSections();
    app.dataset.state = "ready";
} catch (e) {
    app.replaceChildren(h("p", { class: "broken" }, `This report cannot be shown: ${e.message}. Its figures are in report.json.`));
    app.dataset.state = "broken";
    console.error(e);
}
