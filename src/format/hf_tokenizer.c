/* Files are opened beneath the folder, each at most 256 MiB. */
#include "format/hf_tokenizer.h"
#include "text/source.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define MAX_TOKENIZER ((size_t)256 << 20)

typedef struct file {
    char path[1024]; /* for messages */
    char *text;      /* NULL: the file is not there */
    size_t n;
} file;

static adze_status read_file(const adze_model *m, const char *name, file *f, adze_error *err)
{
    char path[4096];
    adze_status rc;
    int fd, len;

    *f = (file){ .text = NULL };
    snprintf(f->path, sizeof f->path, "%s/%s", m->path, name);
    len = snprintf(path, sizeof path, "%s/%s", m->path, name);
    if (len < 0 || (size_t)len >= sizeof path || !az_exists(m->run, path)) return ADZE_OK;
    rc = az_open_beneath(m->run, m->path, name, &fd, err);
    if (rc < 0) return rc;
    rc = az_read_fd(m->run, fd, f->path, MAX_TOKENIZER, &f->text, &f->n, err);
    az_close(m->run, fd);
    if (rc == ADZE_OK && !f->n) rc = az_fail(err, ADZE_EFORMAT, f->path, 0, "file is empty");
    return rc;
}

static adze_status parse(const file *f, json_t **out, adze_error *err)
{
    adze_status rc = az_json_parse(out, f->text, f->n, f->path, err);

    if (rc == ADZE_OK && !json_is_object(*out))
        rc = az_fail(err, ADZE_EFORMAT, f->path, 0, "must hold a JSON object");
    return rc;
}

static adze_status from_json(adze_model *m, const file *f, adze_error *err)
{
    adze_status rc = parse(f, &m->tok.hf, err);

    if (rc < 0) return rc;
    m->tok.hf_bytes = az_arena_strndup(&m->arena, f->text, f->n);
    m->tok.hf_n = f->n;
    return m->tok.hf_bytes ? ADZE_OK : az_fail_nomem(err, "reading tokenizer.json");
}

static adze_status from_merges(adze_model *m, const file *vocab, const az_tok_beside *b,
                               adze_error *err)
{
    json_t *map = NULL;
    file merges;
    adze_status rc = read_file(m, "merges.txt", &merges, err);

    if (rc == ADZE_OK && !merges.text)
        rc = az_fail(err, ADZE_EFORMAT, merges.path, ADZE_NOPOS,
                     "missing: vocab.json says nothing without it");
    if (rc == ADZE_OK) rc = parse(vocab, &map, err);
    if (rc == ADZE_OK)
        rc = az_tok_from_merges(&m->tok.hf, map, merges.text, merges.n, b, merges.path, err);
    json_decref(map);
    az_free(m->run, merges.text);
    return rc;
}

static const char *const names[] = { "tokenizer.json", "tokenizer.model", "spiece.model",
                                     "vocab.json", "vocab.txt" };

/* A JSON object that may be missing. */
static adze_status read_beside(const adze_model *m, const char *name, json_t **out, adze_error *err)
{
    file f;
    adze_status rc = read_file(m, name, &f, err);

    if (rc == ADZE_OK && f.text) rc = parse(&f, out, err);
    az_free(m->run, f.text);
    return rc;
}

static adze_status read_as(adze_model *m, size_t kind, const file *f, adze_error *err)
{
    az_tok_beside b = { .run = m->run, .config = m->tok.hf_config };
    json_t *added = NULL, *map = NULL;
    adze_status rc;

    if (kind == 0) return from_json(m, f, err);
    m->tok.hf_name = names[kind];
    rc = read_beside(m, "added_tokens.json", &added, err);
    if (rc == ADZE_OK) rc = read_beside(m, "special_tokens_map.json", &map, err);
    b.added = added;
    b.map = map;
    if (rc == ADZE_OK && kind <= 2)
        rc = az_tok_from_spm(&m->tok.hf, f->text, f->n, &b, f->path, err);
    if (rc == ADZE_OK && kind == 3) rc = from_merges(m, f, &b, err);
    if (rc == ADZE_OK && kind == 4)
        rc = az_tok_from_vocab_txt(&m->tok.hf, f->text, f->n, &b, f->path, err);
    json_decref(added);
    json_decref(map);
    return rc;
}

adze_status az_hf_read_tokenizer(adze_model *m, adze_error *err)
{
    for (size_t kind = 0; kind < AZ_COUNT(names); kind++) {
        file f;
        adze_status rc = read_file(m, names[kind], &f, err);
        bool found = f.text != NULL;
        if (rc == ADZE_OK && found) rc = read_as(m, kind, &f, err);
        az_free(m->run, f.text);
        if (rc < 0 || found) return rc;
    }
    return ADZE_OK;
}

bool az_hf_has_tokenizer(adze_run *run, const char *dir)
{
    char path[4096];

    for (size_t i = 0; i < AZ_COUNT(names); i++) {
        int n = snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        if (n > 0 && (size_t)n < sizeof path && az_exists(run, path)) return true;
    }
    return false;
}

/* Which kind of file a path names; AZ_COUNT(names): none. "gpt2-tokenizer.json" is one too. */
static size_t kind_of(const char *path)
{
    size_t kind = 0, n = strlen(path);

    for (; kind < AZ_COUNT(names); kind++) {
        size_t len = strlen(names[kind]);
        if (n < len || strcmp(path + n - len, names[kind]) != 0) continue;
        if (n == len || !isalnum((unsigned char)path[n - len - 1])) break;
    }
    return kind;
}

bool az_hf_is_tokenizer(const char *path)
{
    return kind_of(path) < AZ_COUNT(names);
}

adze_status az_hf_open_tokenizer(adze_model **out, adze_run *run, const char *path, adze_error *err)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char *dir = az_path_dir(run, path);
    adze_model *m = NULL;
    file f = { .text = NULL };
    adze_status rc = dir ? az_model_new(&m, run, dir, "hf", err) : az_fail_nomem(err, path);

    *out = NULL;
    az_free(run, dir);
    if (rc == ADZE_OK) rc = read_file(m, "tokenizer_config.json", &f, err);
    if (rc == ADZE_OK && f.text) rc = parse(&f, &m->tok.hf_config, err);
    az_free(run, f.text);
    f.text = NULL;
    if (rc == ADZE_OK) rc = read_file(m, name, &f, err);
    if (rc == ADZE_OK && !f.text) rc = az_fail(err, ADZE_ENOENT, path, ADZE_NOPOS, "no such file");
    if (rc == ADZE_OK) rc = read_as(m, kind_of(path), &f, err);
    az_free(run, f.text);
    if (rc == ADZE_OK)
        *out = m;
    else
        adze_model_close(m);
    return rc;
}
