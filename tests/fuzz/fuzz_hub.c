/* Replies of the hub: names, the commit of a revision, headers, pages of the listing, what is chosen of it, a ref of the cache.
 *
 * Parts of the input: a name, header lines, the ref's file, then bodies of replies in order, each with a line for the address of
 * the next page in front.
 */
#include "fuzz.h"
#include "hub/cache.h"
#include "hub/choose.h"
#include "hub/listing.h"
#include "hub/reply.h"

static fuzz_part replies;

/* In place of http.c's: the next part is the reply. */
adze_status az_http_get(az_http *h, const char *url, const char *what, size_t max, az_buf *body,
                        az_http_reply *r, adze_error *err)
{
    fuzz_part p = fuzz_next(&replies);
    const char *end = p.n ? memchr(p.s, '\n', p.n) : NULL;
    size_t line = end ? (size_t)(end - p.s) : 0;

    (void)h;
    (void)what;
    (void)max;
    fuzz_want(strncmp(url, "https://hub/", 12) == 0, "only the endpoint is asked");
    az_buf_init(body, fuzz_run);
    az_reply_reset(r);
    if (!end) return az_fail(err, ADZE_ENETWORK, NULL, ADZE_NOPOS, "no more replies");
    if (line) snprintf(r->next, sizeof r->next, "%.*s", (int)line, p.s);
    az_buf_put(body, end + 1, p.n - line - 1);
    return az_buf_ok(body) ? ADZE_OK : az_fail_nomem(err, "reading a reply");
}

static void headers(fuzz_part p, const az_hub_env *env)
{
    static const long statuses[] = { 401, 403, 404, 416, 429, 500, 503 };
    adze_error err = { .pos = ADZE_NOPOS };
    az_http_reply r;

    az_reply_reset(&r);
    while (p.n) {
        const char *end = memchr(p.s, '\n', p.n);
        size_t n = end ? (size_t)(end - p.s) + 1 : p.n;
        az_reply_header(&r, p.s, n);
        p.s += n;
        p.n -= n;
    }
    fuzz_want(r.wait_s >= 0 && strlen(r.etag) < sizeof r.etag && strlen(r.next) < sizeof r.next,
              "fields end");
    for (size_t i = 0; i < AZ_COUNT(statuses); i++) {
        r.status = statuses[i];
        az_reply_retry(&r, i % 2);
        fuzz_status(az_reply_fail(&r, env, i % 2, "org/name", "file", &err), &err);
        fuzz_status(az_reply_fail(&r, env, false, "org/name", "file", &err), &err);
    }
    if (r.next[0]) az_url_same_origin(r.next, env->endpoint);
}

static void choose(az_hub_result *r)
{
    static const char *const patterns[] = { "*.gguf", "model*", "*q4*" };
    adze_error err = { .pos = ADZE_NOPOS };
    az_hub_opts opts = { .n_include = 0 };

    for (int i = 0; i < 4; i++) {
        adze_status rc = az_hub_choose(&opts, r, &err);
        fuzz_status(rc, &err);
        if (rc == ADZE_OK) {
            rc = az_hub_check_parts(r, &err);
            fuzz_status(rc, &err);
            rc = az_hub_check_clashes(fuzz_run, r, &err);
            fuzz_status(rc, &err);
            az_hub_only_gguf(r);
        }
        opts.include = &patterns[i % 3];
        opts.n_include = 1;
    }
}

static void list(az_hub_result *r, const az_hub_env *env)
{
    adze_error err = { .pos = ADZE_NOPOS };
    adze_status rc = az_hub_find_commit(NULL, fuzz_run, env, r, &err);

    fuzz_status(rc, &err);
    if (rc < 0) return;
    fuzz_want(az_hub_is_hex(r->commit, AZ_HUB_COMMIT_HEX), "a commit is one");
    rc = az_hub_list(NULL, fuzz_run, env, r, &err);
    fuzz_status(rc, &err);
    if (rc < 0) return;
    for (size_t i = 0; i < r->n_files; i++) {
        fuzz_want(!az_hub_bad_path(r->files[i].name), "names may become paths");
        fuzz_want(az_hub_find(r, r->files[i].name) == &r->files[i],
                  "a file is found, and is there once");
    }
    choose(r);
}

static void read_ref(az_hub_result *r, fuzz_part p)
{
    adze_error err = { .pos = ADZE_NOPOS };
    az_hub_cache c = { .run = fuzz_run, .root = fuzz_path("c"), .repo = fuzz_path("c") };
    char was[sizeof r->name.revision];
    adze_status rc;

    if (p.s) fuzz_file("c/ref", p.s, p.n);
    memcpy(was, r->name.revision, sizeof was);
    snprintf(r->name.revision, sizeof r->name.revision, p.s ? "../ref" : "../none");
    snprintf(r->name.revision, sizeof r->name.revision, "x"); /* refs/x */
    if (p.s) {
        fuzz_file("c/refs", NULL, 0);
        fuzz_file("c/refs/x", p.s, p.n);
    }
    rc = az_hub_read_ref(&c, r, &err);
    fuzz_status(rc, &err);
    fuzz_want(rc < 0 || az_hub_is_hex(r->commit, AZ_HUB_COMMIT_HEX), "a ref is a commit");
    memcpy(r->name.revision, was, sizeof was);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const az_hub_env env = { .endpoint = "https://hub", .cache = "/none" };
    adze_error err = { .pos = ADZE_NOPOS };
    fuzz_part name, head, ref;
    az_hub_result r = { .n_files = 0 };
    char text[600];
    adze_status rc;

    replies = (fuzz_part){ (const char *)data, n };
    name = fuzz_next(&replies);
    head = fuzz_next(&replies);
    ref = fuzz_next(&replies);
    fuzz_begin();
    az_arena_init(&r.arena, fuzz_run);
    snprintf(text, sizeof text, "%.*s", (int)(name.n < 590 ? name.n : 590), name.s ? name.s : "");
    rc = az_hub_name_parse(&r.name, text, &err);
    fuzz_status(rc, &err);
    fuzz_want(rc < 0 || (r.name.repo[0] && !strstr(r.name.repo, "..") &&
                         !az_hub_bad_path(r.name.revision)),
              "a name is a path");
    headers(head, &env);
    if (rc == ADZE_OK) {
        read_ref(&r, ref);
        list(&r, &env);
    }
    az_arena_deinit(&r.arena);
    fuzz_end();
    return 0;
}

#define HEX40 "0123456789012345678901234567890123456789"
#define HEX64 HEX40 "012345678901234567890123"
#define HEAD                                                                                  \
    FUZZ_NEXT "HTTP/1.1 200 OK\r\nContent-Length: 12\r\nContent-Range: bytes 1-2/3\r\nETag: " \
              "W/\"abc\"\r\nX-Linked-Etag: \"def\"\r\n"                                       \
              "X-Error-Code: GatedRepo\r\nX-Error-Message: no\r\nLink: <https://hub/a>; "     \
              "rel=\"prev\", <https://hub/b>; rel=\"next\"\r\n"                               \
              "RateLimit: \"api\";r=0;t=5\r\n\r\n" FUZZ_NEXT HEX40 "\n" FUZZ_NEXT
#define FILE_OF(name, size) \
    "{\"type\":\"file\",\"path\":\"" name "\",\"oid\":\"" HEX40 "\",\"size\":" size "}"
#define LFS_OF(name, size)                                                          \
    "{\"type\":\"file\",\"path\":\"" name "\",\"oid\":\"" HEX40 "\",\"size\":" size \
    ",\"lfs\":{\"oid\":\"" HEX64 "\",\"size\":" size "}}"
#define COMMIT "\n{\"sha\":\"" HEX40 "\"}" FUZZ_NEXT

static void chosen(const char *listing)
{
    char *all = malloc(strlen(listing) + 1000);

    sprintf(all, "hf:org/name" HEAD COMMIT "\n[%s]", listing);
    fuzz_seed_text(all);
    free(all);
}

void fuzz_seeds(void)
{
    static const char *const names[] = {
        "hf:org/name:main",
        "name",
        "org/name/sub/file.gguf:refs/pr/1",
        "a--b/c",
        "-a/b",
        "",
        "org/name:",
        "org/name:a/../b",
        "org/name/..",
        "org/name:/a",
        "org/name:a\\b",
        "org/n\xc3\xa4me",
        "org/name:a\x01",
        "org/name:\xc2\x85",
        "org/name:a//b",
        "org/name/",
        ("org/name:" HEX40),
        "o.r-g_1/na.me",
        "org/na..me",
        "org/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w/x/y/z/a/b/c/d/e/f/g/h/i"
    };
    static const char *const heads[] = {
        "content-length: 99999999999999999999\ncontent-range: bytes */5\nlink: <x; "
        "rel=next\nratelimit: x\nno colon\n",
        "Content-Range: bytes 5\nContent-Range: items 1\nContent-Range: bytes 1-x/3\nLink: "
        "<https://hub/c>; rel=next\nEtag: abc\nContent-Length: -1\n",
        "X-Error-Code: RepoNotFound\n", "X-Error-Code: RevisionNotFound\n",
        "X-Error-Code: EntryNotFound\n"
    };
    char buf[4096];

    fuzz_seed_json_text("hf:org/name" HEAD "\n", "{\"sha\":\"" HEX40 "\"}", "");
    fuzz_seed_json_text("hf:org/name" HEAD COMMIT "\n",
                        "[" LFS_OF("model.safetensors", "10") "," FILE_OF(
                            "config.json",
                            "5") ",{\"type\":\"directory\",\"path\":\"x\",\"oid\":\"" HEX40
                                 "\",\"size\":0}]",
                        "");
    fuzz_seed_text("hf:org/name" HEAD COMMIT
                   "https://hub/2\n[" FILE_OF("b", "1") "]" FUZZ_NEXT "\n[" FILE_OF("a", "1") "]");
    fuzz_seed_text("hf:org/name" HEAD COMMIT "https://evil/2\n[" FILE_OF("b", "1") "]");
    fuzz_seed_text("hf:org/name" HEAD COMMIT "\n[" FILE_OF("b", "1") "," FILE_OF("b", "1") "]");
    for (size_t i = 0; i < AZ_COUNT(names); i++) {
        snprintf(buf, sizeof buf, "%s" HEAD COMMIT "\n[" FILE_OF("a.gguf", "1") "]", names[i]);
        fuzz_seed_text(buf);
    }
    for (size_t i = 0; i < AZ_COUNT(heads); i++) {
        snprintf(buf, sizeof buf,
                 "org/name" FUZZ_NEXT "%s" FUZZ_NEXT "not a commit" FUZZ_NEXT "\n{}", heads[i]);
        fuzz_seed_text(buf);
    }
    chosen(FILE_OF("a/../b", "1"));
    chosen(FILE_OF("config.json", "1") "," FILE_OF("CONFIG.json",
                                                   "1") "," FILE_OF("model.safetensors", "1"));
    chosen(FILE_OF("config.json", "1") "," FILE_OF("config.json/model.q4.gguf", "1"));
    chosen(FILE_OF("m-00001-of-00002.gguf",
                   "1") "," FILE_OF("m-00002-of-00002.gguf",
                                    "1") "," FILE_OF("mmproj.gguf", "1") "," FILE_OF("imatrix.gguf",
                                                                                     "1"));
    chosen(FILE_OF("m-00001-of-00003.gguf", "1") "," FILE_OF("m-00002-of-00003.gguf", "1"));
    chosen(FILE_OF("x/m.q4_0.gguf", "1") "," FILE_OF("m.q8_0.gguf", "1000") "," FILE_OF("m-q4.gguf",
                                                                                        "5"));
    chosen(FILE_OF("model-00001-of-00002.safetensors",
                   "1") "," FILE_OF("model-00002-of-00002.safetensors",
                                    "1") "," FILE_OF("model.safetensors.index.json", "1"));
    chosen(FILE_OF("consolidated.safetensors",
                   "1") "," FILE_OF("weights.safetensors",
                                    "1") "," FILE_OF("m-0000x-of-00002.safetensors", "1"));
    chosen(FILE_OF("pytorch_model.bin", "1") "," FILE_OF("tokenizer.json", "1"));
    chosen(FILE_OF("pytorch_model-00001-of-00002.bin",
                   "1") "," FILE_OF("pytorch_model.bin.index.json", "1"));
    chosen(FILE_OF("training_args.bin", "1"));
    chosen(FILE_OF("model-00001-of-00002.safetensors",
                   "1") "," FILE_OF("model-00001-of-00003.safetensors",
                                    "1") "," FILE_OF("model-00001-of-00002.bin", "1"));
    chosen("");
}
