/* Iteration over values. Iterators are lazy, as Python's are: what is never asked for is never computed. */
#include "text/jinja_value.h"

static bool next_seq(az_jinja *J, az_jiter *it, az_jval *out)
{
    (void)J;
    if (it->i >= it->src.u.seq->n) return false;
    *out = it->src.u.seq->v[it->i++];
    return true;
}

static bool next_char(az_jinja *J, az_jiter *it, az_jval *out)
{
    size_t len;

    if (it->i >= it->src.u.s->n) return false;
    az_utf8_next(it->src.u.s->s + it->i, it->src.u.s->n - it->i, &len);
    *out = az_jstr_part(J, it->src, it->i, len);
    out->markup = false;
    it->i += len;
    return true;
}

static bool next_pair(az_jinja *J, az_jiter *it, az_jval *out)
{
    if (it->i >= it->src.u.d->n) return false;
    *out = az_jview_item(J, it->src.u.d, it->src.kind == AZ_J_VIEW ? it->src.view : 0, it->i++);
    return true;
}

static bool next_range(az_jinja *J, az_jiter *it, az_jval *out)
{
    const az_jrange *r = it->src.u.r;

    (void)J;
    if (it->i >= r->n) return false;
    *out = az_jint(r->start + (int64_t)it->i++ * r->step);
    return true;
}

static bool next_none(az_jinja *J, az_jiter *it, az_jval *out)
{
    (void)J;
    (void)it;
    (void)out;
    return false;
}

az_jiter *az_jiter_new(az_jinja *J, bool (*next)(az_jinja *, az_jiter *, az_jval *))
{
    az_jiter *it = az_jalloc(J, sizeof *it);

    if (it) it->next = next;
    return it;
}

static bool (*next_of(az_jval v))(az_jinja *, az_jiter *, az_jval *)
{
    switch ((az_jkind)v.kind) {
    case AZ_J_UNDEF: return next_none;
    case AZ_J_STR: return next_char;
    case AZ_J_LIST:
    case AZ_J_TUPLE: return next_seq;
    case AZ_J_DICT:
    case AZ_J_VIEW: return next_pair;
    case AZ_J_RANGE: return next_range;
    default: return NULL;
    }
}

bool az_jiterable(az_jval v)
{
    return v.kind == AZ_J_ITER || v.kind == AZ_J_LOOP || next_of(v) != NULL;
}

az_jiter *az_jiter_of(az_jinja *J, az_jval v)
{
    az_jiter *it;

    if (az_jfailed(J)) return NULL;
    if (v.kind == AZ_J_ITER) return v.u.it;
    if (!next_of(v)) {
        az_jfail(J,
                 v.kind == AZ_J_LOOP ? "the variable loop cannot be iterated"
                                     : "'%s' object is not iterable",
                 az_jtype_name(v));
        return NULL;
    }
    it = az_jiter_new(J, next_of(v));
    if (it) it->src = v;
    return it;
}

bool az_jnext(az_jinja *J, az_jiter *it, az_jval *out)
{
    bool more;

    if (!az_jstep(J, 1) || !az_jenter(J)) return false;
    more = it->next(J, it, out);
    az_jleave(J);
    return more && !az_jfailed(J);
}

az_jval az_jiter_val(az_jiter *it)
{
    return it ? (az_jval){ .kind = AZ_J_ITER, .u.it = it } : AZ_JUNDEF;
}

az_jseq *az_jcollect(az_jinja *J, az_jval v)
{
    az_jiter *it = az_jiter_of(J, v);
    az_jseq *q = it ? az_jseq_new(J, 0) : NULL;
    az_jval item;

    while (q && az_jnext(J, it, &item))
        if (!az_jseq_add(J, q, item)) return NULL;
    return az_jfailed(J) ? NULL : q;
}
