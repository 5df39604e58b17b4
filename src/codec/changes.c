/* Changes to a recipe: types by pattern, for the output matrix and for the embedding.
 *
 * Patterns are regular expressions that a tensor's name is searched with, as llama-quantize's --tensor-type has
 * them; PCRE2 with limits runs them (pcre2api(3)).
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "codec/changes.h"

#include <pcre2.h>
#include <string.h>

enum { MATCH_LIMIT = 1000000, HEAP_LIMIT_KIB = 4096 };

typedef struct pattern {
    pcre2_code *code;
    bool used;
} pattern;

struct az_changes {
    adze_run *run;
    const az_recipe_changes *asked;
    pcre2_general_context *mem;
    pcre2_match_context *limits;
    pcre2_match_data *match;
    pattern *patterns; /* [asked->n_overrides] */
    bool output_used, embedding_used, leave_used;
};

static void *changes_alloc(size_t n, void *run)
{
    return az_alloc(run, n);
}

static void changes_free(void *p, void *run)
{
    az_free(run, p);
}

static adze_status compile(az_changes *c, size_t i, adze_error *err)
{
    const char *text = c->asked->overrides[i].pattern;
    pcre2_compile_context *ctx = pcre2_compile_context_create(c->mem);
    PCRE2_UCHAR why[128] = "";
    PCRE2_SIZE at = 0;
    int code = 0;

    if (!ctx) return az_fail_nomem(err, "reading a pattern");
    c->patterns[i].code =
        pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, 0, &code, &at, ctx);
    pcre2_compile_context_free(ctx);
    if (c->patterns[i].code) return ADZE_OK;
    pcre2_get_error_message(code, why, sizeof why);
    return az_fail_name(err, ADZE_EINVAL, NULL, "--tensor-type", ADZE_NOPOS,
                        "pattern \"%.80s\" cannot be read: %s, after %zu bytes", text, (char *)why,
                        (size_t)at);
}

adze_status az_changes_open(az_changes **out, adze_run *run, const az_recipe_changes *asked,
                            adze_error *err)
{
    az_changes *c;
    adze_status rc = ADZE_OK;

    *out = NULL;
    if (!asked) return ADZE_OK;
    c = az_calloc(run, 1, sizeof *c);
    if (!c) return az_fail_nomem(err, "changing a recipe");
    *c = (az_changes){ .run = run, .asked = asked };
    c->patterns = az_calloc(run, asked->n_overrides + 1, sizeof *c->patterns);
    c->mem = pcre2_general_context_create(changes_alloc, changes_free, run);
    c->limits = c->mem ? pcre2_match_context_create(c->mem) : NULL;
    c->match = c->mem ? pcre2_match_data_create(1, c->mem) : NULL;
    if (!c->patterns || !c->limits || !c->match) rc = az_fail_nomem(err, "changing a recipe");
    if (rc == ADZE_OK) {
        pcre2_set_match_limit(c->limits, MATCH_LIMIT);
        pcre2_set_heap_limit(c->limits, HEAP_LIMIT_KIB);
    }
    for (size_t i = 0; i < asked->n_overrides && rc == ADZE_OK; i++)
        rc = compile(c, i, err);
    if (rc == ADZE_OK)
        *out = c;
    else
        az_changes_close(c);
    return rc;
}

void az_changes_close(az_changes *c)
{
    if (!c) return;
    for (size_t i = 0; c->patterns && i < c->asked->n_overrides; i++)
        pcre2_code_free(c->patterns[i].code);
    pcre2_match_data_free(c->match);
    pcre2_match_context_free(c->limits);
    pcre2_general_context_free(c->mem);
    az_free(c->run, c->patterns);
    az_free(c->run, c);
}

static bool matches(az_changes *c, size_t i, const char *name)
{
    return pcre2_match(c->patterns[i].code, (PCRE2_SPTR)name, strlen(name), 0, 0, c->match,
                       c->limits) >= 0;
}

bool az_changes_type(az_changes *c, const char *name, bool tied, az_type *type)
{
    bool output = strcmp(name, "output.weight") == 0;
    bool found = false;

    if (!c) return false;
    for (size_t i = 0; i < c->asked->n_overrides; i++) /* all, so that each is known to match */
        if (matches(c, i, name)) {
            c->patterns[i].used = true;
            if (!found) *type = c->asked->overrides[i].type;
            found = true;
        }
    if ((output || tied) && c->asked->output_type != AZ_TYPE_COUNT) {
        *type = c->asked->output_type;
        c->output_used = found = true;
    }
    if (strcmp(name, "token_embd.weight") == 0 && c->asked->embedding_type != AZ_TYPE_COUNT) {
        *type = c->asked->embedding_type;
        c->embedding_used = found = true;
    }
    c->leave_used |= output;
    return found;
}

adze_status az_changes_used(const az_changes *c, adze_error *err)
{
    if (!c) return ADZE_OK;
    for (size_t i = 0; i < c->asked->n_overrides; i++)
        if (!c->patterns[i].used)
            return az_fail_name(err, ADZE_EINVAL, NULL, "--tensor-type", ADZE_NOPOS,
                                "pattern \"%.80s\" matches no tensor that can be quantized; "
                                "`adze inspect` lists the names",
                                c->asked->overrides[i].pattern);
    if (c->asked->output_type != AZ_TYPE_COUNT && !c->output_used)
        return az_fail_name(err, ADZE_EINVAL, NULL, "--output-tensor-type", ADZE_NOPOS,
                            "the model has no output matrix");
    if (c->asked->embedding_type != AZ_TYPE_COUNT && !c->embedding_used)
        return az_fail_name(err, ADZE_EINVAL, NULL, "--token-embedding-type", ADZE_NOPOS,
                            "the model has no token embedding");
    if (c->asked->leave_output && !c->leave_used)
        return az_fail_name(err, ADZE_EINVAL, NULL, "--leave-output-tensor", ADZE_NOPOS,
                            "the model's embedding serves as its output matrix: there is no other");
    return ADZE_OK;
}
