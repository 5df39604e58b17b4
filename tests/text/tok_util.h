/* What the tokenizer tests share: a model that is only a tokenizer. */
#ifndef TOK_UTIL_H
#define TOK_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "base/json.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

/* Seconds of the processor that one megabyte may take. */
#if defined(__SANITIZE_ADDRESS__)
enum { MEGABYTE_S = 20 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { MEGABYTE_S = 20 };
#else
enum { MEGABYTE_S = 1 };
#endif
#else
enum { MEGABYTE_S = 1 };
#endif

static adze_run *run;

static inline int start_run(void **state)
{
    (void)state;
    return adze_run_new(&run, &(adze_run_opts){ .threads = 1 }, NULL);
}

static inline int stop_run(void **state)
{
    (void)state;
    adze_run_free(run);
    return 0;
}

/* Tokenizer of a tokenizer.json value (borrowed). */
static inline adze_status tokenizer_of(adze_tokenizer **t, const json_t *hf, bool no_known,
                                       adze_error *err)
{
    az_tokenizer_opts opts = { .no_known_patterns = no_known };
    adze_model *m;
    adze_status rc = az_model_new(&m, run, "folder", "hf", err);

    assert_int_equal(rc, ADZE_OK);
    m->tok.hf = json_incref((json_t *)(uintptr_t)hf);
    rc = az_tokenizer_new(t, run, m, &opts, err);
    adze_model_close(m);
    return rc;
}

static inline json_t *load_json(const char *path)
{
    adze_error err = { 0 };
    json_error_t e;
    char *text;
    json_t *j;
    size_t n;

    if (az_read_file(run, path, 1 << 24, &text, &n, &err) < 0) fail_msg("%s: %s", path, err.msg);
    j = json_loadb(text, n, JSON_ALLOW_NUL, &e); /* test texts hold U+0000 */
    if (!j) fail_msg("%s: line %d: %s", path, e.line, e.text);
    az_free(run, text);
    return j;
}

/* A byte-level tokenizer of the 256 bytes and a few merges: "ab" 256, "abc" 257, "he" 258, "hel" 259,
 * "lo" 260, "hello" 261, " " + "hello" 262; pre_tokenizer, normalizer and added tokens as given (NULL: null). */
static inline json_t *small_tokenizer(const char *pre, const char *norm, const char *added)
{
    static const char *const merges[][2] = { { "a", "b" },           { "ab", "c" }, { "h", "e" },
                                             { "he", "l" },          { "l", "o" },  { "hel", "lo" },
                                             { "\xc4\xa0", "hello" } };
    json_t *vocab = json_object(), *list = json_array(), *hf;
    char text[64];

    for (int b = 0; b < 256; b++) {
        text[az_utf8_put(text, az_byte_char((unsigned char)b))] = 0;
        json_object_set_new(vocab, text, json_integer(b));
    }
    for (size_t i = 0; i < AZ_COUNT(merges); i++) {
        snprintf(text, sizeof text, "%s%s", merges[i][0], merges[i][1]);
        json_object_set_new(vocab, text, json_integer(256 + (json_int_t)i));
        json_array_append_new(list, json_pack("[s, s]", merges[i][0], merges[i][1]));
    }
    hf = json_pack("{s:{s:s, s:o, s:o}}", "model", "type", "BPE", "vocab", vocab, "merges", list);
    json_object_set_new(hf, "pre_tokenizer",
                        json_loads(pre ? pre
                                       : "{\"type\":\"ByteLevel\",\"add_prefix_space\":false}",
                                   0, NULL));
    if (norm) json_object_set_new(hf, "normalizer", json_loads(norm, 0, NULL));
    if (added) json_object_set_new(hf, "added_tokens", json_loads(added, 0, NULL));
    assert_non_null(hf);
    return hf;
}

/* The ids as text, "1 2 3", in a static buffer. */
static inline const char *ids_text(const adze_tokenizer *t, const char *s, size_t n, int special)
{
    static char buf[65536];
    adze_error err = { 0 };
    size_t count, at = 0;
    int32_t *ids;

    if (adze_tokenize(t, s, n, special, &ids, &count, &err) < 0) {
        snprintf(buf, sizeof buf, "error: %s: %s", err.name, err.msg);
        return buf;
    }
    buf[0] = 0;
    for (size_t i = 0; i < count && at < sizeof buf - 16; i++)
        at += (size_t)snprintf(buf + at, sizeof buf - at, i ? " %d" : "%d", (int)ids[i]);
    adze_tokens_free(t, ids);
    return buf;
}

#endif
