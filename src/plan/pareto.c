/* Frontier, scores and the sentence that explains the choice. */
#include "plan/pareto.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[AZ_OBJ_COUNT] = { "speed", "accuracy", "memory", "energy" };

const char *az_objective_name(az_objective o)
{
    return names[o];
}

az_weights az_weights_usual(void)
{
    return (az_weights){ { [AZ_OBJ_SPEED] = 1, [AZ_OBJ_ACCURACY] = 2, [AZ_OBJ_MEMORY] = 1 } };
}

static adze_status bad_weight(adze_error *err, const char *part, size_t n)
{
    return az_fail_name(err, ADZE_EINVAL, NULL, "--prefer", ADZE_NOPOS,
                        "'%.*s' is not NAME=NUMBER with a name of speed, accuracy, memory, energy, "
                        "each once, and a number from 0 to 1000",
                        (int)(n < 40 ? n : 40), part);
}

adze_status az_weights_parse(az_weights *w, const char *text, adze_error *err)
{
    bool seen[AZ_OBJ_COUNT] = { false };
    double sum = 0;

    *w = (az_weights){ { 0 } };
    for (;;) {
        size_t n = strcspn(text, ","), name = strcspn(text, "=,");
        char *end = NULL;
        double v;
        int o = 0;

        while (o < AZ_OBJ_COUNT && (strlen(names[o]) != name || strncmp(text, names[o], name)))
            o++;
        if (o == AZ_OBJ_COUNT || seen[o] || text[name] != '=' ||
            !strchr("0123456789.", text[name + 1]) || name + 1 >= n)
            return bad_weight(err, text, n);
        v = strtod(text + name + 1, &end);
        if (end != text + n || !(v >= 0 && v <= 1000)) return bad_weight(err, text, n);
        seen[o] = true;
        w->w[o] = v;
        sum += v;
        if (!text[n]) break;
        text += n + 1;
    }
    if (!(sum > 0))
        return az_fail_name(err, ADZE_EINVAL, NULL, "--prefer", ADZE_NOPOS,
                            "at least one weight must be above 0");
    return ADZE_OK;
}

/* As a quantity of which more is better. */
static double goodness(const az_point *p, int o)
{
    return o == AZ_OBJ_MEMORY || o == AZ_OBJ_ENERGY ? -p->ratio[o] : p->ratio[o];
}

static unsigned comparable(const az_point *p, size_t n)
{
    unsigned set = 0;

    for (int o = 0; o < AZ_OBJ_COUNT; o++) {
        bool all = n > 0;

        for (size_t i = 0; i < n; i++)
            all = all && isfinite(p[i].ratio[o]) && p[i].ratio[o] > 0;
        set |= (unsigned)all << o;
    }
    return set;
}

static bool dominates(const az_point *a, const az_point *b, unsigned set)
{
    bool better = false;

    for (int o = 0; o < AZ_OBJ_COUNT; o++) {
        if (!(set >> o & 1)) continue;
        if (goodness(a, o) < goodness(b, o)) return false;
        better = better || goodness(a, o) > goodness(b, o);
    }
    return better;
}

static void mark_frontier(az_point *p, size_t n, unsigned set)
{
    for (size_t i = 0; i < n; i++) {
        p[i].dominated_by = -1;
        for (size_t k = 0; k < n && p[i].dominated_by < 0; k++)
            if (dominates(&p[k], &p[i], set)) p[i].dominated_by = (int)k;
        p[i].frontier = set != 0 && p[i].dominated_by < 0;
    }
}

/* Gain of a point in one objective, 0 .. 1. `best` is the greatest gain in log of any point. */
static double gain(const az_point *p, int o, double best, double least_accuracy)
{
    double allowed = least_accuracy < 0.999 ? 1 - least_accuracy : 0.001, g;

    if (o == AZ_OBJ_ACCURACY)
        g = 1 - (1 - p->ratio[o]) / allowed;
    else if (!(best > 0))
        return 0; /* nobody is better than the baseline */
    else
        g = log(o == AZ_OBJ_SPEED ? p->ratio[o] : 1 / p->ratio[o]) / best;
    return g < 0 ? 0 : g > 1 ? 1 : g;
}

static void score(az_point *p, size_t n, const az_weights *w, unsigned set, double least_accuracy)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        p[i].score = 0;
    for (int o = 0; o < AZ_OBJ_COUNT; o++)
        sum += set >> o & 1 ? w->w[o] : 0;
    for (int o = 0; o < AZ_OBJ_COUNT && sum > 0; o++) {
        double best = 0;

        if (!(set >> o & 1) || !(w->w[o] > 0)) continue;
        for (size_t i = 0; i < n; i++) {
            double l = log(o == AZ_OBJ_SPEED ? p[i].ratio[o] : 1 / p[i].ratio[o]);
            best = l > best ? l : best;
        }
        for (size_t i = 0; i < n; i++)
            p[i].score += w->w[o] / sum * gain(&p[i], o, best, least_accuracy);
    }
}

/* Whether a is the better choice; the order is total, so the result does not depend on the input's order. */
static bool preferred(const az_point *a, const az_point *b, unsigned set)
{
    static const int ties[] = { AZ_OBJ_ACCURACY, AZ_OBJ_MEMORY, AZ_OBJ_SPEED, AZ_OBJ_ENERGY };

    if (fabs(a->score - b->score) > 1e-9) return a->score > b->score;
    for (size_t i = 0; i < AZ_COUNT(ties); i++)
        if ((set >> ties[i] & 1) && goodness(a, ties[i]) != goodness(b, ties[i]))
            return goodness(a, ties[i]) > goodness(b, ties[i]);
    return strcmp(a->id, b->id) < 0;
}

static int pick(const az_point *p, size_t n, int not_this, unsigned set)
{
    int at = -1;

    for (size_t i = 0; i < n; i++)
        if (p[i].passed && (int)i != not_this && (at < 0 || preferred(&p[i], &p[at], set)))
            at = (int)i;
    return at;
}

typedef struct {
    char *buf;
    size_t size, n;
} sentence;

static void say(sentence *s, const char *fmt, ...) AZ_PRINTF(2, 3);
static void say(sentence *s, const char *fmt, ...)
{
    va_list ap;
    int n;

    if (s->n >= s->size) return;
    va_start(ap, fmt);
    n = vsnprintf(s->buf + s->n, s->size - s->n, fmt, ap);
    va_end(ap);
    s->n += n > 0 ? (size_t)n : 0;
}

static void say_gains(sentence *s, const az_point *p, unsigned set)
{
    static const struct {
        int digits;
        double scale;
        const char *text;
    } form[AZ_OBJ_COUNT] = { { 2, 1, "x the speed" },
                             { 1, 100, " % of the answers" },
                             { 0, 100, " % of the memory" },
                             { 0, 100, " % of the energy" } };
    const char *sep = " has ";

    for (int o = 0; o < AZ_OBJ_COUNT; o++) {
        if (!(set >> o & 1)) continue;
        say(s, "%s%.*f%s", sep, form[o].digits, form[o].scale * p->ratio[o], form[o].text);
        sep = ", ";
    }
    say(s, "%s", set ? " of the baseline" : " has no figure in common with the others");
}

static void say_weights(sentence *s, const az_weights *w, unsigned set)
{
    const char *sep = "";

    for (int o = 0; o < AZ_OBJ_COUNT; o++) {
        if (!(w->w[o] > 0)) continue;
        say(s, "%s%s %g%s", sep, names[o], w->w[o], set >> o & 1 ? "" : " (not measured)");
        sep = ", ";
    }
}

static void explain(az_choice *c, const az_point *p, const az_weights *w)
{
    sentence s = { c->why, sizeof c->why, 0 };
    const az_point *a = c->chosen >= 0 ? &p[c->chosen] : NULL;
    const az_point *b = c->runner_up >= 0 ? &p[c->runner_up] : NULL;

    c->why[0] = 0;
    if (!a) {
        say(&s, "no candidate passed its gates");
        return;
    }
    say(&s, "%s", a->id);
    say_gains(&s, a, c->objectives);
    if (!b) {
        say(&s, "; it is the only one that passed its gates");
        return;
    }
    say(&s, "; score %.2f by the weights ", a->score);
    say_weights(&s, w, c->objectives);
    say(&s, "; next is %s with %.2f", b->id, b->score);
    if (a->score - b->score < 0.02) say(&s, ", which is close");
}

void az_pareto(az_point *p, size_t n, const az_weights *w, double least_accuracy, az_choice *out)
{
    unsigned set = comparable(p, n);

    mark_frontier(p, n, set);
    score(p, n, w, set, least_accuracy);
    out->objectives = set;
    out->chosen = pick(p, n, -1, set);
    out->runner_up = out->chosen < 0 ? -1 : pick(p, n, out->chosen, set);
    explain(out, p, w);
}
