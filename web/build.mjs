// Bundles web/src into web/dist/report.html: one file, no network. Run by `./dev web`; the result is committed.
// Same input, same bytes: nothing here depends on time, place or order of directories.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, transform } from "esbuild";

const ROOT = dirname(fileURLToPath(import.meta.url));
const MAX_BYTES = 900 * 1024;
const read = (path, encoding = "utf8") => readFileSync(join(ROOT, path), encoding);

function notices()
{
    const version = (name) => JSON.parse(read(`node_modules/${name}/package.json`)).version;
    return [
        "adze report page. Apache License 2.0.",
        `Contains Apache ECharts ${version("echarts")}, Copyright 2017-2026 The Apache Software Foundation, Apache License 2.0`,
        `(https://www.apache.org/licenses/LICENSE-2.0), and ZRender ${version("zrender")}, Copyright Baidu Inc., BSD 3-Clause, and tslib, 0BSD;`,
        "and the Inter typeface, Copyright 2016 The Inter Project Authors (https://github.com/rsms/inter), SIL Open Font License 1.1",
        "(https://openfontlicense.org). All licence texts: web/dist/LICENSES.txt in adze's source. ZRender's:", "",
        read("node_modules/zrender/LICENSE").trim(),
    ].join("\n");
}

// Everything whose code or outlines are in the page.
const PARTS = ["echarts/LICENSE", "echarts/NOTICE", "echarts/licenses/LICENSE-d3", "zrender/LICENSE", "tslib/LICENSE.txt",
               "@fontsource-variable/inter/LICENSE"];

function licences()
{
    return PARTS.map((name) => `${"=".repeat(100)}\n${name}\n\n${read("node_modules/" + name).replace(/\r/g, "").trim()}\n`).join("\n");
}

async function script()
{
    const result = await build({
        entryPoints: [join(ROOT, "src/main.js")], bundle: true, minify: true, write: false, format: "iife", target: "es2021",
        charset: "utf8", legalComments: "none", define: { "process.env.NODE_ENV": '"production"' },
    });
    return result.outputFiles[0].text.trim();
}

async function style()
{
    const font = read("node_modules/@fontsource-variable/inter/files/inter-latin-wght-normal.woff2", null).toString("base64");
    const face = `@font-face{font-family:"Inter Variable";font-weight:100 900;font-display:swap;src:url(data:font/woff2;base64,${font}) format("woff2")}`;
    const css = await transform(read("src/style.css"), { loader: "css", minify: true, charset: "utf8" });
    return face + css.code.trim();
}

// Digest of all that the page is made from; tests/web/test_dist_is_current.sh compares it without node.
function source()
{
    const hash = createHash("sha256");
    const names = ["build.mjs", "package-lock.json", ...readdirSync(join(ROOT, "src")).sort().map((n) => "src/" + n)];
    for (const name of names) hash.update(read(name, null));
    return hash.digest("hex");
}

function put(page, name, value)
{
    if (page.split(name).length !== 2) throw new Error(`${name} must stand in the template exactly once`);
    return page.replace(name, () => value);
}

const js = await script();
if (/<\/script|<!--/i.test(js)) throw new Error("the bundle has text that would end its script element");
let page = read("src/template.html");
page = put(page, "__NOTICES__", notices());
page = put(page, "__SOURCE__", source());
page = put(page, "__SCRIPT_HASH__", "sha256-" + createHash("sha256").update(js).digest("base64"));
page = put(page, "__STYLE__", await style());
page = put(page, "__SCRIPT__", js);
if (page.split("__ADZE_REPORT__").length !== 2) throw new Error("the placeholder must stand in the page exactly once");
if (Buffer.byteLength(page) > MAX_BYTES) throw new Error(`the page has ${Buffer.byteLength(page)} bytes, more than ${MAX_BYTES}`);
mkdirSync(join(ROOT, "dist"), { recursive: true });
writeFileSync(join(ROOT, "dist/report.html"), page);
writeFileSync(join(ROOT, "dist/LICENSES.txt"), licences().replace(/[ \t]+$/gm, ""));
console.log(`web/dist/report.html: ${Buffer.byteLength(page)} bytes`);
