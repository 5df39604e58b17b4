/* Blobs: several at once on one thread, each under its lock.
 *
 * A blob grows as blobs/OID.incomplete, is hashed as it comes, and gets its name only when the hash is the
 * one announced. What an earlier run left is hashed first and then gone on from; should the hash be wrong in
 * the end, the file starts over once, since its first part may come from other contents or a power cut.
 */
#include "hub/fetch.h"
#include "hub/check.h"

#include <stdio.h>
#include <string.h>

enum { MAX_CONNECTIONS = 32, HASH_STEP = 1 << 20, LOCK_WAIT_MS = 200 };

enum state { LOCKING, HASHING, LOADING, FINISHED };

typedef struct load {
    struct fetch *f;
    az_hub_file *file;
    enum state state;
    char *url, *blob, *tmp;
    int lock, fd;
    az_check sum;
    uint64_t at, had; /* bytes in the file and hashed; bytes that an earlier run left */
    uint64_t next_try_ns;
    bool started_over;
    az_http_call call;
} load;

typedef struct fetch {
    adze_run *run;
    az_http *http;
    az_hub_cache *cache;
    const az_hub_env *env;
    az_hub_result *r;
    load *loads;
    size_t n;    /* slots in use */
    size_t next; /* file to start next */
    uint64_t done_bytes, total_bytes;
    char *buf;        /* [HASH_STEP] */
    bool hashing;     /* something can go on without the network */
    bool checking;    /* ... and it is what an earlier run left */
    bool waiting;     /* for another program's lock */
    size_t transfers; /* under way */
} fetch;

static adze_status fail(const load *l, adze_status rc, adze_error *err, const char *msg)
{
    return az_fail_name(err, rc, l->f->r->name.repo, l->file->name, ADZE_NOPOS, "%s", msg);
}

static void load_deinit(load *l)
{
    adze_run *run = l->f->run;

    az_http_drop(l->f->http, &l->call);
    az_close(run, l->fd);
    az_close(run, l->lock);
    az_check_deinit(&l->sum);
    az_free(run, l->url);
    az_free(run, l->blob);
    az_free(run, l->tmp);
    l->fd = l->lock = -1;
    l->url = l->blob = l->tmp = NULL;
}

static char *file_url(const fetch *f, const az_hub_file *file)
{
    az_buf b;

    az_buf_init(&b, f->run);
    az_buf_printf(&b, "%s/%s/resolve/%s/", f->env->endpoint, f->r->name.repo, f->r->commit);
    az_url_put(&b, file->name, true);
    return az_buf_take(&b);
}

static adze_status load_init(load *l, fetch *f, az_hub_file *file, adze_error *err)
{
    *l = (load){ .f = f, .file = file, .lock = -1, .fd = -1 };
    l->blob = az_path_join(f->run, f->cache->blobs, file->oid);
    l->tmp = az_asprintf(f->run, "%s/%s.incomplete", f->cache->blobs, file->oid);
    l->url = file_url(f, file);
    return l->blob && l->tmp && l->url ? ADZE_OK : az_fail_nomem(err, "loading a file");
}

/* Forget what is there. */
static adze_status start_over(load *l, adze_error *err)
{
    int e = l->f->run->io.truncate(l->f->run->io.user, l->fd, 0);

    l->f->r->resumed_bytes -= l->at < l->had ? l->at : l->had;
    l->f->done_bytes -= l->at;
    l->at = l->had = 0;
    if (e < 0) return az_fail_errno(err, l->tmp, "shorten", -e);
    if (!az_check_begin(&l->sum, l->file->oid, l->file->size_bytes))
        return az_fail_nomem(err, "computing a hash");
    return ADZE_OK;
}

static adze_status open_incomplete(load *l, adze_error *err)
{
    adze_run *run = l->f->run;
    adze_status rc = az_open(run, l->tmp, AZ_OPEN_UPDATE, &l->fd, err);
    az_stat st = { 0 };

    if (rc == ADZE_OK) rc = az_fstat(run, l->fd, l->tmp, &st, err);
    if (rc < 0) return rc;
    l->had = st.size_bytes;
    if (l->had > l->file->size_bytes) return start_over(l, err);
    if (!az_check_begin(&l->sum, l->file->oid, l->file->size_bytes))
        return az_fail_nomem(err, "computing a hash");
    return ADZE_OK;
}

static adze_status step_locking(load *l, adze_error *err)
{
    fetch *f = l->f;
    adze_status rc;

    if (az_now_ns(f->run) < l->next_try_ns) return ADZE_OK;
    rc = az_hub_lock(f->cache, l->file->oid, &l->lock, err);
    if (rc < 0) return rc;
    if (l->lock < 0) {
        f->waiting = true;
        l->next_try_ns = az_now_ns(f->run) + LOCK_WAIT_MS * UINT64_C(1000000);
        return ADZE_OK;
    }
    if (az_hub_cached(f->cache, f->r->commit, l->file)) { /* another process was faster */
        l->file->cached = true;
        f->done_bytes += l->file->size_bytes;
        l->state = FINISHED;
        return ADZE_OK;
    }
    l->state = HASHING;
    return open_incomplete(l, err);
}

static adze_status commit(load *l, adze_error *err)
{
    adze_status rc;
    int fd = l->fd;

    if (!az_check_end(&l->sum, l->file->oid)) {
        if (l->had && !l->started_over) {
            l->started_over = true;
            return start_over(l, err);
        }
        l->f->run->io.unlink(l->f->run->io.user, l->tmp);
        return fail(l, ADZE_EFORMAT, err,
                    "the bytes that came are not those announced (wrong hash); nothing was kept");
    }
    l->fd = -1;
    rc = az_commit_file(l->f->run, fd, l->tmp, l->blob, err);
    if (rc == ADZE_OK) l->state = FINISHED;
    return rc;
}

static uint64_t load_from(void *user)
{
    return ((load *)user)->at;
}

/* 200: all of it; 206: from where was asked; 416: no such part. */
static adze_status load_begin(void *user, const az_http_reply *r, adze_error *err)
{
    load *l = user;
    uint64_t size = l->file->size_bytes;
    const char *etag = r->linked_etag[0] ? r->linked_etag : r->etag;
    adze_status rc;

    if (r->status == 416) {
        rc = start_over(l, err);
        return rc < 0 ? rc : fail(l, ADZE_ENETWORK, err, "the server has no such part");
    }
    if (strlen(etag) == strlen(l->file->oid) && strspn(etag, "0123456789abcdef") == strlen(etag) &&
        strcmp(etag, l->file->oid) != 0)
        return fail(l, ADZE_EFORMAT, err, "the server sends another file than its listing says");
    if (r->status == 206 && r->range_from != l->at)
        return fail(l, ADZE_EFORMAT, err, "the server sends another part than asked for");
    if ((r->status == 206 && r->range_total != AZ_HTTP_UNKNOWN && r->range_total != size) ||
        (r->status == 206 && r->length != AZ_HTTP_UNKNOWN && r->length > size - l->at) ||
        (r->status != 206 && r->length != AZ_HTTP_UNKNOWN && r->length != size))
        return az_fail_name(err, ADZE_EFORMAT, l->f->r->name.repo, l->file->name, ADZE_NOPOS,
                            "the server sends %llu bytes where its listing says %llu",
                            (unsigned long long)(r->status == 206 ? r->range_total : r->length),
                            (unsigned long long)size);
    return r->status != 206 && l->at ? start_over(l, err) : ADZE_OK;
}

static adze_status load_body(void *user, const void *data, size_t n, adze_error *err)
{
    load *l = user;
    adze_status rc;

    if (n > l->file->size_bytes - l->at)
        return fail(l, ADZE_EFORMAT, err, "the server sends more bytes than its listing says");
    rc = az_pwrite_all(l->f->run, l->fd, data, n, l->at, l->tmp, err);
    if (rc < 0) return rc;
    az_check_add(&l->sum, data, n);
    l->at += n;
    l->f->done_bytes += n;
    l->file->loaded_bytes += n;
    return ADZE_OK;
}

static adze_status load_end(void *user, adze_error *err)
{
    load *l = user;

    return l->at == l->file->size_bytes ? ADZE_OK
                                        : fail(l, ADZE_ENETWORK, err, "the reply ended too early");
}

static adze_status step_hashing(load *l, adze_error *err)
{
    fetch *f = l->f;
    size_t n = l->had - l->at < HASH_STEP ? (size_t)(l->had - l->at) : HASH_STEP;
    adze_status rc;

    if (n) {
        rc = az_pread_all(f->run, l->fd, f->buf, n, l->at, l->tmp, err);
        if (rc < 0) return rc;
        az_check_add(&l->sum, f->buf, n);
        l->at += n;
        f->done_bytes += n;
        f->r->resumed_bytes += n;
        return ADZE_OK;
    }
    if (l->at == l->file->size_bytes) return commit(l, err);
    l->call = (az_http_call){ .url = l->url,
                              .what = l->file->name,
                              .user = l,
                              .from = load_from,
                              .begin = load_begin,
                              .body = load_body,
                              .end = load_end };
    az_http_add(f->http, &l->call);
    l->state = LOADING;
    return ADZE_OK;
}

static adze_status step_loading(load *l, adze_error *err)
{
    if (!l->call.done) return ADZE_OK;
    if (l->call.rc < 0) {
        if (err) *err = l->call.err;
        if (l->call.rc == ADZE_EFORMAT && l->at == 0)
            l->f->run->io.unlink(l->f->run->io.user, l->tmp);
        return l->call.rc;
    }
    l->state = HASHING; /* nothing left to hash: it commits, or starts over */
    return commit(l, err);
}

static adze_status step(load *l, adze_error *err)
{
    switch (l->state) {
    case LOCKING: return step_locking(l, err);
    case HASHING: return step_hashing(l, err);
    case LOADING: return step_loading(l, err);
    case FINISHED: break;
    }
    return ADZE_OK;
}

/* Free slots get the next chosen files that are not there. */
static adze_status fill_slots(fetch *f, adze_error *err)
{
    adze_status rc = ADZE_OK;

    for (size_t i = 0; rc == ADZE_OK && i < f->n; i++) {
        while (f->next < f->r->n_files &&
               (!f->r->files[f->next].chosen || f->r->files[f->next].cached))
            f->next++;
        if (f->loads[i].file || f->next == f->r->n_files) continue;
        rc = load_init(&f->loads[i], f, &f->r->files[f->next++], err);
    }
    return rc;
}

/* One turn for every slot; *busy: something is left to do. */
static adze_status turn(fetch *f, bool *busy, adze_error *err)
{
    adze_status rc = fill_slots(f, err);

    *busy = f->hashing = f->checking = f->waiting = false;
    f->transfers = 0;
    for (size_t i = 0; rc == ADZE_OK && i < f->n; i++) {
        load *l = &f->loads[i];
        if (!l->file) continue;
        rc = step(l, err);
        *busy = true;
        f->hashing = f->hashing || l->state == HASHING;
        f->checking = f->checking || (l->state == HASHING && l->at < l->had);
        f->transfers += l->state == LOADING;
        if (rc == ADZE_OK && l->state == FINISHED) {
            l->file->cached = true;
            load_deinit(l);
            *l = (load){ .lock = -1, .fd = -1 };
        }
    }
    return rc;
}

/* What is checked counts as done, but at another pace than what is loaded: it is a stage of its own. */
static void tell(fetch *f)
{
    char stage[300];

    if (!f->total_bytes) return;
    snprintf(stage, sizeof stage,
             f->checking                   ? "pull %s: check what an earlier run loaded"
             : f->waiting && !f->transfers ? "pull %s: wait for another program that loads it"
                                           : "pull %s",
             f->r->name.repo);
    az_progress(f->run, stage, f->done_bytes, f->total_bytes, "B");
}

static adze_status run_loads(fetch *f, adze_error *err)
{
    adze_status rc = ADZE_OK;
    bool busy = true;

    while (rc == ADZE_OK && busy) {
        rc = az_check_cancel(f->run, err);
        if (rc == ADZE_OK) rc = turn(f, &busy, err);
        if (rc == ADZE_OK && busy) rc = az_http_step(f->http, f->hashing ? 0 : 100, err);
        if (f->waiting) az_sleep_ns(f->run, 20 * UINT64_C(1000000));
        tell(f);
    }
    return rc;
}

adze_status az_hub_fetch(az_http *h, az_hub_cache *c, const az_hub_env *env, az_hub_result *r,
                         int connections, adze_error *err)
{
    fetch f = { .run = c->run, .http = h, .cache = c, .env = env, .r = r };
    adze_status rc = ADZE_OK;

    f.n = (size_t)(connections < 1                 ? 1
                   : connections > MAX_CONNECTIONS ? MAX_CONNECTIONS
                                                   : connections);
    f.loads = az_calloc(c->run, f.n, sizeof *f.loads);
    f.buf = az_alloc(c->run, HASH_STEP);
    if (!f.loads || !f.buf) rc = az_fail_nomem(err, "loading files");
    for (size_t i = 0; f.loads && i < f.n; i++)
        f.loads[i] = (load){ .lock = -1, .fd = -1 };
    for (size_t i = 0; i < r->n_files; i++)
        if (r->files[i].chosen && !r->files[i].cached) f.total_bytes += r->files[i].size_bytes;
    if (rc == ADZE_OK) rc = run_loads(&f, err);
    for (size_t i = 0; f.loads && i < f.n; i++)
        if (f.loads[i].file) load_deinit(&f.loads[i]);
    az_free(c->run, f.loads);
    az_free(c->run, f.buf);
    return rc;
}
