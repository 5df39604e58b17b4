/* Precompiled character maps: the input is a text and the map, which is run in both ways. */
#include "charsmap.h"
#include "text/charsmap.h"
#include "text/unicode.h"
#include "tok.h"

static void run(const az_charsmap *map, const char *s, size_t n)
{
    az_spm_rules rules = { .map = *map };
    az_buf out;

    for (unsigned bits = 0; bits < 32; bits += 3) {
        az_buf_init(&out, fuzz_run);
        rules.add_prefix = bits & 1;
        rules.prefix_always = bits & 2;
        rules.remove_extra = bits & 4;
        rules.escape = bits & 8;
        rules.suffix = bits & 16;
        az_spm_normalize(&rules, &out, s, n, bits % 2);
        if (az_buf_ok(&out))
            fuzz_want(az_utf8_prefix(out.data ? out.data : "", out.size) == out.size,
                      "what is normalized is UTF-8");
        az_buf_deinit(&out);
    }
    if (az_utf8_prefix(s, n) != n) return;
    az_buf_init(&out, fuzz_run);
    az_charsmap_clusters(map, &out, s, n);
    if (az_buf_ok(&out))
        fuzz_want(az_utf8_prefix(out.data ? out.data : "", out.size) == out.size,
                  "and so are its clusters");
    az_buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_part rest = { (const char *)data, n }, text = fuzz_next(&rest);
    adze_error err = { .pos = ADZE_NOPOS };
    az_charsmap map;
    az_arena arena;
    adze_status rc;

    if (text.n > 2000) return 0;
    fuzz_begin();
    az_arena_init(&arena, fuzz_run);
    rc = az_charsmap_read(&map, &arena, rest.s ? rest.s : "", rest.n, "tokenizer.model", "map",
                          &err);
    fuzz_status(rc, &err);
    if (rc == ADZE_OK) run(&map, text.s ? text.s : "", text.n);
    az_arena_deinit(&arena);
    fuzz_end();
    return 0;
}

void fuzz_seeds(void)
{
    static const char *const texts[] = {
        "ABC  \xc3\x89t\xc3\x89 A\xcc\x8a ",
        "\xff\xc3 a",
        "",
        "  ",
        "\xe1\x84\x80\xe1\x85\xa1\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9 A \xe2\x96\x81",
        "\xef\xb7\xba\xe2\x91\xa0",
    };
    json_t *doc = tok_golden("kinds/spm-bpe-map");
    const char *real = az_json_str(json_object_get(doc, "normalizer"), "precompiled_charsmap");
    az_buf b, map;

    az_buf_init(&b, fuzz_run);
    az_buf_init(&map, fuzz_run);
    for (int pass = 0; pass < 2; pass++) {
        az_buf_clear(&map);
        if (pass == 0)
            charsmap_make(&map);
        else if (real)
            az_base64_decode(&map, real, strlen(real));
        for (size_t i = 0; i < AZ_COUNT(texts); i++) {
            az_buf_clear(&b);
            az_buf_puts(&b, texts[i]);
            az_buf_puts(&b, FUZZ_NEXT);
            if (map.size) az_buf_put(&b, map.data, map.size);
            if (pass == 0 && i == 0)
                fuzz_seed_damaged(b.data, b.size, 300, 60);
            else
                fuzz_variant(b.data, b.size);
            for (size_t at = 8; pass == 0 && i == 0 && at < map.size; at++)
                if (map.data[at]) {
                    char *c = &b.data[b.size - map.size + at];
                    *c ^= (char)0xff;
                    fuzz_variant(b.data, b.size);
                    *c ^= (char)0xff;
                }
        }
    }
    fuzz_seed_text("abc");
    fuzz_seed("a" FUZZ_NEXT "\0\0\0\0", 1 + strlen(FUZZ_NEXT) + 4);
    fuzz_seed("a" FUZZ_NEXT "\3\0\0\0abcd", 1 + strlen(FUZZ_NEXT) + 8);
    fuzz_seed("a" FUZZ_NEXT "\4\0\0\0\0\0\0\0b", 1 + strlen(FUZZ_NEXT) + 9);
    fuzz_seed("a" FUZZ_NEXT "\4\0\0\0\0\0\0\0\xff\0", 1 + strlen(FUZZ_NEXT) + 10);
    az_buf_deinit(&b);
    az_buf_deinit(&map);
    json_decref(doc);
}
