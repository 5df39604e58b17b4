/* Templates: parsing and rendering. */
#include "text/jinja_ast.h"
#include "base/json.h"

const az_template_limits az_template_default_limits = {
    .source_bytes = 1 << 20,
    .steps = 1 << 24,
    .depth = 1000,
    .output_bytes = 8 << 20,
    .memory_bytes = 256 << 20,
};

static az_template_limits filled(const az_template_limits *limits)
{
    const az_template_limits *d = &az_template_default_limits;
    az_template_limits l = limits ? *limits : *d;

    if (!l.source_bytes) l.source_bytes = d->source_bytes;
    if (!l.steps) l.steps = d->steps;
    if (!l.depth) l.depth = d->depth;
    if (!l.output_bytes) l.output_bytes = d->output_bytes;
    if (!l.memory_bytes) l.memory_bytes = d->memory_bytes;
    return l;
}

adze_status az_template_new(az_template **out, adze_run *run, const char *source, size_t n,
                            const az_template_limits *limits, adze_error *err)
{
    az_jinja J = { .run = run, .limits = filled(limits), .err = err, .line = 1, .col = 1 };
    az_template *t;
    size_t valid;

    *out = NULL;
    if (n > J.limits.source_bytes)
        return az_fail(err, ADZE_EFORMAT, NULL, ADZE_NOPOS,
                       "chat template: has %zu bytes, the limit is %zu", n, J.limits.source_bytes);
    valid = n ? az_utf8_prefix(source, n) : 0;
    if (valid < n)
        return az_fail(err, ADZE_EFORMAT, NULL, valid, "chat template: is not valid UTF-8");
    t = az_calloc(run, 1, sizeof *t);
    if (!t) return az_fail_nomem(err, "reading a chat template");
    t->run = run;
    t->limits = J.limits;
    az_arena_init(&J.arena, run);
    az_jparse(&J, t, source, n);
    t->arena = J.arena;
    if (J.rc < 0)
        az_template_free(t);
    else
        *out = t;
    return J.rc;
}

void az_template_free(az_template *t)
{
    if (!t) return;
    az_arena_deinit(&t->arena);
    az_free(t->run, t);
}

/* Deinit of what a rendering made is one call: all values are in the arena. */
static void render(az_jinja *J, const json_t *vars)
{
    az_jval v = AZ_JMISS;

    if (vars && !json_is_object(vars)) {
        az_jfail_status(J, ADZE_EINVAL, "the variables must be an object");
        return;
    }
    if (vars) {
        v = az_jfrom_json(J, vars);
        if (v.kind == AZ_J_DICT) J->vars = v.u.d;
    } else
        J->vars = az_jdict_new(J, 0);
    if (az_jfailed(J)) return;
    J->top = az_jframe_new(J, J->t->scope, NULL);
    if (!J->top) return;
    az_jframe_enter(J, J->top);
    az_jexec(J, J->top, J->t->body);
}

adze_status az_template_render(const az_template *t, const json_t *vars, az_buf *out,
                               adze_error *err)
{
    az_jinja J = { .run = t->run, .t = t, .limits = t->limits, .err = err, .line = 1, .col = 1 };
    az_buf text;

    az_arena_init(&J.arena, t->run);
    az_jbuf(&J, &text);
    J.out = &text;
    render(&J, vars);
    if (J.rc == ADZE_OK) {
        az_buf_put(out, text.data ? text.data : "", text.size);
        if (!az_buf_ok(out)) J.rc = az_fail_nomem(err, "rendering a chat template");
    }
    az_buf_deinit(&text);
    az_arena_deinit(&J.arena);
    return J.rc;
}

adze_status az_template_try(adze_run *run, const char *input, size_t n,
                            const az_template_limits *limits, az_buf *out, adze_error *err)
{
    const char *zero = n ? memchr(input, 0, n) : NULL;
    size_t n_source = zero ? (size_t)(zero - input) : n;
    az_template *t = NULL;
    json_t *vars = NULL;
    adze_status rc = ADZE_OK;

    if (zero) rc = az_json_parse(&vars, zero + 1, n - n_source - 1, NULL, err);
    if (rc == ADZE_OK) rc = az_template_new(&t, run, input, n_source, limits, err);
    if (rc == ADZE_OK) rc = az_template_render(t, vars, out, err);
    az_template_free(t);
    json_decref(vars);
    return rc;
}
