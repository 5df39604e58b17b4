// Builds elements. Strings become text nodes, never markup: the report's names are hostile until proven otherwise.

export function h(tag, attrs, ...children)
{
    return fill(document.createElement(tag), attrs, children);
}

export function svg(tag, attrs, ...children)
{
    return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attrs, children);
}

function fill(node, attrs, children)
{
    for (const [name, value] of Object.entries(attrs || {})) {
        if (value === null || value === undefined || value === false) continue;
        if (name === "on") for (const [event, f] of Object.entries(value)) node.addEventListener(event, f);
        else if (name === "style") for (const [k, v] of Object.entries(value)) node.style.setProperty(k, v);
        else node.setAttribute(name, value === true ? "" : value);
    }
    append(node, children);
    return node;
}

export function append(node, children)
{
    for (const child of children.flat(Infinity)) {
        if (child === null || child === undefined || child === false) continue;
        node.append(child instanceof Node ? child : document.createTextNode(String(child)));
    }
}

// Signs that differ in shape, so that a verdict can be read without color.
const SIGNS = {
    pass: ["circle", "M4.6 8.3l2.3 2.3 4.6-5"],
    fail: ["square", "M5.2 5.2l5.6 5.6M10.8 5.2l-5.6 5.6"],
    inconclusive: ["diamond", "M6.4 6.4a1.7 1.7 0 1 1 2.4 1.6c-.6.3-.8.6-.8 1.2M8 11v.1"],
};

export function sign(verdict)
{
    const [shape, path] = SIGNS[verdict] || SIGNS.inconclusive;
    const back = { circle: "M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1z", square: "M1.8 1.8h12.4v12.4H1.8z", diamond: "M8 .6L15.4 8 8 15.4.6 8z" };
    return svg("svg", { class: "sign", viewBox: "0 0 16 16", "aria-hidden": "true" },
               svg("path", { class: "back", d: back[shape] }), svg("path", { class: "mark", d: path }));
}

export function verdict(name)
{
    const known = SIGNS[name] ? name : "inconclusive";
    return h("span", { class: `verdict ${known}` }, sign(known), h("span", {}, known));
}

// A table that becomes a list of labelled values where the window is narrow (style.css does that by data-label).
export function table(columns, rows, attrs)
{
    const head = h("thead", {}, h("tr", {}, columns.map((c) => h("th", { scope: "col", class: c.class }, c.title))));
    const body = h("tbody", {}, rows.map((row) => h("tr", { class: row.class }, columns.map((c, i) => {
        const cell = row.cells[i];
        return i === 0 ? h("th", { scope: "row", class: c.class }, cell)
                       : h("td", { class: c.class, "data-label": c.title }, cell);
    }))));
    return h("table", attrs, head, body);
}

export function details(title, ...children)
{
    return h("details", {}, h("summary", {}, title), children);
}
