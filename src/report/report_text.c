/* A report as text for a terminal: candidates, gates, the choice and why.
 *
 * Cells are made first and laid out afterwards, so that columns are as wide as what is in them; when the
 * table is wider than the terminal, the least important columns go.
 */
#include <math.h>
#include <string.h>
#include "report/report.h"
#include "report/units.h"

enum { GAP = 2, DEFAULT_WIDTH = 100, MAX_COLUMNS = 24 };

typedef enum tone { PLAIN, DIM, BOLD, GOOD, BAD, OPEN } tone;
static const char *const tone_codes[] = { "",         "\033[2m",  "\033[1m",
                                          "\033[32m", "\033[31m", "\033[33m" };

typedef struct cell {
    size_t at, n; /* bytes in the table's text */
    tone tone;
} cell;

typedef struct column {
    bool right;
    int drop; /* columns with the highest number go first; 0 stays */
} column;

/* Cells row by row; row 0 is the head. */
typedef struct grid {
    const column *columns;
    size_t n_columns, n_cells, cap;
    cell *cells;
    az_buf text;
    adze_run *run;
} grid;

typedef struct painter {
    az_buf *out;
    const json_t *report;
    size_t width;
    bool color;
    bool guesses; /* some figure shown was not measured */
} painter;

static void grid_init(grid *g, adze_run *run, const column *columns, size_t n)
{
    memset(g, 0, sizeof *g);
    g->columns = columns;
    g->n_columns = n;
    g->run = run;
    az_buf_init(&g->text, run);
}

static void grid_deinit(grid *g)
{
    az_buf_deinit(&g->text);
    az_free(g->run, g->cells);
}

/* Start a cell; what is appended to g->text from now on is in it. */
static az_buf *grid_cell(grid *g, tone t)
{
    if (g->n_cells == g->cap) {
        size_t cap = g->cap ? g->cap * 2 : 64;
        cell *grown = az_realloc_array(g->run, g->cells, cap, sizeof *grown);

        if (!grown) {
            g->text.failed = true;
            return &g->text;
        }
        g->cells = grown;
        g->cap = cap;
    }
    if (g->n_cells) g->cells[g->n_cells - 1].n = g->text.size - g->cells[g->n_cells - 1].at;
    g->cells[g->n_cells++] = (cell){ .at = g->text.size, .tone = t };
    return &g->text;
}

static void put_toned(painter *p, tone t, const char *s, size_t n)
{
    bool on = p->color && t != PLAIN && n > 0;

    if (on) az_buf_puts(p->out, tone_codes[t]);
    az_buf_put(p->out, s, n);
    if (on) az_buf_puts(p->out, "\033[0m");
}

static size_t cell_columns(const grid *g, const cell *c)
{
    return az_units_columns(g->text.data + c->at, c->n);
}

/* Width of each column, 0 for one that was dropped. */
static void measure(const grid *g, size_t limit, size_t *widths)
{
    const size_t rows = g->n_cells / g->n_columns;
    size_t total = 0;

    for (size_t j = 0; j < g->n_columns; j++) {
        widths[j] = 0;
        for (size_t i = 0; i < rows; i++) {
            size_t w = cell_columns(g, &g->cells[i * g->n_columns + j]);

            if (w > widths[j]) widths[j] = w;
        }
        total += widths[j] + GAP;
    }
    while (total > limit + GAP) {
        size_t worst = g->n_columns;

        for (size_t j = 0; j < g->n_columns; j++)
            if (widths[j] && g->columns[j].drop &&
                (worst == g->n_columns || g->columns[j].drop > g->columns[worst].drop))
                worst = j;
        if (worst == g->n_columns) return;
        total -= widths[worst] + GAP;
        widths[worst] = 0;
    }
}

static void pad(az_buf *out, size_t n)
{
    while (n--)
        az_buf_putc(out, ' ');
}

static void grid_put(painter *p, grid *g)
{
    size_t widths[MAX_COLUMNS], rows, last = 0;

    if (g->text.failed || !g->n_cells) {
        p->out->failed |= g->text.failed;
        return;
    }
    g->cells[g->n_cells - 1].n = g->text.size - g->cells[g->n_cells - 1].at;
    rows = g->n_cells / g->n_columns;
    measure(g, p->width, widths);
    for (size_t j = 0; j < g->n_columns; j++)
        if (widths[j]) last = j;
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < g->n_columns; j++) {
            const cell *c = &g->cells[i * g->n_columns + j];
            size_t room;

            if (!widths[j]) continue;
            room = widths[j] - cell_columns(g, c);
            if (g->columns[j].right) pad(p->out, room);
            put_toned(p, c->tone, g->text.data + c->at, c->n);
            if (j == last) break;
            pad(p->out, GAP + (g->columns[j].right ? 0 : room));
        }
        while (p->out->size && p->out->data[p->out->size - 1] == ' ')
            p->out->size--;
        az_buf_putc(p->out, '\n');
    }
}

/* Words of s, wrapped to the width; control characters are escaped. */
static void put_wrapped(painter *p, tone t, const char *lead, const char *s)
{
    az_buf safe;
    size_t used = strlen(lead);
    const char *word;

    az_buf_init(&safe, p->out->run);
    az_units_put_safe(&safe, s);
    put_toned(p, t, lead, used);
    for (word = safe.data ? safe.data : ""; *word;) {
        size_t n = strcspn(word, " "), columns = az_units_columns(word, n);

        if (used && used + 1 + columns > p->width) {
            az_buf_putc(p->out, '\n');
            used = 0;
        } else if (used) {
            az_buf_putc(p->out, ' ');
            used++;
        }
        az_buf_put(p->out, word, n);
        used += columns;
        word += n + strspn(word + n, " ");
    }
    az_buf_putc(p->out, '\n');
    p->out->failed |= safe.failed;
    az_buf_deinit(&safe);
}

static const char *str(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s ? s : "";
}

static bool number(const json_t *o, const char *key, double *v)
{
    const json_t *x = json_object_get(o, key);

    *v = json_number_value(x);
    return json_is_number(x);
}

static tone verdict_tone(const char *verdict)
{
    return strcmp(verdict, "pass") == 0 ? GOOD : strcmp(verdict, "fail") == 0 ? BAD : OPEN;
}

/* Recipe alone when it is unique, else the whole id. */
static const char *label(const painter *p, const json_t *c)
{
    const json_t *list = json_object_get(p->report, "candidates");
    size_t same = 0;

    if (*str(c, "label")) return str(c, "label");
    for (size_t i = 0; i < json_array_size(list); i++)
        same += strcmp(str(json_array_get(list, i), "recipe"), str(c, "recipe")) == 0;
    return same > 1 ? str(c, "id") : str(c, "recipe");
}

static bool is_chosen(const painter *p, const json_t *c)
{
    const char *id = str(json_object_get(p->report, "chosen"), "id");

    return *id && strcmp(id, str(c, "id")) == 0;
}

/* "28.9 tok/s 2.95x"; the ratio only when it is there. */
static void put_figure(painter *p, grid *g, const json_t *c, const char *name, bool with_ratio)
{
    const json_t *f = json_object_get(json_object_get(c, "measurements"), name);
    const json_t *r = json_object_get(json_object_get(c, "ratios"), name);
    az_buf *out = grid_cell(g, is_chosen(p, c) ? BOLD : PLAIN);
    double v;

    if (!number(f, "median", &v)) {
        az_buf_putc(out, '-');
        return;
    }
    if (strcmp(str(f, "provenance"), "measured") != 0) {
        p->guesses = true;
        az_buf_putc(out, '~');
    }
    az_units_put(out, v, str(f, "unit"));
    if (with_ratio && number(r, "value", &v)) az_buf_printf(out, " %5.2fx", v);
}

static void put_quality(painter *p, grid *g, const json_t *c, const char *name)
{
    const json_t *q = json_object_get(json_object_get(c, "quality"), name);
    az_buf *out = grid_cell(g, is_chosen(p, c) ? BOLD : PLAIN);
    double v;

    if (!number(q, "value", &v))
        az_buf_putc(out, '-');
    else
        az_units_put(out, v, strcmp(str(q, "unit"), "nats") == 0 ? "" : str(q, "unit"));
}

static void put_candidate(painter *p, grid *g, const json_t *c, bool baseline)
{
    const json_t *artifact = json_object_get(c, "artifact");
    const char *status = str(c, "status"), *verdict = str(c, "verdict");
    bool unmade = strcmp(status, "failed") == 0 || strcmp(status, "skipped") == 0;
    double bytes;
    az_buf *out;

    out = grid_cell(g, is_chosen(p, c) ? BOLD : PLAIN);
    az_buf_puts(out, is_chosen(p, c) ? "* " : "  ");
    az_units_put_safe(out, baseline ? str(c, "recipe") : label(p, c));
    if (baseline) az_buf_puts(out, " (baseline)");
    put_figure(p, g, c, "decode_tok_s", true);
    put_figure(p, g, c, "prefill_tok_s", true);
    put_figure(p, g, c, "peak_rss_bytes", false);
    out = grid_cell(g, is_chosen(p, c) ? BOLD : PLAIN);
    if (number(artifact, "bytes", &bytes))
        az_units_put(out, bytes, "bytes");
    else
        az_buf_putc(out, '-');
    put_quality(p, g, c, "top1_ratio");
    put_quality(p, g, c, "kl_mean");
    out = grid_cell(g, baseline ? PLAIN : verdict_tone(unmade ? "fail" : verdict));
    az_units_put_safe(out, unmade ? status : verdict);
}

static void put_candidates(painter *p)
{
    static const column columns[] = { { false, 0 }, { true, 0 }, { true, 4 }, { true, 1 },
                                      { true, 5 },  { true, 2 }, { true, 3 }, { false, 0 } };
    static const char *const heads[] = { "  candidate", "decode",     "prefill", "memory",
                                         "size",        "top-1 kept", "KL mean", "gates" };
    const json_t *list = json_object_get(p->report, "candidates");
    grid g;

    grid_init(&g, p->out->run, columns, AZ_COUNT(columns));
    for (size_t j = 0; j < AZ_COUNT(heads); j++)
        az_buf_puts(grid_cell(&g, DIM), heads[j]);
    put_candidate(p, &g, json_object_get(p->report, "baseline"), true);
    for (size_t i = 0; i < json_array_size(list); i++)
        put_candidate(p, &g, json_array_get(list, i), false);
    grid_put(p, &g);
    grid_deinit(&g);
}

/* The gates of the first candidate that has any name the columns. */
static const json_t *gate_columns(const json_t *report)
{
    const json_t *list = json_object_get(report, "candidates");

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *gates = json_object_get(json_array_get(list, i), "gates");

        if (json_array_size(gates)) return gates;
    }
    return NULL;
}

static const json_t *find_gate(const json_t *c, const char *name)
{
    const json_t *gates = json_object_get(c, "gates");

    for (size_t i = 0; i < json_array_size(gates); i++)
        if (strcmp(str(json_array_get(gates, i), "name"), name) == 0)
            return json_array_get(gates, i);
    return NULL;
}

static void put_gate(grid *g, const json_t *gate)
{
    const char *verdict = str(gate, "verdict");
    az_buf *out = grid_cell(g, gate ? verdict_tone(verdict) : PLAIN);
    double v;

    if (!gate) {
        az_buf_putc(out, '-');
        return;
    }
    az_units_put_safe(out, verdict);
    if (number(gate, "value", &v)) {
        az_buf_putc(out, ' ');
        az_units_put(out, v, str(gate, "unit"));
    }
}

/* Two rows: the names, then the rules. */
static void put_gate_heads(grid *g, const json_t *names, size_t n)
{
    az_buf_puts(grid_cell(g, DIM), "  gate");
    for (size_t j = 0; j < n; j++)
        az_units_put_safe(grid_cell(g, DIM), str(json_array_get(names, j), "name"));
    az_buf_puts(grid_cell(g, DIM), "  limit");
    for (size_t j = 0; j < n; j++) {
        const json_t *gate = json_array_get(names, j);
        az_buf *out = grid_cell(g, DIM);
        double limit = 0;

        number(gate, "limit", &limit);
        az_buf_puts(out, strcmp(str(gate, "op"), "<=") == 0 ? "<= " : ">= ");
        az_units_put(out, limit, str(gate, "unit"));
    }
}

static void put_gates(painter *p)
{
    static const column columns[MAX_COLUMNS] = { { false, 0 } };
    const json_t *names = gate_columns(p->report), *list = json_object_get(p->report, "candidates");
    size_t n = json_array_size(names);
    grid g;

    if (!n) return;
    if (n > MAX_COLUMNS - 1) n = MAX_COLUMNS - 1; /* the page shows all */
    grid_init(&g, p->out->run, columns, n + 1);
    put_gate_heads(&g, names, n);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *c = json_array_get(list, i);
        az_buf *out = grid_cell(&g, is_chosen(p, c) ? BOLD : PLAIN);

        az_buf_puts(out, is_chosen(p, c) ? "* " : "  ");
        az_units_put_safe(out, label(p, c));
        for (size_t j = 0; j < n; j++)
            put_gate(&g, find_gate(c, str(json_array_get(names, j), "name")));
    }
    az_buf_putc(p->out, '\n');
    grid_put(p, &g);
    grid_deinit(&g);
}

static void put_choice(painter *p)
{
    const json_t *chosen = json_object_get(p->report, "chosen"),
                 *warnings = json_object_get(p->report, "warnings");
    bool found = json_is_string(json_object_get(chosen, "id"));

    az_buf_putc(p->out, '\n');
    if (found) {
        put_toned(p, GOOD, "chosen: ", 8);
        az_units_put_safe(p->out, str(chosen, "id"));
    } else {
        put_toned(p, BAD, "nothing was chosen", 18);
    }
    az_buf_putc(p->out, '\n');
    put_wrapped(p, PLAIN, "", str(chosen, "why"));
    for (size_t i = 0; i < json_array_size(warnings); i++) {
        const char *s = json_string_value(json_array_get(warnings, i));

        put_wrapped(p, OPEN, "caution:", s ? s : "");
    }
    if (p->guesses) az_buf_puts(p->out, "~ estimated or declared, not measured\n");
}

adze_status az_report_text(az_buf *out, const json_t *report, const az_report_style *style,
                           adze_error *err)
{
    painter p = { .out = out, .report = report, .color = style->color };

    p.width = style->width > 0 ? (size_t)style->width : DEFAULT_WIDTH;
    az_units_put_safe(out, str(json_object_get(report, "model"), "name"));
    az_buf_puts(out, " on ");
    az_units_put_safe(out, str(json_object_get(report, "target"), "name"));
    az_buf_puts(out, "\n\n");
    put_candidates(&p);
    put_gates(&p);
    put_choice(&p);
    return az_buf_ok(out) ? ADZE_OK : az_fail_nomem(err, "writing the table");
}
