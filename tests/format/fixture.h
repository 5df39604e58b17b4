/* What the format tests share: a run, a scratch folder, a small checkpoint made on the spot, file edits. */
#ifndef FORMAT_FIXTURE_H
#define FORMAT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "format/format.h"
#include "job/convert.h"
#include "synth.h"

static const synth_shape fx_shape = {
    .name = "small",
    .arch = "llama",
    .eps = 1e-5,
    .theta = 10000,
    .layers = 1,
    .hidden = 64,
    .ff = 128,
    .heads = 2,
    .kv_heads = 1,
    .head_dim = 32,
    .vocab = 300,
    .special = 4,
    .context = 64,
    .tied = true,
    .rope_llama3 = true,
};

static adze_run *fx_run;
static char fx_root[128]; /* scratch folder; holds "good" (a checkpoint) and "case" */

static inline const char *fx_path(const char *name)
{
    static char paths[8][512];
    static unsigned next;
    char *p = paths[next++ % 8];

    snprintf(p, sizeof paths[0], "%s/%s", fx_root, name);
    return p;
}

static inline int fx_start(void **state)
{
    const char *tmp = getenv("TMPDIR");
    adze_error err = { 0 };

    (void)state;
    snprintf(fx_root, sizeof fx_root, "%s/adze-format-XXXXXX",
             tmp && strlen(tmp) < 80 ? tmp : "/tmp");
    if (!mkdtemp(fx_root)) return -1;
    if (adze_run_new(&fx_run, &(adze_run_opts){ .threads = 2 }, &err) < 0) return -1;
    return synth_write(fx_run, &fx_shape, fx_path("good"), 1, 0, &err);
}

static inline int fx_stop(void **state)
{
    (void)state;
    az_remove_tree(fx_run, fx_root, NULL);
    adze_run_free(fx_run);
    return 0;
}

static inline void fx_write(const char *path, const void *data, size_t n)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(n ? fwrite(data, 1, n, f) : 0, n);
    assert_int_equal(fclose(f), 0);
}

static inline char *fx_read(const char *path, size_t *n)
{
    adze_error err = { 0 };
    char *text;

    if (az_read_file(fx_run, path, (size_t)1 << 28, &text, n, &err) < 0)
        fail_msg("%s: %s", path, err.msg);
    return text;
}

/* A fresh copy of the good checkpoint in "case". */
static inline const char *fx_copy(void)
{
    static const char *const names[] = { "config.json", "generation_config.json", "tokenizer.json",
                                         "tokenizer_config.json", "model.safetensors" };
    char from[160], to[160];

    az_remove_tree(fx_run, fx_path("case"), NULL);
    assert_int_equal(mkdir(fx_path("case"), 0777), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n;
        char *text;
        snprintf(from, sizeof from, "good/%s", names[i]);
        snprintf(to, sizeof to, "case/%s", names[i]);
        text = fx_read(fx_path(from), &n);
        fx_write(fx_path(to), text, n);
        az_free(fx_run, text);
    }
    return fx_path("case");
}

/* Replace the first `old` in a file of "case" (everything when old is NULL). */
static inline void fx_edit(const char *name, const char *old, const char *now)
{
    char rel[160];
    size_t n;
    char *text;
    az_buf b;

    snprintf(rel, sizeof rel, "case/%s", name);
    if (!old) {
        fx_write(fx_path(rel), now, strlen(now));
        return;
    }
    text = fx_read(fx_path(rel), &n);
    for (n = 0; text[n] && strncmp(text + n, old, strlen(old)) != 0; n++)
        ;
    if (!text[n]) fail_msg("%s does not hold %s", name, old);
    az_buf_init(&b, fx_run);
    az_buf_put(&b, text, n);
    az_buf_puts(&b, now);
    az_buf_puts(&b, text + n + strlen(old));
    fx_write(fx_path(rel), b.data, b.size);
    az_buf_deinit(&b);
    az_free(fx_run, text);
}

/* Files in the scratch folder whose names begin with `prefix`. */
static inline size_t fx_count(const char *prefix)
{
    adze_error err = { 0 };
    char **names;
    size_t n, found = 0;

    assert_int_equal(az_list_dir(fx_run, fx_root, &names, &n, &err), ADZE_OK);
    for (size_t i = 0; i < n; i++)
        found += strncmp(names[i], prefix, strlen(prefix)) == 0;
    az_free_names(fx_run, names, n);
    return found;
}

/* Converting src must fail with `want` and a message (path and name count) that holds `says`; nothing may
 * be left under the final name or beside it. */
static inline void fx_refused(const char *what, const char *src, const char *recipe,
                              adze_status want, const char *says)
{
    az_convert_opts opts = { .to = "gguf", .recipe = recipe };
    adze_error err = { .pos = ADZE_NOPOS };
    char line[1200];
    adze_status rc = az_convert(fx_run, src, fx_path("out.gguf"), &opts, NULL, &err);

    adze_error_text(&err, line, sizeof line);
    if (rc != want) fail_msg("%s: status %d, want %d: %s", what, rc, want, line);
    if (err.status != want) fail_msg("%s: error says status %d", what, err.status);
    if (!err.path[0] && !err.name[0]) fail_msg("%s: names neither path nor name: %s", what, line);
    if (!strstr(line, says)) fail_msg("%s: \"%s\" does not say \"%s\"", what, line, says);
    if (fx_count("out.gguf")) fail_msg("%s: left output behind", what);
}

#endif
