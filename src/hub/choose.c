/* The usual choice: what describes the model and its tokenizer, and the weights in the best form there is:
 * safetensors, else the one GGUF, else pytorch_model.bin. Many repositories hold the same weights several times.
 */
#include "hub/choose.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Patterns are for the path; "*" stops at no slash except in these, which name their folders. */
static const char *const description[] = {
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "tokenizer.model.v[0-9]*",
    "tekken.json",
    "spiece.model",
    "sentencepiece.bpe.model",
    "sentencepiece.model",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "added_tokens.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "chat_template.json",
    "additional_chat_templates/*.jinja",
    "preprocessor_config.json",
    "processor_config.json",
    "quantize_config.json",
    "quant_config.json",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "[0-9]_*/config.json",
    "[0-9]_*/model.safetensors",
    NULL,
};
static const char index_safetensors[] = "model.safetensors.index.json";
static const char index_pytorch[] = "pytorch_model.bin.index.json";

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);

    return n >= m && strcasecmp(s + n - m, end) == 0;
}

az_hub_file *az_hub_find(const az_hub_result *r, const char *name)
{
    size_t lo = 0, hi = r->n_files;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int d = strcmp(name, r->files[mid].name);
        if (d == 0) return &r->files[mid];
        if (d < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

static bool choose_name(az_hub_result *r, const char *name)
{
    az_hub_file *f = az_hub_find(r, name);

    if (f) f->chosen = true;
    return f != NULL;
}

/* "-00002-of-00005" before the extension: where it starts, with the number and the count; NULL: not a part. */
static const char *part_of(const char *name, unsigned *k, unsigned *n)
{
    const char *dot = strrchr(name, '.'), *s = dot ? dot - 15 : NULL;

    if (!s || s < name || s[0] != '-' || strncmp(s + 6, "-of-", 4) != 0) return NULL;
    for (int i = 0; i < 5; i++)
        if (!isdigit((unsigned char)s[1 + i]) || !isdigit((unsigned char)s[10 + i])) return NULL;
    *k = (unsigned)strtoul(s + 1, NULL, 10);
    *n = (unsigned)strtoul(s + 10, NULL, 10);
    return s;
}

static size_t choose_like(az_hub_result *r, const char *pattern)
{
    const char *base = strrchr(pattern, '/');
    size_t n = 0;

    for (size_t i = 0; i < r->n_files; i++) {
        const char *name = r->files[i].name, *last = strrchr(name, '/');
        if (fnmatch(pattern, name, FNM_CASEFOLD) != 0 &&
            (base || !last || fnmatch(pattern, last + 1, FNM_CASEFOLD) != 0))
            continue;
        r->files[i].chosen = true;
        n++;
    }
    return n;
}

/* Parts of one split file lie side by side in the sorted list: the first one past those that share f's stem. */
static size_t run_end(const az_hub_result *r, size_t first, size_t stem)
{
    size_t i = first;
    unsigned k, n;

    while (i < r->n_files) {
        const char *name = r->files[i].name, *at = part_of(name, &k, &n);
        if (!at || (size_t)(at - name) != stem || memcmp(name, r->files[first].name, stem) != 0)
            break;
        i++;
    }
    return i;
}

/* Parts of one file among files[first..end): those with this number of parts and this extension. */
typedef struct parts {
    size_t first, end;
    unsigned n;
    const char *ext;
} parts;

static bool is_part(const az_hub_result *r, const parts *p, size_t i)
{
    unsigned k, n;
    const char *at = part_of(r->files[i].name, &k, &n);

    return at && n == p->n && strcmp(at + 15, p->ext) == 0;
}

/* The next split file at or after *at of which a part is chosen; false: no more. */
static bool next_parts(const az_hub_result *r, size_t *at, parts *p)
{
    while (*at < r->n_files) {
        unsigned k, n;
        const char *name = r->files[*at].name, *stem = part_of(name, &k, &n);
        *p = (parts){ .first = *at, .end = *at + 1 };
        if (stem) p->end = run_end(r, *at, (size_t)(stem - name));
        *at = p->end;
        for (size_t i = p->first; stem && i < p->end; i++)
            if (r->files[i].chosen) {
                p->ext = part_of(r->files[i].name, &k, &p->n) + 15;
                return true;
            }
    }
    return false;
}

/* The other parts of every chosen GGUF part. */
static void choose_siblings(az_hub_result *r)
{
    size_t at = 0;
    parts p;

    while (next_parts(r, &at, &p))
        for (size_t i = p.first; strcasecmp(p.ext, ".gguf") == 0 && i < p.end; i++)
            r->files[i].chosen = r->files[i].chosen || is_part(r, &p, i);
}

/* A GGUF that can be a model: no projector, no importance matrix; only the first part of a split one. */
static bool is_gguf(const char *name)
{
    const char *base = strrchr(name, '/');
    unsigned k, n;

    base = base ? base + 1 : name;
    return ends_with(base, ".gguf") && strncasecmp(base, "mmproj", 6) != 0 &&
           !strcasestr(base, "imatrix") && (!part_of(base, &k, &n) || k == 1);
}

/* All parts together of the GGUF whose first part is files[i]. */
static uint64_t gguf_bytes(const az_hub_result *r, size_t i)
{
    const char *name = r->files[i].name;
    uint64_t sum = 0;
    parts p = { .first = i };
    unsigned k;
    const char *at = part_of(name, &k, &p.n);

    if (!at) return r->files[i].size_bytes;
    p.ext = at + 15;
    p.end = run_end(r, i, (size_t)(at - name));
    for (; i < p.end; i++)
        if (is_part(r, &p, i)) sum += r->files[i].size_bytes;
    return sum;
}

/* "which exist, and how to choose" */
static adze_status several(const az_hub_result *r, adze_error *err)
{
    char list[200] = "";
    size_t at = 0, left = 0;

    for (size_t i = 0; i < r->n_files; i++) {
        char one[160];
        const az_hub_file *f = &r->files[i];
        size_t n;
        if (!is_gguf(f->name)) continue;
        n = left ? sizeof one
                 : (size_t)snprintf(one, sizeof one, "%s%.120s (%.2f GB)", at ? ", " : "", f->name,
                                    (double)gguf_bytes(r, i) / 1e9);
        if (n < sizeof one && at + n < sizeof list - 16) {
            memcpy(list + at, one, n + 1);
            at += n;
        } else {
            left++;
        }
    }
    if (left) snprintf(list + at, sizeof list - at, ", %zu more", left);
    return az_fail(err, ADZE_EUNSUP, r->name.repo, ADZE_NOPOS,
                   "holds several GGUF files: %s; choose with `adze pull %s --include PATTERN`; "
                   "--list shows all",
                   list, r->name.repo);
}

/* At the root: the shards that the index's name implies, or the one file, or, where the names are others,
 * every file of the kind but a second copy in the maker's own layout. */
static bool choose_weights(az_hub_result *r, const char *stem, const char *ext, const char *index)
{
    char one[64];
    size_t n = 0;
    bool sharded = choose_name(r, index);

    snprintf(one, sizeof one, "%s%s", stem, ext);
    if (!sharded && choose_name(r, one)) return true;
    for (int pass = 0; n == 0 && pass < 2; pass++)
        for (size_t i = 0; i < r->n_files; i++) {
            const char *name = r->files[i].name;
            unsigned k, total;
            if (strchr(name, '/') || !ends_with(name, ext)) continue;
            if (pass == 0 && (!part_of(name, &k, &total) || strncmp(name, stem, strlen(stem)) != 0))
                continue;
            if (pass == 1 && (strncmp(name, "consolidated", 12) == 0 || strcmp(ext, ".bin") == 0))
                continue;
            r->files[i].chosen = true;
            n++;
        }
    return n > 0;
}

static adze_status choose_usual(az_hub_result *r, adze_error *err)
{
    size_t ggufs = 0;

    for (size_t i = 0; i < r->n_files; i++)
        for (size_t p = 0; description[p]; p++)
            if (fnmatch(description[p], r->files[i].name, FNM_PATHNAME) == 0)
                r->files[i].chosen = true;
    if (choose_weights(r, "model", ".safetensors", index_safetensors)) return ADZE_OK;
    for (size_t i = 0; i < r->n_files; i++)
        ggufs += is_gguf(r->files[i].name);
    if (ggufs > 1) return several(r, err);
    if (ggufs == 1) {
        for (size_t i = 0; i < r->n_files; i++)
            r->files[i].chosen = is_gguf(r->files[i].name);
        choose_siblings(r);
        return ADZE_OK;
    }
    if (choose_weights(r, "pytorch_model", ".bin", index_pytorch)) return ADZE_OK;
    return az_fail(err, ADZE_EUNSUP, r->name.repo, ADZE_NOPOS,
                   "holds no safetensors, GGUF or pytorch_model.bin at its root; `adze pull %s "
                   "--list` shows what it holds, --include PATTERN loads it",
                   r->name.repo);
}

adze_status az_hub_choose(const az_hub_opts *o, az_hub_result *r, adze_error *err)
{
    const char *file = r->name.file;

    for (size_t i = 0; i < r->n_files; i++)
        r->files[i].chosen = false;
    if (!o->n_include && !file[0]) return choose_usual(r, err);
    for (size_t i = 0; i < o->n_include; i++)
        if (!choose_like(r, o->include[i]))
            return az_fail_name(err, ADZE_ENOENT, r->name.repo, o->include[i], ADZE_NOPOS,
                                "no file fits this pattern; --list shows what there is");
    if (file[0] && !choose_name(r, file) && !choose_like(r, file))
        return az_fail_name(err, ADZE_ENOENT, r->name.repo, file, ADZE_NOPOS,
                            "there is no such file; `adze pull %s --list` shows what there is",
                            r->name.repo);
    choose_siblings(r);
    return ADZE_OK;
}

const az_hub_file *az_hub_only_gguf(const az_hub_result *r)
{
    const az_hub_file *only = NULL;

    for (size_t i = 0; i < r->n_files; i++) {
        const az_hub_file *f = &r->files[i];
        if (!f->chosen) continue;
        if (ends_with(f->name, ".safetensors") || ends_with(f->name, ".bin")) return NULL;
        if (!is_gguf(f->name)) continue;
        if (only) return NULL;
        only = f;
    }
    return only;
}

adze_status az_hub_check_parts(const az_hub_result *r, adze_error *err)
{
    size_t at = 0;
    parts p;

    while (next_parts(r, &at, &p)) {
        unsigned have = 0;
        for (size_t i = p.first; i < p.end; i++)
            have += r->files[i].chosen && is_part(r, &p, i);
        if (have != p.n)
            return az_fail_name(err, ADZE_EFORMAT, r->name.repo, r->files[p.first].name, ADZE_NOPOS,
                                "only %u of its %u parts are there", have, p.n);
    }
    return ADZE_OK;
}
