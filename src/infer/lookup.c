/* Guessing by looking up the longest end of the text that came before (infer/lookup.h). */
#include "infer/lookup.h"

enum { MATCH_MIN = 2, MATCH_MAX = 12, TRUST_MAX = 64 };

adze_status az_lookup_init(az_lookup *l, adze_run *run, size_t room, adze_error *err)
{
    *l = (az_lookup){ .room = room, .trust = 4 };
    l->tokens = az_alloc_array(run, room, sizeof *l->tokens);
    return l->tokens ? ADZE_OK : az_fail_nomem(err, "remembering the text");
}

void az_lookup_deinit(az_lookup *l, adze_run *run)
{
    az_free(run, l->tokens);
}

void az_lookup_add(az_lookup *l, int32_t token)
{
    if (l->n < l->room) l->tokens[l->n++] = token;
}

/* Tokens that end at `end` and at the text's end alike, at most MATCH_MAX. */
static size_t match(const az_lookup *l, size_t end)
{
    size_t n = 0;

    while (n < MATCH_MAX && n < end && l->tokens[end - 1 - n] == l->tokens[l->n - 1 - n])
        n++;
    return n;
}

size_t az_lookup_guess(const az_lookup *l, int32_t *out, size_t max)
{
    size_t best = 0, from = 0, n;

    for (size_t end = l->n;
         end-- > MATCH_MIN && best < MATCH_MAX;) { /* the latest of the longest */
        if (l->tokens[end - 1] != l->tokens[l->n - 1]) continue;
        n = match(l, end);
        if (n > best) {
            best = n;
            from = end;
        }
    }
    if (best < MATCH_MIN) return 0;
    if (max > l->trust) max = l->trust;
    for (n = 0; n < max && from + n < l->n; n++)
        out[n] = l->tokens[from + n];
    return n;
}

void az_lookup_learn(az_lookup *l, size_t n, size_t right)
{
    if (right == n)
        l->trust = l->trust * 2 < TRUST_MAX ? l->trust * 2 : TRUST_MAX;
    else
        l->trust = right > 2 ? right : 2;
}
