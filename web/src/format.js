// Numbers as a person reads them. Every function returns text; units follow docs/report.md.

const NARROW = "\u202f"; // narrow no-break space: before %, between thousands
const SPACE = "\u00a0"; // before other units
const SUPERSCRIPT = "⁰¹²³⁴⁵⁶⁷⁸⁹";

export function isNumber(x)
{
    return typeof x === "number" && Number.isFinite(x);
}

// Three significant digits, no more decimals than that needs, thousands grouped; powers of ten for the very small.
export function digits(x, n = 3)
{
    if (!isNumber(x)) return "–";
    if (x === 0) return "0";
    const a = Math.abs(x), sgn = x < 0 ? "−" : "";
    let e = Math.floor(Math.log10(a));
    if (e < -3) return `${sgn}${(a / 10 ** e).toFixed(1)}${NARROW}×${NARROW}${powerOfTen(e)}`;
    if (Math.abs(+a.toPrecision(n)) >= 10 ** (e + 1)) e++;
    const fixed = a.toFixed(Math.max(0, n - 1 - e));
    const [whole, part] = fixed.split(".");
    const grouped = whole.length > 4 ? whole.replace(/\B(?=(\d{3})+$)/g, NARROW) : whole;
    return sgn + grouped + (part ? "." + part : "");
}

export function powerOfTen(e)
{
    return "10" + (e < 0 ? "⁻" : "") + [...String(Math.abs(e))].map((d) => SUPERSCRIPT[+d]).join("");
}

function scaled(x, steps)
{
    for (const [size, unit] of steps)
        if (Math.abs(x) >= size * 0.9995) return [digits(x / size), unit];
    const [size, unit] = steps[steps.length - 1];
    return [digits(x / size), unit];
}

const BYTES = [[1e12, "TB"], [1e9, "GB"], [1e6, "MB"], [1e3, "kB"], [1, "B"]];

function percent(x)
{
    const p = x * 100, a = Math.abs(p);
    if (Math.abs(p - Math.round(p)) < 1e-9) return String(Math.round(p)).replace("-", "−");
    if (a >= 99.95 && a <= 100.05) return p.toFixed(2);
    return a >= 10 ? p.toFixed(1) : digits(p, 2);
}

// [number, unit] so that the unit can be set smaller; the unit may be empty.
export function split(x, unit)
{
    if (!isNumber(x)) return ["–", ""];
    switch (unit) {
    case "bytes": return scaled(x, BYTES);
    case "ms": return Math.abs(x) >= 999.5 ? [digits(x / 1000), "s"] : [digits(x), "ms"];
    case "ratio": return [percent(x), "%"];
    case "x": return [Math.abs(x) >= 100 ? digits(x) : x.toFixed(2), "×"];
    case "1": return [digits(x, 4), ""];
    case "nats": return [digits(x), "nats"];
    default: return [digits(x), unit || ""];
    }
}

export function gap(unit)
{
    return !unit || unit === "×" ? "" : unit === "%" ? NARROW : SPACE;
}

export function text(x, unit)
{
    const [n, u] = split(x, unit);
    return n + gap(u) + u;
}

// A round number for an axis: no trailing zeros.
export function tick(x, unit)
{
    const [n, u] = split(x, unit);
    return n.replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "") + gap(u) + u;
}

export function range(lo, hi, unit)
{
    if (!isNumber(lo) || !isNumber(hi)) return "";
    const [a, u] = split(lo, unit), [b, v] = split(hi, unit);
    if (a === b && u === v) return "";
    return u === v ? `${a}–${b}${gap(v)}${v}` : `${text(lo, unit)} – ${text(hi, unit)}`;
}

export function signedPercent(x)
{
    if (!isNumber(x)) return "–";
    const p = (Math.abs(x) * 100).toFixed(1);
    return p === "0.0" ? "0" + NARROW + "%" : (x < 0 ? "−" : "+") + p + NARROW + "%";
}

export function whole(x)
{
    return isNumber(x) ? digits(Math.round(x), 15).replace(/\..*$/, "") : "–";
}

export function bigCount(x)
{
    if (!isNumber(x)) return "–";
    const [n, u] = scaled(x, [[1e9, "billion"], [1e6, "million"], [1e3, "thousand"], [1, ""]]);
    return u ? `${n} ${u}` : n;
}

// Keeps a number and its unit on one line in running text.
export function prose(s)
{
    return typeof s === "string" ? s.replace(/(\d) (?=(%|tok|tokens|[kMGT]?B|ms|s|nats|points|GOP|GFLOP)(?![\w]))/g, "$1\u00a0") : s;
}

// Ends and step of an axis that holds lo..hi, in steps of 1, 2 or 5.
export function niceAxis(lo, hi, steps = 4)
{
    const raw = (hi - lo || Math.abs(hi) || 1) / steps, ten = 10 ** Math.floor(Math.log10(raw));
    const step = ten * [1, 2, 5, 10].find((m) => m * ten >= raw * 0.999);
    return { min: Math.floor(lo / step + 1e-9) * step, max: Math.ceil(hi / step - 1e-9) * step, interval: step };
}

export function seconds(s)
{
    if (!isNumber(s)) return "–";
    return s < 120 ? text(s, "s") : `${Math.floor(s / 60)} min ${Math.round(s % 60)} s`;
}

export function date(iso)
{
    const d = new Date(iso);
    if (Number.isNaN(d.getTime())) return String(iso ?? "");
    const s = d.toISOString();
    return `${s.slice(0, 10)} ${s.slice(11, 16)} UTC`;
}

// One argument as a POSIX shell wants it.
export function shell(arg)
{
    return /^[\w@%+=:,./-]+$/.test(arg) ? arg : "'" + arg.replace(/'/g, "'\\''") + "'";
}
