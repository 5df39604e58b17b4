/* Reading "pre_tokenizer" of tokenizer.json into steps. Types and defaults: Hugging Face tokenizers,
 * pre_tokenizers/ (2025). Unknown types are refused by name. */
#include "text/pretok.h"
#include "text/unicode.h"

#include <string.h>

enum { MAX_STEPS = 64 };

typedef struct reading {
    az_pretoks *p;
    az_arena *arena;
    const char *path;
    bool no_known;
    adze_error *err;
} reading;

static adze_status bad(reading *r, const char *type, const char *what)
{
    char name[96] = "pre_tokenizer ";

    strncat(name, type, sizeof name - strlen(name) - 1);
    return az_fail_name(r->err, ADZE_EFORMAT, r->path, name, ADZE_NOPOS, "%s", what);
}

static az_pretok *new_step(reading *r)
{
    az_pretok *t;

    if (r->p->n == MAX_STEPS) {
        az_fail_name(r->err, ADZE_EUNSUP, r->path, "pre_tokenizer", ADZE_NOPOS,
                     "more than %d steps", (int)MAX_STEPS);
        return NULL;
    }
    t = &r->p->steps[r->p->n++];
    t->split = true;
    t->behavior = AZ_ISOLATED;
    return t;
}

static const char *const behaviors[] = { "Removed", "Isolated", "MergedWithPrevious",
                                         "MergedWithNext", "Contiguous" };

static bool read_behavior(const json_t *j, az_behavior *out)
{
    const char *text = az_json_str(j, "behavior");

    for (size_t i = 0; text && i < AZ_COUNT(behaviors); i++)
        if (strcmp(text, behaviors[i]) == 0) {
            *out = (az_behavior)i;
            return true;
        }
    return false;
}

/* The hand-written splitter of a pattern if there is one, else PCRE2. */
static adze_status set_pattern(reading *r, az_pretok *t, const char *pattern, size_t n)
{
    t->fn = r->no_known ? NULL : az_split_find(pattern, n);
    t->match = t->fn ? AZ_MATCH_KNOWN : AZ_MATCH_REGEX;
    if (t->fn) return ADZE_OK;
    return az_regex_new(&t->regex, r->arena->run, pattern, n, r->path, "pre_tokenizer Split",
                        r->err);
}

static adze_status read_split(reading *r, const json_t *j)
{
    const json_t *pattern = json_object_get(j, "pattern");
    const json_t *text = json_object_get(pattern, "String");
    const json_t *regex = json_object_get(pattern, "Regex");
    az_pretok *t = new_step(r);

    if (!t) return ADZE_EUNSUP;
    if (!read_behavior(j, &t->behavior)) return bad(r, "Split", "`behavior` is missing or unknown");
    if (json_object_get(j, "invert") && !az_json_bool(j, "invert", &t->invert))
        return bad(r, "Split", "`invert` is not a boolean");
    if (json_is_string(regex))
        return set_pattern(r, t, json_string_value(regex), json_string_length(regex));
    if (!json_is_string(text)) return bad(r, "Split", "needs a `pattern` with String or Regex");
    t->match = AZ_MATCH_STRING;
    t->text_n = json_string_length(text);
    t->text = az_arena_strndup(r->arena, json_string_value(text), t->text_n);
    return t->text ? ADZE_OK : az_fail_nomem(r->err, "reading a tokenizer");
}

static adze_status read_byte_level(reading *r, const json_t *j)
{
    az_pretok *t = new_step(r);
    bool use_regex = true, add_space = false;
    adze_status rc;

    if (!t) return ADZE_EUNSUP;
    if (r->p->byte_level) return bad(r, "ByteLevel", "appears twice");
    r->p->byte_level = true;
    if (json_object_get(j, "use_regex") && !az_json_bool(j, "use_regex", &use_regex))
        return bad(r, "ByteLevel", "`use_regex` is not a boolean");
    if (!az_json_bool(j, "add_prefix_space", &add_space))
        return bad(r, "ByteLevel", "`add_prefix_space` is missing or not a boolean");
    t->add_space = add_space;
    t->split = use_regex;
    if (use_regex && (rc = set_pattern(r, t, az_pattern_gpt2, strlen(az_pattern_gpt2))) < 0)
        return rc;
    t = new_step(r);
    if (!t) return ADZE_EUNSUP;
    t->split = false;
    t->to_alphabet = true;
    return ADZE_OK;
}

static adze_status read_class(reading *r, const json_t *j, const char *type)
{
    az_pretok *t = new_step(r);
    bool individual = false;

    if (!t) return ADZE_EUNSUP;
    t->match = AZ_MATCH_CLASS;
    if (strcmp(type, "Digits") == 0) {
        if (!az_json_bool(j, "individual_digits", &individual))
            return bad(r, type, "`individual_digits` is missing or not a boolean");
        t->class_bits = AZ_UC_N;
        t->behavior = individual ? AZ_ISOLATED : AZ_CONTIGUOUS;
    } else if (strcmp(type, "Punctuation") == 0) {
        t->match = AZ_MATCH_PUNCT;
        if (json_object_get(j, "behavior") && !read_behavior(j, &t->behavior))
            return bad(r, type, "`behavior` is unknown");
    } else { /* WhitespaceSplit */
        t->class_bits = AZ_UC_SPACE;
        t->behavior = AZ_REMOVED;
    }
    return ADZE_OK;
}

/* Words without white space, punctuation alone. */
static adze_status read_bert(reading *r)
{
    az_pretok *space = new_step(r), *punct = space ? new_step(r) : NULL;

    if (!punct) return ADZE_EUNSUP;
    space->match = AZ_MATCH_CLASS;
    space->class_bits = AZ_UC_SPACE;
    space->behavior = AZ_REMOVED;
    punct->match = AZ_MATCH_PUNCT;
    return ADZE_OK;
}

/* A string of one character, at `key`; `fallback` where it is missing (NULL: then it must be there). */
static adze_status read_char(reading *r, az_pretok *t, const json_t *j, const char *type,
                             const char *key, const char *fallback)
{
    const json_t *v = json_object_get(j, key);
    const char *s = json_is_string(v) ? json_string_value(v) : fallback;
    size_t n = json_is_string(v) ? json_string_length(v) : fallback ? strlen(fallback) : 0, len = 0;

    if (n) az_utf8_next(s, n, &len);
    if (!n || len != n) return bad(r, type, "a field is not a string of one character");
    t->match = AZ_MATCH_STRING;
    t->text_n = n;
    t->text = az_arena_strndup(r->arena, s, n);
    return t->text ? ADZE_OK : az_fail_nomem(r->err, "reading a tokenizer");
}

/* Old files say add_prefix_space instead of prepend_scheme. */
static adze_status read_metaspace(reading *r, const json_t *j)
{
    static const char *const schemes[] = { "never", "first", "always" };
    const char *scheme = az_json_str(j, "prepend_scheme");
    az_pretok *t = new_step(r);
    bool add = true;
    size_t i = 0;

    if (!t) return ADZE_EUNSUP;
    t->metaspace = true;
    t->behavior = AZ_MERGED_WITH_NEXT;
    az_json_bool(j, "split", &t->split);
    if (az_json_bool(j, "add_prefix_space", &add) && !add && !scheme) scheme = "never";
    if (!scheme) scheme = "always";
    while (i < AZ_COUNT(schemes) && strcmp(schemes[i], scheme) != 0)
        i++;
    if (i == AZ_COUNT(schemes)) return bad(r, "Metaspace", "`prepend_scheme` is unknown");
    t->prepend = (az_prepend)i;
    return read_char(r, t, j, "Metaspace", "replacement", "\xe2\x96\x81");
}

static adze_status read_fixed(reading *r, const json_t *j)
{
    az_pretok *t = new_step(r);
    int64_t length = 5;

    if (!t) return ADZE_EUNSUP;
    az_json_int(j, "length", &length);
    if (length < 1) return bad(r, "FixedLength", "`length` must be 1 or more");
    t->match = AZ_MATCH_LENGTH;
    t->length = (size_t)length;
    return ADZE_OK;
}

static adze_status read_any(reading *r, const json_t *j, int depth)
{
    const char *type = az_json_str(j, "type");
    const json_t *list, *item;
    az_pretok *t;
    adze_status rc;
    size_t i;

    if (!type) return bad(r, "", "has no `type`");
    if (strcmp(type, "Split") == 0) return read_split(r, j);
    if (strcmp(type, "ByteLevel") == 0) return read_byte_level(r, j);
    if (strcmp(type, "Digits") == 0 || strcmp(type, "Punctuation") == 0 ||
        strcmp(type, "WhitespaceSplit") == 0)
        return read_class(r, j, type);
    if (strcmp(type, "BertPreTokenizer") == 0) return read_bert(r);
    if (strcmp(type, "Metaspace") == 0) return read_metaspace(r, j);
    if (strcmp(type, "FixedLength") == 0) return read_fixed(r, j);
    if (strcmp(type, "CharDelimiterSplit") == 0) {
        if (!(t = new_step(r))) return ADZE_EUNSUP;
        t->behavior = AZ_REMOVED;
        return read_char(r, t, j, type, "delimiter", NULL);
    }
    if (strcmp(type, "Whitespace") == 0) {
        t = new_step(r);
        if (!t) return ADZE_EUNSUP;
        t->match = AZ_MATCH_WORD_OR_NOT;
        t->behavior = AZ_REMOVED;
        t->invert = true;
        return ADZE_OK;
    }
    if (strcmp(type, "Sequence") != 0)
        return az_fail_name(r->err, ADZE_EUNSUP, r->path, "pre_tokenizer", ADZE_NOPOS,
                            "pre-tokenizer type %.60s is not supported", type);
    list = json_object_get(j, "pretokenizers");
    if (!json_is_array(list) || depth > 8)
        return bad(r, type, "needs the array `pretokenizers`, nested at most 8 deep");
    json_array_foreach(list, i, item)
    {
        rc = read_any(r, item, depth + 1);
        if (rc < 0) return rc;
    }
    return ADZE_OK;
}

adze_status az_pretoks_read(az_pretoks *p, az_arena *arena, const json_t *j, const char *path,
                            bool no_known, bool keep_alphabet, adze_error *err)
{
    reading r = { p, arena, path, no_known, err };
    adze_status rc;

    p->steps = az_arena_array(arena, MAX_STEPS + 1, sizeof *p->steps);
    if (!p->steps) return az_fail_nomem(err, "reading a tokenizer");
    if (!j || json_is_null(j)) return ADZE_OK;
    rc = read_any(&r, j, 0);
    if (rc < 0) return rc;
    /* Only steps behind a ByteLevel see the byte alphabet; the model takes raw bytes. */
    if (keep_alphabet) return ADZE_OK;
    if (p->n && p->steps[p->n - 1].to_alphabet)
        p->n--;
    else
        p->alphabet = p->byte_level;
    return ADZE_OK;
}

void az_pretoks_deinit(az_pretoks *p)
{
    for (size_t i = 0; i < p->n; i++)
        az_regex_free(p->steps[i].regex);
    p->n = 0;
}
