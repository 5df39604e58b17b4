/* Pulling a repository: commit, listing, choice, blobs, and in the end the names. */
#include "base/check.h"
#include "base/json.h"
#include "hub/choose.h"
#include "hub/fetch.h"
#include "hub/listing.h"

#include <stdio.h>
#include <string.h>

enum { DEFAULT_CONNECTIONS = 8, DEFAULT_RETRIES = 5 };
#define MAX_INDEX ((size_t)64 << 20)

static const char *const indexes[] = { "model.safetensors.index.json",
                                       "pytorch_model.bin.index.json" };

typedef struct pull {
    adze_run *run;
    const az_hub_opts *o;
    az_hub_env env;
    az_hub_cache cache;
    az_hub_result *r;
    int retries;
    bool whole; /* the cache could stand in: no waiting for a hub that is away */
} pull;

/* What the chosen files still need must fit on the disk. */
static adze_status check_space(pull *p, adze_error *err)
{
    uint64_t need = 0;
    az_space sp;
    az_stat st;

    for (size_t i = 0; i < p->r->n_files; i++) {
        const az_hub_file *f = &p->r->files[i];
        char *tmp;
        if (!f->chosen || f->cached) continue;
        if (!az_add_u64(need, f->size_bytes, &need))
            return az_fail(err, ADZE_EFORMAT, p->r->name.repo, ADZE_NOPOS,
                           "the hub's listing has sizes that cannot be");
        tmp = az_asprintf(p->run, "%s/%s.incomplete", p->cache.blobs, f->oid);
        if (!tmp) return az_fail_nomem(err, "naming a file");
        if (p->run->io.stat(p->run->io.user, -1, tmp, -1, &st) >= 0)
            need -= st.size_bytes < f->size_bytes ? st.size_bytes : f->size_bytes;
        az_free(p->run, tmp);
    }
    if (p->run->io.space(p->run->io.user, p->cache.root, &sp) < 0 || sp.free_bytes >= need)
        return ADZE_OK;
    return az_fail(err, ADZE_EIO, p->cache.root, ADZE_NOPOS,
                   "%.2f GB more are needed, %.2f GB are free; HF_HUB_CACHE can name another disk",
                   (double)need / 1e9, (double)sp.free_bytes / 1e9);
}

/* Path of a file's bytes wherever they are now; to be freed. */
static char *bytes_path(pull *p, const az_hub_file *f)
{
    char *blob = f->oid[0] ? az_path_join(p->run, p->cache.blobs, f->oid) : NULL;

    if (blob && az_exists(p->run, blob)) return blob;
    az_free(p->run, blob);
    return az_asprintf(p->run, "%s/snapshots/%s/%s", p->cache.repo, p->r->commit, f->name);
}

/* Choose what an index names and the pattern of names did not catch; *more counts them. */
static adze_status follow_index(pull *p, const char *index, size_t *more, adze_error *err)
{
    az_hub_file *f = az_hub_find(p->r, index), *shard;
    adze_status rc;
    const char *key;
    json_t *j, *v;
    char *path;

    if (!f || !f->chosen) return ADZE_OK;
    path = bytes_path(p, f);
    rc = path ? az_json_read(&j, p->run, path, MAX_INDEX, err)
              : az_fail_nomem(err, "reading an index");
    az_free(p->run, path);
    if (rc < 0) return rc;
    json_object_foreach(json_object_get(j, "weight_map"), key, v)
    {
        const char *name = json_is_string(v) ? json_string_value(v) : "";
        shard = az_hub_find(p->r, name);
        if (!shard) {
            rc = az_fail_name(err, ADZE_EFORMAT, p->r->name.repo, index, ADZE_NOPOS,
                              "names the file \"%.200s\", which is not there", name);
            break;
        }
        if (!shard->chosen) ++*more;
        shard->chosen = true;
    }
    json_decref(j);
    return rc;
}

static adze_status follow_indexes(pull *p, size_t *more, adze_error *err)
{
    adze_status rc = ADZE_OK;

    *more = 0;
    if (p->o->n_include || p->r->name.file[0]) return ADZE_OK; /* as asked for, no more */
    for (size_t i = 0; rc == ADZE_OK && i < AZ_COUNT(indexes); i++)
        rc = follow_index(p, indexes[i], more, err);
    return rc;
}

static void sum_bytes(az_hub_result *r)
{
    r->bytes = 0;
    for (size_t i = 0; i < r->n_files; i++)
        if (r->files[i].chosen) r->bytes += r->files[i].size_bytes;
}

static adze_status set_path(pull *p, adze_error *err)
{
    const az_hub_file *only = az_hub_only_gguf(p->r);
    char *dir = az_hub_snapshot(&p->cache, p->r->commit);

    p->r->path = !dir   ? NULL
                 : only ? az_arena_printf(&p->r->arena, "%s/%s", dir, only->name)
                        : az_arena_strdup(&p->r->arena, dir);
    az_free(p->run, dir);
    sum_bytes(p->r);
    return p->r->path ? ADZE_OK : az_fail_nomem(err, "naming a folder");
}

/* Names come last and config.json last of all: who finds it finds a whole model. */
static adze_status give_names(pull *p, adze_error *err)
{
    const az_hub_file *config = az_hub_find(p->r, "config.json");
    adze_status rc = ADZE_OK;

    for (size_t i = 0; rc == ADZE_OK && i < p->r->n_files; i++)
        if (p->r->files[i].chosen && &p->r->files[i] != config)
            rc = az_hub_link(&p->cache, p->r->commit, &p->r->files[i], err);
    if (rc == ADZE_OK && config && config->chosen)
        rc = az_hub_link(&p->cache, p->r->commit, config, err);
    return rc < 0 ? rc : az_hub_write_ref(&p->cache, p->r->name.revision, p->r->commit, err);
}

/* The model of r->commit as the cache holds it, if it is whole. */
static adze_status from_cache(pull *p, adze_error *err)
{
    size_t more;
    adze_status rc = az_hub_read_snapshot(&p->cache, p->r, err);

    if (rc == ADZE_OK) rc = az_hub_choose(p->o, p->r, err);
    if (rc == ADZE_OK) rc = az_hub_check_parts(p->r, err);
    if (rc == ADZE_OK) rc = follow_indexes(p, &more, err);
    return rc < 0 ? rc : set_path(p, err);
}

static adze_status load_chosen(pull *p, az_http *h, adze_error *err)
{
    adze_status rc = ADZE_OK;
    size_t more = 1;

    while (rc == ADZE_OK && more) {
        rc = az_hub_check_clashes(p->run, p->r, err);
        for (size_t i = 0; rc == ADZE_OK && i < p->r->n_files; i++)
            p->r->files[i].cached =
                p->r->files[i].chosen && az_hub_cached(&p->cache, p->r->commit, &p->r->files[i]);
        sum_bytes(p->r);
        if (rc == ADZE_OK && p->o->list_only) return ADZE_OK;
        if (rc == ADZE_OK) rc = az_hub_cache_make(&p->cache, err);
        if (rc == ADZE_OK) rc = check_space(p, err);
        if (rc == ADZE_OK)
            rc = az_hub_fetch(h, &p->cache, &p->env, p->r,
                              p->o->connections ? p->o->connections : DEFAULT_CONNECTIONS, err);
        if (rc == ADZE_OK) rc = follow_indexes(p, &more, err);
    }
    for (size_t i = 0; i < p->r->n_files; i++)
        p->r->loaded_bytes += p->r->files[i].loaded_bytes;
    if (rc == ADZE_OK) rc = give_names(p, err);
    return rc < 0 ? rc : set_path(p, err);
}

/* --list shows a repository of which nothing can be chosen, too. */
static adze_status choose(pull *p, adze_error *err)
{
    adze_status rc = az_hub_choose(p->o, p->r, err);

    if (rc != ADZE_EUNSUP || !p->o->list_only) return rc;
    for (size_t i = 0; i < p->r->n_files; i++)
        p->r->files[i].chosen = false;
    return ADZE_OK;
}

static adze_status from_hub(pull *p, az_http *h, adze_error *err)
{
    adze_status rc = az_hub_find_commit(h, p->run, &p->env, p->r, err);

    if (rc < 0) return rc;
    if (p->o->cache_first && from_cache(p, NULL) == ADZE_OK)
        return az_hub_write_ref(&p->cache, p->r->name.revision, p->r->commit, err);
    az_http_set_retries(h, p->retries);
    p->r->files = NULL;
    p->r->n_files = 0;
    rc = az_hub_list(h, p->run, &p->env, p->r, err);
    if (rc == ADZE_OK) rc = choose(p, err);
    return rc < 0 ? rc : load_chosen(p, h, err);
}

static adze_status offline(pull *p, adze_error *err)
{
    adze_status rc = az_hub_read_ref(&p->cache, p->r, err);
    size_t n;

    if (rc == ADZE_OK) rc = from_cache(p, err);
    if (rc == ADZE_OK || !err || rc == ADZE_ECANCEL || rc == ADZE_ENOMEM) return rc;
    n = strlen(err->msg);
    snprintf(err->msg + n, sizeof err->msg - n,
             "; HF_HUB_OFFLINE is set, so nothing is loaded: unset it and run `adze pull %.200s`",
             p->r->name.repo);
    return rc;
}

/* The hub is away and the cache has the model: better than nothing, and said. */
static adze_status stand_in(pull *p, adze_status why, adze_error *err)
{
    adze_error away = *err;

    if ((why != ADZE_ENETWORK && why != ADZE_ETIMEOUT) || !p->whole) return why;
    if (az_hub_read_ref(&p->cache, p->r, NULL) < 0 || from_cache(p, NULL) < 0) return why;
    p->r->away = away;
    return ADZE_OK;
}

adze_status az_hub_pull(adze_run *run, const az_hub_name *name, const az_hub_opts *opts,
                        az_hub_result *out, adze_error *err)
{
    pull p = { .run = run, .o = opts, .r = out };
    adze_error local = { .pos = ADZE_NOPOS };
    az_http *h = NULL;
    adze_status rc;

    memset(out, 0, sizeof *out);
    az_arena_init(&out->arena, run);
    out->name = *name;
    if (!err) err = &local;
    rc = az_hub_env_read(&p.env, &out->arena, err);
    if (rc == ADZE_OK) rc = az_hub_cache_init(&p.cache, &out->arena, &p.env, name->repo, err);
    if (rc < 0) return rc;
    p.retries = opts->retries < 0 ? DEFAULT_RETRIES : opts->retries;
    p.whole = opts->cache_first && az_hub_read_ref(&p.cache, out, NULL) == ADZE_OK &&
              from_cache(&p, NULL) == ADZE_OK;
    if (p.whole && strcmp(out->commit, name->revision) == 0) return ADZE_OK; /* never changes */
    if (p.env.offline) return offline(&p, err);
    rc = az_http_new(&h, run, &p.env, name->repo, p.whole ? 0 : p.retries, err);
    if (rc == ADZE_OK) rc = from_hub(&p, h, err);
    az_http_free(h);
    return rc < 0 ? stand_in(&p, rc, err) : rc;
}

void az_hub_result_deinit(az_hub_result *r)
{
    if (r->arena.run) az_arena_deinit(&r->arena);
}
