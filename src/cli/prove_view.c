/* A proof on the terminal: the verdict, a line an item with its finding first, what other programs do, and what now. */
#include "cli/prove_view.h"

#include <stdio.h>
#include <string.h>

enum { MAX_FAILED = 8, MAX_KINDS = 24 };

static const char *color_of(const az_cli *cli, az_finding v)
{
    static const char *const colors[] = { "\033[32m", "\033[32m", "\033[33m", "\033[33m",
                                          "\033[31;1m" };

    return cli->color ? colors[v] : "";
}

static const char *plain(const az_cli *cli)
{
    return cli->color ? "\033[0m" : "";
}

/* "12 345" with a thin place for every three digits. */
static const char *count_text(uint64_t n, char *buf, size_t size)
{
    char digits[24];
    size_t len = (size_t)snprintf(digits, sizeof digits, "%llu", (unsigned long long)n), at = 0;

    for (size_t i = 0; i < len && at + 2 < size; i++) {
        if (i && (len - i) % 3 == 0 && len > 4) buf[at++] = ' ';
        buf[at++] = digits[i];
    }
    buf[at] = 0;
    return buf;
}

/* Short words, so that what was compared fits beside them. */
static const char *word_of(az_finding v)
{
    return v == AZ_ELSEWHERE ? "equal here" : az_finding_name(v);
}

/* finding, part and name; longer names push what follows. */
enum { FINDING = 13, PART = 9, NAME = 19, BESIDE = 2 + FINDING + PART + NAME + 3, BELOW = 6 };

static int row(az_cli *cli, const char *part, const char *name, az_finding v)
{
    int over = (int)strlen(name) - NAME;

    az_cli_printf(cli, "  %s%-*s%s%-*s %-*s  ", color_of(cli, v), FINDING, word_of(v), plain(cli),
                  PART, part, NAME, name);
    return over > 0 ? BESIDE + over : BESIDE;
}

/* Text at a column, wrapped at spaces to the width of the terminal. */
static void wrapped(az_cli *cli, int indent, const char *text)
{
    int width = cli->columns - indent, at = 0;

    if (width < 40) width = 40;
    while (*text) {
        int n = (int)strcspn(text, " ");
        if (at && at + 1 + n > width) {
            az_cli_printf(cli, "\n%*s", indent, "");
            at = 0;
        } else if (at) {
            az_cli_printf(cli, " ");
            at++;
        }
        az_cli_printf(cli, "%.*s", n, text);
        at += n;
        text += n;
        text += strspn(text, " ");
    }
    az_cli_printf(cli, "\n");
}

/* Behind the columns of row(), which end at `at`; what does not fit there goes below. */
static void told(az_cli *cli, int at, const char *text)
{
    if ((int)strlen(text) > cli->columns - at) {
        az_cli_printf(cli, "\n%*s", BELOW, "");
        wrapped(cli, BELOW, text);
    } else {
        az_cli_printf(cli, "%s\n", text);
    }
}

static void item_line(az_cli *cli, const char *part, const az_proof_item *it)
{
    char text[2600] = "", a[40], b[40];
    int column = row(cli, part, it->name, it->verdict);
    size_t at = 0;

    if (it->of && it->differing)
        at = (size_t)snprintf(text, sizeof text, "%s of %s %s",
                              count_text(it->differing, a, sizeof a),
                              count_text(it->compared, b, sizeof b), it->of);
    else if (it->of && it->compared)
        at = (size_t)snprintf(text, sizeof text, "%s %s", count_text(it->compared, a, sizeof a),
                              it->of);
    if (it->detail)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", at ? ", " : "", it->detail);
    if (it->where && it->verdict > AZ_WITHIN)
        snprintf(text + at, sizeof text - at, "%s%s", at ? "; " : "", it->where);
    told(cli, column, text);
}

/* Tensors of one kind and finding. */
typedef struct kind {
    const char *detail;
    az_finding v;
    size_t n;
    const az_proof_item *worst;
} kind;

static bool is_tensor(const az_proof_item *it)
{
    return strcmp(it->part, "weights") == 0 && strcmp(it->name, "recipe") != 0;
}

static size_t kinds_of(const az_proof *p, kind *kinds)
{
    size_t n = 0, k;

    for (size_t i = 0; i < p->n; i++) {
        const az_proof_item *it = &p->items[i];
        if (!is_tensor(it) || it->verdict > AZ_WITHIN) continue;
        for (k = 0; k < n; k++)
            if (kinds[k].v == it->verdict && strcmp(kinds[k].detail, it->detail) == 0) break;
        if (k == MAX_KINDS) k--;
        if (k == n) kinds[n++] = (kind){ it->detail, it->verdict, 0, it };
        kinds[k].n++;
        if (it->bound > 0 &&
            it->largest / it->bound > kinds[k].worst->largest / kinds[k].worst->bound)
            kinds[k].worst = it;
    }
    return n;
}

static void weights(az_cli *cli, const az_proof *p)
{
    kind kinds[MAX_KINDS];
    size_t n = kinds_of(p, kinds), failed = 0;
    const char *part = p->sampled ? "weights*" : "weights";
    char text[2200], name[40];

    for (size_t i = 0; i < p->n; i++) {
        if (strcmp(p->items[i].part, "weights") != 0 || is_tensor(&p->items[i])) continue;
        item_line(cli, part, &p->items[i]);
    }
    for (size_t k = 0; k < n; k++) {
        const az_proof_item *w = kinds[k].worst;
        int column;
        snprintf(name, sizeof name, "%zu tensor%s", kinds[k].n, kinds[k].n == 1 ? "" : "s");
        column = row(cli, part, name, kinds[k].v);
        if (kinds[k].v == AZ_WITHIN)
            snprintf(text, sizeof text, "%s; at most %.2g %s of %.3g: %s, %s", kinds[k].detail,
                     w->largest, w->unit, w->bound, w->name, w->where);
        else
            snprintf(text, sizeof text, "%s", kinds[k].detail);
        told(cli, column, text);
    }
    for (size_t i = 0; i < p->n; i++) {
        const az_proof_item *it = &p->items[i];
        if (!is_tensor(it) || it->verdict <= AZ_WITHIN) continue;
        if (failed++ >= MAX_FAILED) continue;
        item_line(cli, part, it);
    }
    if (failed > MAX_FAILED)
        az_cli_printf(cli, "  %*sand %zu more tensors\n", FINDING + PART + 1, "",
                      failed - MAX_FAILED);
}

static void head(az_cli *cli, const az_proof *p)
{
    az_finding v = az_proof_worst(p, NULL);

    az_cli_printf(cli, "%s%s%s  %s\n  against %s\n\n", color_of(cli, v),
                  v < AZ_UNCHECKED    ? "PROVEN"
                  : v == AZ_UNCHECKED ? "NOT PROVEN: something could not be checked"
                                      : "DIFFERENT",
                  plain(cli), p->model, p->ref);
}

/* The last line: what follows from it. */
static void tail(az_cli *cli, const az_proof *p)
{
    az_finding worst = az_proof_worst(p, NULL);
    const az_proof_item *it = az_proof_first(p, worst);
    char text[400];

    if (worst == AZ_DIFFERENT)
        snprintf(text, sizeof text,
                 "Not the same model: do not use it in the reference's place. Begin with %s, %s; "
                 "once that is mended, prove again.",
                 it->part, it->name);
    else if (worst == AZ_UNCHECKED)
        snprintf(text, sizeof text,
                 "Not proven: %s, %s could not be checked. Mend that, or leave the part out with "
                 "--parts.",
                 it->part, it->name);
    else if (worst == AZ_ELSEWHERE)
        snprintf(text, sizeof text,
                 "The same model. In llama.cpp some texts get other ids, as shown: nothing in the "
                 "file can change that.");
    else if (worst == AZ_WITHIN)
        snprintf(text, sizeof text,
                 "The same model, within the bounds that are stated. How much quality that costs: "
                 "`adze eval`.");
    else
        snprintf(text, sizeof text, "The same model%s.",
                 p->parts == AZ_PROVE_ALL && !p->sampled ? "" : ", as far as it was compared");
    az_cli_printf(cli, "\n%s", color_of(cli, worst));
    wrapped(cli, 0, text);
    az_cli_printf(cli, "%s", plain(cli));
}

void az_cli_proof(az_cli *cli, const az_proof *p)
{
    const char *part = "";

    head(cli, p);
    for (size_t i = 0; i < p->n; i++) {
        const az_proof_item *it = &p->items[i];
        bool first = strcmp(part, it->part) != 0;
        part = it->part;
        if (strcmp(part, "weights") != 0)
            item_line(cli, part, it);
        else if (first)
            weights(cli, p);
    }
    if (p->sampled && p->parts & AZ_PROVE_WEIGHTS)
        az_cli_printf(cli, "  * a sample of the rows; `adze prove` compares all\n");
    if (p->n_notes) az_cli_printf(cli, "\nOther programs\n");
    for (size_t i = 0; i < p->n_notes; i++) {
        az_cli_printf(cli, "  - ");
        wrapped(cli, 4, p->notes[i]);
    }
    tail(cli, p);
}

void az_cli_proof_brief(az_cli *cli, const az_proof *p)
{
    size_t tensors = 0, texts = 0;

    if (!az_proof_holds(p)) {
        az_cli_printf(cli, "\n");
        az_cli_proof(cli, p);
        return;
    }
    for (size_t i = 0; i < p->n; i++) {
        tensors += is_tensor(&p->items[i]);
        if (strcmp(p->items[i].name, "ids") == 0) texts = (size_t)p->items[i].compared;
    }
    az_cli_printf(cli, "  %sproven%s: ids of %zu texts, template, config, %s%zu tensors%s\n",
                  color_of(cli, AZ_EQUAL), plain(cli), texts, p->sampled ? "rows of " : "", tensors,
                  p->parts & AZ_PROVE_LOGITS ? ", logits" : "");
    for (size_t i = 0; i < p->n; i++)
        if (p->items[i].verdict == AZ_ELSEWHERE)
            az_cli_note(cli, "note: %s: %s\n", p->items[i].name, p->items[i].where);
    for (size_t i = 0; i < p->n_notes; i++)
        az_cli_note(cli, "note: %s\n", p->notes[i]);
}
