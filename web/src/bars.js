// Charts with one row a candidate: bars from zero with their spread, and intervals on a line.
// Values stand at the marks, so there are no axes to read and no grid lines.
import { chart, tip } from "./charts.js";
import { isNumber, powerOfTen, range, text, tick } from "./format.js";

const SERIES_GAP = 8;

function rowHeight(rows)
{
    return rows.length > 12 ? 22 : 26;
}

function labelWidth(rows, width)
{
    const longest = Math.max(...rows.map((r) => r.name.length));
    return Math.min(longest * 7 + 8, Math.round(width * 0.38));
}

function rowAxis(k, rows, width)
{
    const size = labelWidth(rows, width);
    return {
        type: "category", inverse: true, data: rows.map((_, i) => String(i)),
        axisLine: { show: false }, axisTick: { show: false },
        axisLabel: {
            margin: SERIES_GAP, width: size, overflow: "truncate", interval: 0,
            formatter: (i) => `{${rows[i].chosen ? "chosen" : "other"}|${plain(rows[i].name)}}`,
            rich: { chosen: { color: k.ink, fontWeight: 650, fontSize: 12 }, other: { color: k.ink2, fontSize: 12 } },
        },
    };
}

// The library's rich text reads { | }: they would end a style.
function plain(name)
{
    return name.replace(/[{}|]/g, " ");
}

function grid(rows, width, right)
{
    return { left: labelWidth(rows, width) + SERIES_GAP, right, top: 4, bottom: 4, containLabel: false };
}

function whisker(k, rows)
{
    return {
        type: "custom", silent: true, z: 8, data: rows.map((r, i) => [r.lo, r.hi, i]), encode: { x: [0, 1], y: 2 },
        renderItem: (_, api) => {
            const i = api.value(2), a = api.coord([api.value(0), i]), b = api.coord([api.value(1), i]);
            if (!rows[i].spread || b[0] - a[0] < 1.5) return null;
            const style = { stroke: k.ink, lineWidth: 1.25, opacity: 0.75 };
            const line = (x1, y1, x2, y2) => ({ type: "line", shape: { x1, y1, x2, y2 }, style });
            return { type: "group", children: [line(a[0], a[1], b[0], b[1]), line(a[0], a[1] - 4, a[0], a[1] + 4),
                                               line(b[0], b[1] - 4, b[0], b[1] + 4)] };
        },
    };
}

// Text to the right of the largest mark of a row.
function values(k, rows)
{
    return {
        type: "scatter", silent: true, itemStyle: { opacity: 1 }, symbolSize: 0.01, z: 10, data: rows.map((r, i) => [Math.max(r.hi, r.value), i]),
        label: {
            show: true, position: "right", distance: 5,
            formatter: (p) => (rows[p.dataIndex].mark || "") + text(rows[p.dataIndex].value, rows[p.dataIndex].unit),
            color: k.ink2, fontSize: 12, backgroundColor: k.bg, padding: [1, 2], opacity: 1,
        },
    };
}

function limitLine(k, limit)
{
    if (!limit) return undefined;
    return { silent: true, symbol: "none", animation: false, data: [{ xAxis: limit.at }], label: { show: false },
             lineStyle: { color: k.bad, type: [4, 3], width: 1.25, opacity: 0.9 } };
}

function tooltip(rows)
{
    return (p) => {
        const r = rows[p.dataIndex];
        return tip(r.name, [["value", (r.mark || "") + text(r.value, r.unit)],
                            r.spread && [r.spreadName, range(r.lo, r.hi, r.unit)],
                            isNumber(r.n) && r.n > 0 && [r.countName, String(r.n)]], r.note);
    };
}

function description(title, rows)
{
    return `${title}. ` + rows.map((r) => `${r.name}: ${r.mark || ""}${text(r.value, r.unit)}`).join("; ");
}

// rows: {name, value, lo, hi, unit, spread, chosen, baseline, mark, note}; limit: {at}
export function barChart(title, rows, limit)
{
    return chart(description(title, rows), rows.length * rowHeight(rows) + 8, (k, width) => ({
        grid: grid(rows, width, 84),
        xAxis: { type: "value", show: false, min: 0, max: Math.max(...rows.map((r) => Math.max(r.hi, r.value)), limit?.at || 0) || 1 },
        yAxis: rowAxis(k, rows, width),
        tooltip: { formatter: tooltip(rows) },
        series: [{
            type: "bar", barWidth: 14, markLine: limitLine(k, limit),
            emphasis: { itemStyle: { opacity: 0.85 } },
            data: rows.map((r) => ({ value: r.value, itemStyle: barStyle(k, r) })),
        }, whisker(k, rows), values(k, rows)],
    }));
}

function barStyle(k, r)
{
    const color = r.chosen ? k.accent : k.bar;
    if (r.mark) return { color: "transparent", borderColor: color, borderType: "dashed", borderWidth: 1.5 };
    if (r.baseline) return { color: k.bg, borderColor: k.ink3, borderWidth: 1.25 };
    return { color, borderRadius: [0, 2, 2, 0] };
}

// As barChart, but a point with its interval: for scales on which zero means nothing.
export function intervalChart(title, rows, axis, limit)
{
    return chart(description(title, rows), rows.length * rowHeight(rows) + 30, (k, width) => ({
        grid: { ...grid(rows, width, 84), bottom: 26 },
        xAxis: {
            type: axis.log ? "log" : "value", min: axis.min, max: axis.max, interval: axis.interval,
            axisLine: { show: false }, axisTick: { show: false },
            splitLine: { lineStyle: { color: k.line } }, minorSplitLine: { show: false },
            axisLabel: { color: k.ink3, fontSize: axis.log ? 12 : 11, hideOverlap: true, formatter: (v) => (axis.log ? powerOfTen(Math.round(Math.log10(v))) : tick(v, axis.unit)) },
        },
        yAxis: rowAxis(k, rows, width),
        tooltip: { formatter: tooltip(rows) },
        series: [{
            type: "scatter", symbolSize: 9, z: 9, markLine: limitLine(k, limit),
            data: rows.map((r, i) => ({ value: [r.value, i], symbol: r.baseline ? "diamond" : "circle",
                                        itemStyle: { color: r.chosen ? k.accent : k.ink2, borderColor: k.bg, borderWidth: 1 } })),
        }, whisker(k, rows), values(k, rows)],
    }));
}
