/* Applying the selection rules; the tables are in plan/select_tables.c. */
#include "plan/select.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "plan/select_tables.h"

#define AZ_X(name, text, asks) { text, asks },
static const struct {
    const char *name, *asks;
} needs[] = { AZ_NEED_MAP(AZ_X) };
#undef AZ_X

const char *az_need_name(az_need n)
{
    return needs[n].name;
}

const char *az_framework_name(az_framework f)
{
    return az_framework_infos[f].name;
}

adze_status az_needs_parse(unsigned *out, const char *text, adze_error *err)
{
    *out = 0;
    for (;;) {
        size_t n = strcspn(text, ","), i = 0;

        while (i < AZ_NEEDS && (strlen(needs[i].name) != n || strncmp(needs[i].name, text, n) != 0))
            i++;
        if (i == AZ_NEEDS)
            return az_fail_name(
                err, ADZE_EINVAL, NULL, "--need", ADZE_NOPOS,
                "'%.*s' is not one of cross-platform, enterprise, mobile, real-time, "
                "multimodal, diversity, ease, prototyping",
                (int)(n < 40 ? n : 40), text);
        *out |= 1u << i;
        if (!text[n]) return ADZE_OK;
        text += n + 1;
    }
}

az_rating az_framework_rating(az_framework f, az_need n, const az_device *d)
{
    az_rating r = az_ratings[f][n];

    if (f == AZ_MLX && n == AZ_NEED_MOBILE && d->os != AZ_OS_IOS)
        r = (az_rating){ AZ_LEVEL_NO, "excellent on iOS, absent elsewhere" };
    return r;
}

static void say(az_ranked *k, const char *fmt, ...) AZ_PRINTF(2, 3);
static void say(az_ranked *k, const char *fmt, ...)
{
    va_list ap;

    if (k->n_reasons == AZ_COUNT(k->reason)) return;
    va_start(ap, fmt);
    vsnprintf(k->reason[k->n_reasons++], sizeof k->reason[0], fmt, ap);
    va_end(ap);
}

static int place_in(const az_rule *rule, az_framework f)
{
    for (size_t i = 0; rule && i < rule->n_order; i++)
        if (rule->order[i] == f) return (int)i;
    return -1;
}

/* Ratings in the stated needs: the sum, whether none is weak, and one sentence. */
static void rate(az_ranked *k, const az_request *r)
{
    char text[200] = "";
    size_t n = 0;

    k->meets = true;
    for (az_need i = 0; i < AZ_NEEDS; i++) {
        az_rating rating;

        if (!(r->needs >> i & 1)) continue;
        rating = az_framework_rating(k->framework, i, r->device);
        k->points += (int)rating.level;
        k->meets = k->meets && rating.level > AZ_LEVEL_WEAK;
        if (n < sizeof text)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%s: %s", n ? ", " : "",
                                  needs[i].name, rating.text);
    }
    if (text[0]) say(k, "%s%.150s", k->meets ? "" : "weak in what is needed: ", text);
}

static void examine(az_ranked *k, const az_request *r, const az_selection *s)
{
    const az_rule *platform = s->rule[AZ_ASK_PLATFORM], *strategy = s->rule[AZ_ASK_STRATEGY];
    const char *missing = az_framework_infos[k->framework].missing(r->device);

    k->runs = !missing;
    k->recipe = az_framework_infos[k->framework].recipe;
    k->platform_place = place_in(platform, k->framework);
    k->strategy_place = place_in(strategy, k->framework);
    if (missing) say(k, "%s", missing);
    if (k->platform_place == 0)
        say(k, "first choice for %s: %s", platform->answer, platform->reason);
    else if (k->platform_place > 0)
        say(k, "second choice for %s", platform->answer);
    rate(k, r);
    if (k->strategy_place == 0)
        say(k, "first of %zu for %s: %s", strategy->n_order, strategy->answer, strategy->reason);
    else
        say(k, "number %d of %zu for %s", k->strategy_place + 1, strategy->n_order,
            strategy->answer);
}

static int by_rank(const void *pa, const void *pb)
{
    const az_ranked *a = pa, *b = pb;
    unsigned pla = (unsigned)a->platform_place, plb = (unsigned)b->platform_place; /* -1: last */

    if (a->runs != b->runs) return a->runs ? -1 : 1;
    if (a->meets != b->meets) return a->meets ? -1 : 1;
    if (pla != plb) return pla < plb ? -1 : 1;
    if (a->points != b->points) return a->points > b->points ? -1 : 1;
    return a->strategy_place < b->strategy_place ? -1 : a->strategy_place > b->strategy_place;
}

static const az_server *server_of(const az_device_accelerator *a)
{
    const az_server *s = az_servers;

    while (s->kind && (strcmp(s->kind, a->kind) || (s->vendor && strcmp(s->vendor, a->vendor))))
        s++;
    return s;
}

/* First those that something serves: what the others fall back to. */
static void serve_accelerators(az_selection *s, const az_device *d)
{
    const az_device_accelerator *fallback = NULL;

    for (size_t i = 0; i < d->n_accelerators; i++) {
        const az_server *v = server_of(&d->accelerators[i]);

        s->accelerator[i].served = v->framework >= 0;
        if (!s->accelerator[i].served) continue;
        snprintf(s->accelerator[i].text, sizeof s->accelerator[i].text, "by %s", v->text);
        if (!fallback) fallback = &d->accelerators[i];
    }
    for (size_t i = 0; i < d->n_accelerators; i++)
        if (!s->accelerator[i].served)
            snprintf(s->accelerator[i].text, sizeof s->accelerator[i].text,
                     "not used: %s; falls back to %s%s", server_of(&d->accelerators[i])->text,
                     fallback ? "the " : "the CPU", fallback ? fallback->kind : "");
}

void az_select(az_selection *s, const az_request *r)
{
    memset(s, 0, sizeof *s);
    for (size_t i = 0; az_rules[i]; i++)
        if (!s->rule[az_rules[i]->question] && az_rules[i]->fits(r))
            s->rule[az_rules[i]->question] = az_rules[i];
    for (int f = 0; f < AZ_FRAMEWORKS; f++) {
        s->ranking[f].framework = (az_framework)f;
        examine(&s->ranking[f], r, s);
        s->n_run += s->ranking[f].runs;
    }
    qsort(s->ranking, AZ_FRAMEWORKS, sizeof s->ranking[0], by_rank);
    serve_accelerators(s, r->device);
}

static json_t *questions_json(const az_selection *s)
{
    static const char *const asked[] = { "platform", "size", "strategy" };
    json_t *list = json_array();

    for (int q = 0; q < AZ_QUESTIONS; q++) {
        const az_rule *rule = s->rule[q];

        json_array_append_new(list, json_pack("{s:s, s:s?, s:s, s:s}", "question", asked[q], "rule",
                                              rule ? rule->name : NULL, "answer",
                                              rule ? rule->answer : "no special platform", "reason",
                                              rule ? rule->reason : "no platform rule fits"));
    }
    return list;
}

static json_t *ranked_json(const az_ranked *k, const az_device *d)
{
    static const char *const levels[] = { "no", "weak", "good", "excellent" };
    json_t *reasons = json_array(), *ratings = json_object();

    for (size_t i = 0; i < k->n_reasons; i++)
        json_array_append_new(reasons, json_string(k->reason[i]));
    for (az_need n = 0; n < AZ_NEEDS; n++) {
        az_rating rating = az_framework_rating(k->framework, n, d);

        json_object_set_new(ratings, needs[n].name,
                            json_pack("{s:s, s:s}", "level", levels[rating.level], "text",
                                      rating.text));
    }
    return json_pack("{s:s, s:b, s:b, s:s, s:o, s:o}", "framework", az_framework_name(k->framework),
                     "runs", k->runs, "meets_needs", k->meets, "recipe", k->recipe, "reasons",
                     reasons, "ratings", ratings);
}

json_t *az_selection_json(const az_selection *s, const az_request *r)
{
    json_t *ranking = json_array(), *accelerators = json_array(), *asked = json_array();

    for (size_t i = 0; i < AZ_FRAMEWORKS; i++)
        json_array_append_new(ranking, ranked_json(&s->ranking[i], r->device));
    for (size_t i = 0; i < r->device->n_accelerators; i++) {
        const az_device_accelerator *a = &r->device->accelerators[i];

        json_array_append_new(accelerators,
                              json_pack("{s:s, s:s, s:s, s:b, s:s}", "kind", a->kind, "vendor",
                                        a->vendor, "name", a->name, "used",
                                        s->accelerator[i].served, "text", s->accelerator[i].text));
    }
    for (az_need n = 0; n < AZ_NEEDS; n++)
        if (r->needs >> n & 1) json_array_append_new(asked, json_string(needs[n].name));
    return json_pack("{s:o, s:o, s:o, s:o}", "needs", asked, "questions", questions_json(s),
                     "ranking", ranking, "accelerators", accelerators);
}
