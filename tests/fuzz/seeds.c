/* Seeds made of seeds: cut, changed by a byte, a member of the JSON or a value of the YAML replaced. */
#include "fuzz.h"

void fuzz_seed_damaged(const void *data, size_t n, size_t cuts, size_t flips)
{
    static const unsigned char to[] = { 0, 0xff, 0x80, 1 };
    char *copy = malloc(n ? n : 1);

    if (!copy) abort();
    if (n) memcpy(copy, data, n);
    fuzz_seed(data, n);
    for (size_t i = 0; i < cuts && i < n; i++)
        fuzz_variant(data, cuts < n ? i * n / cuts : i);
    for (size_t i = 0; i < flips && i < n; i++) {
        char was = copy[i];
        copy[i] = (char)to[i % 4];
        if (copy[i] == was) copy[i] ^= 0x55;
        fuzz_variant(copy, n);
        copy[i] = was;
    }
    free(copy);
}

static void json_as(void (*give)(const void *data, size_t n), const char *before, const json_t *j,
                    const char *after)
{
    char *text = json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY);
    size_t a = strlen(before), t, z = strlen(after);
    char *all;

    if (!text) abort();
    t = strlen(text);
    all = malloc(a + t + z + 1);
    if (!all) abort();
    memcpy(all, before, a);
    memcpy(all + a, text, t);
    memcpy(all + a + t, after, z + 1);
    give(all, a + t + z);
    free(all);
    free(text);
}

typedef struct json_walk {
    const char *before, *after;
    const json_t *root;
    size_t left; /* variants that may still be made */
} json_walk;

/* What a value is replaced by, where that is something else. */
static const char *const others[] = { "null", "true",   "-1", "3000000000", "0.5",
                                      "\"\"", "\"zz\"", "[]", "{}" };

/* One variant of the document: `o` has something else under the key, or at the index. */
static void try_others(json_walk *w, json_t *o, const char *key, size_t i)
{
    json_t *was = json_incref(key ? json_object_get(o, key) : json_array_get(o, i));

    for (size_t k = 0; k < sizeof others / sizeof *others && w->left; k++) {
        json_t *now = json_loads(others[k], JSON_DECODE_ANY, NULL);
        if (json_equal(now, was)) {
            json_decref(now);
            continue;
        }
        if (key)
            json_object_set_new(o, key, now);
        else
            json_array_set_new(o, i, now);
        json_as(fuzz_variant, w->before, w->root, w->after);
        w->left--;
    }
    if (key) {
        json_object_del(o, key);
        json_as(fuzz_variant, w->before, w->root, w->after);
        json_object_set(o, key, was);
    } else {
        json_array_set(o, i, was);
    }
    json_decref(was);
}

static void walk(json_walk *w, json_t *j)
{
    size_t n = 0, i = 0;

    if (json_is_object(j)) {
        char *keys[48]; /* of a long object the first ones: its entries are alike */
        const char *key;
        json_t *v;
        json_object_foreach(j, key, v) if (n < 48) keys[n++] = strdup(key);
        for (i = 0; i < n && w->left; i++) {
            try_others(w, j, keys[i], 0);
            walk(w, json_object_get(j, keys[i]));
        }
        for (i = 0; i < n; i++)
            free(keys[i]);
    }
    n = json_array_size(j) < 6 ? json_array_size(j) : 6;
    for (i = 0; i < n && w->left; i++) {
        try_others(w, j, NULL, i);
        walk(w, json_array_get(j, i));
    }
}

void fuzz_seed_json(const char *before, const json_t *j, const char *after)
{
    json_t *copy = json_deep_copy(j);
    json_walk w = { before, after, copy, 600 };

    json_as(fuzz_seed, before, copy, after);
    walk(&w, copy);
    json_decref(copy);
}

void fuzz_seed_json_text(const char *before, const char *text, const char *after)
{
    json_error_t e;
    json_t *j = json_loads(text, JSON_DECODE_ANY, &e);

    if (!j) {
        fprintf(stderr, "fuzz: a seed is not JSON: %s: %.200s\n", e.text, text);
        abort();
    }
    fuzz_seed_json(before, j, after);
    json_decref(j);
}

/* text[0..a) + s + text[b..n) */
static void spliced(const char *text, size_t n, size_t a, const char *s, size_t b)
{
    size_t len = strlen(s);
    char *all = malloc(n + len + 1);

    if (!all) abort();
    memcpy(all, text, a);
    memcpy(all + a, s, len);
    memcpy(all + a + len, text + b, n - b);
    fuzz_variant(all, a + len + n - b);
    free(all);
}

void fuzz_seed_lines(const char *text)
{
    static const char *const values[] = { "-1", "1e999", "zz", "\"\\x01\"", "[]",
                                          "{}", "",      "~",  "&a x",      "3000000000" };
    size_t n = strlen(text), next;

    fuzz_seed(text, n);
    for (size_t at = 0; at < n; at = next) {
        size_t end = at + strcspn(text + at, "\n");
        const char *colon = memmem(text + at, end - at, ": ", 2);
        next = end < n ? end + 1 : end;
        spliced(text, n, at, "", next);
        for (size_t i = 0; colon && i < sizeof values / sizeof *values; i++)
            spliced(text, n, (size_t)(colon + 2 - text), values[i], end);
    }
}
