/* Streaming writer: work items are runs of rows of about a megabyte, taken in file order by all threads.
 *
 * Memory is a few buffers a thread, whatever the model. Bytes do not depend on the number of threads: a row
 * depends on nothing but its source. The checksum only tells a finished output from a torn one; it is no
 * digest.
 */
#include "format/stream.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/thread.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CHUNK_ELEMENTS 1000000
#define RECORD         26 /* "%08zx %016llx\n" */

typedef struct job {
    adze_run *run;
    az_plan *plan;
    const az_stream *s;
    const char *dst;
    char *folder;  /* where the files grow when they make a folder */
    char **part;   /* [s->n_files] paths of the growing files */
    int *fd;       /* [s->n_files] */
    char *journal; /* path */
    int journal_fd;
    uint64_t total; /* bytes of all files */
    uint64_t tag;
    size_t *first;         /* [n_outputs + 1] first work item of each output */
    uint64_t *sums;        /* [items] checksum of each item */
    uint64_t *expect;      /* [n_outputs] checksum that the journal claims */
    bool *claimed;         /* [n_outputs] by the journal */
    bool *done;            /* [n_outputs] verified */
    atomic_size_t *left;   /* [n_outputs] items still to be made */
    atomic_size_t records; /* in the journal */
    atomic_uint_least64_t bytes;
    atomic_int failed; /* set by the first failure, which fills `err` */
    adze_status rc;
    adze_error *err;
} job;

/* 64-bit checksum, eight bytes at a time: multiply and rotate. */
static uint64_t checksum(uint64_t h, const void *data, size_t n)
{
    const unsigned char *p = data;
    uint64_t w;

    for (; n >= 8; p += 8, n -= 8) {
        memcpy(&w, p, 8);
        h = (h ^ w) * 0x9e3779b97f4a7c15u;
        h = h << 29 | h >> 35;
    }
    for (; n; p++, n--)
        h = (h ^ *p) * 0x100000001b3u;
    h ^= h >> 32;
    return h * 0xd6e8feb86659fd93u;
}

static int64_t rows_per_item(const az_output *o)
{
    int64_t cols = o->n_dims ? o->shape[o->n_dims - 1] : 1;
    int64_t rows = CHUNK_ELEMENTS / (cols > 0 ? cols : 1);

    return rows > 0 ? rows : 1;
}

static size_t items_of(const az_output *o)
{
    int64_t per = rows_per_item(o);

    return o->row_bytes ? (size_t)((o->rows + per - 1) / per) : 0;
}

static adze_status make_tag(job *j, adze_error *err)
{
    const adze_model *m = j->plan->model;
    uint64_t h = checksum(1, adze_version(), strlen(adze_version()));

    for (size_t i = 0; i < m->n_files; i++) {
        az_stat st;
        uint64_t id[5];
        adze_status rc = az_fstat(j->run, m->files[i].fd, m->files[i].path, &st, err);
        if (rc < 0) return rc;
        id[0] = st.dev;
        id[1] = st.ino;
        id[2] = st.size_bytes;
        id[3] = (uint64_t)st.mtime_ns;
        id[4] = i;
        h = checksum(h, id, sizeof id);
    }
    h = checksum(h, &j->plan->inputs_tag, sizeof j->plan->inputs_tag);
    for (size_t i = 0; i < j->s->n_files; i++)
        h = checksum(h, j->s->files[i].head, j->s->files[i].head_bytes);
    j->tag = h;
    return ADZE_OK;
}

static adze_status name_parts(job *j)
{
    unsigned long long tag = j->tag;

    j->part = az_calloc(j->run, j->s->n_files + 1, sizeof *j->part);
    j->fd = az_calloc(j->run, j->s->n_files + 1, sizeof *j->fd);
    for (size_t i = 0; j->fd && i < j->s->n_files; i++)
        j->fd[i] = -1;
    j->journal = az_asprintf(j->run, "%s.%016llx.journal", j->dst, tag);
    if (j->s->folder) j->folder = az_asprintf(j->run, "%s.%016llx.part", j->dst, tag);
    if (!j->part || !j->fd || !j->journal || (j->s->folder && !j->folder)) return ADZE_ENOMEM;
    for (size_t i = 0; i < j->s->n_files; i++) {
        const char *name = j->s->files[i].name;
        j->part[i] = j->folder ? az_path_join(j->run, j->folder, name)
                               : az_asprintf(j->run, "%s.%016llx.part", name, tag);
        if (!j->part[i]) return ADZE_ENOMEM;
    }
    return ADZE_OK;
}

static adze_status prepare(job *j, adze_error *err)
{
    size_t n = j->plan->n_outputs;
    adze_status rc = make_tag(j, err);

    if (rc < 0) return rc;
    j->first = az_calloc(j->run, n + 1, sizeof *j->first);
    j->expect = az_calloc(j->run, n + 1, sizeof *j->expect);
    j->claimed = az_calloc(j->run, n + 1, sizeof *j->claimed);
    j->done = az_calloc(j->run, n + 1, sizeof *j->done);
    j->left = az_calloc(j->run, n + 1, sizeof *j->left);
    if (name_parts(j) < 0 || !j->first || !j->expect || !j->claimed || !j->done || !j->left)
        return az_fail_nomem(err, "preparing to write");
    for (size_t i = 0; i < n; i++) {
        size_t items = items_of(&j->plan->outputs[i]);
        j->first[i + 1] = j->first[i] + items;
        atomic_init(&j->left[i], items);
    }
    for (size_t i = 0; i < j->s->n_files; i++)
        if (!az_add_u64(j->total, j->s->files[i].file_bytes, &j->total))
            return az_fail(err, ADZE_EFORMAT, j->dst, ADZE_NOPOS, "sizes overflow");
    j->sums = az_calloc(j->run, j->first[n] + 1, sizeof *j->sums);
    return j->sums ? ADZE_OK : az_fail_nomem(err, "preparing to write");
}

static size_t output_of(const job *j, size_t item)
{
    size_t lo = 0, hi = j->plan->n_outputs;

    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (j->first[mid] <= item)
            lo = mid;
        else
            hi = mid;
    }
    while (j->first[lo + 1] <= item)
        lo++; /* outputs without items */
    return lo;
}

/* Checksum of an output from those of its items. */
static uint64_t output_sum(const job *j, size_t i)
{
    return checksum(i, &j->sums[j->first[i]], (j->first[i + 1] - j->first[i]) * sizeof *j->sums);
}

static void journal_header(const job *j, char *buf, size_t size)
{
    snprintf(buf, size, "adze-part 1 %016llx %zu %llu\n", (unsigned long long)j->tag,
             j->plan->n_outputs, (unsigned long long)j->total);
}

static bool parse_record(const char *r, size_t *index, uint64_t *sum)
{
    unsigned long long s;

    if (r[8] != ' ' || r[RECORD - 1] != '\n') return false;
    if (sscanf(r, "%8zx %16llx", index, &s) != 2) return false;
    *sum = s;
    return true;
}

/* What an interrupted run left: true when both files are there and fit. Fills claimed and expect. */
static bool read_journal(job *j)
{
    char head[96], record[RECORD + 1];
    adze_error ignored;
    az_stat st;
    char *text = NULL;
    size_t n, at;
    bool ok = false;

    for (size_t i = 0; i < j->s->n_files; i++)
        if (az_stat_path(j->run, j->part[i], &st, &ignored) < 0 ||
            st.size_bytes != j->s->files[i].file_bytes)
            return false;
    if (az_read_file(j->run, j->journal, (size_t)64 << 20, &text, &n, &ignored) < 0) return false;
    journal_header(j, head, sizeof head);
    at = strlen(head);
    if (n >= at && memcmp(text, head, at) == 0) {
        ok = true;
        for (; n - at >= RECORD; at += RECORD) {
            size_t index;
            uint64_t sum;
            memcpy(record, text + at, RECORD);
            record[RECORD] = 0;
            if (!parse_record(record, &index, &sum) || index >= j->plan->n_outputs) continue;
            j->claimed[index] = true;
            j->expect[index] = sum;
        }
    }
    az_free(j->run, text);
    return ok;
}

/* First failure wins and is kept; the others only stop. */
static void fail(job *j, adze_status rc, const adze_error *e)
{
    int first = 0;

    if (!atomic_compare_exchange_strong(&j->failed, &first, 1)) return;
    j->rc = rc;
    if (j->err) *j->err = *e;
}

static void item_range(const job *j, size_t item, const az_output **o, int64_t *r0, int64_t *n)
{
    size_t i = output_of(j, item);
    int64_t per;

    *o = &j->plan->outputs[i];
    per = rows_per_item(*o);
    *r0 = (int64_t)(item - j->first[i]) * per;
    *n = (*o)->rows - *r0 < per ? (*o)->rows - *r0 : per;
}

/* Read (or write) rows [r0, r0 + n) of output i from (to) where they lie, part by part. */
static adze_status transfer(job *j, size_t i, int64_t r0, int64_t n, char *buf, bool write,
                            adze_error *err)
{
    const az_output *o = &j->plan->outputs[i];
    adze_status rc = ADZE_OK;

    for (int p = 0; p < (o->n_parts ? o->n_parts : 1) && rc == ADZE_OK; p++) {
        const az_place *to = &j->s->place[i * AZ_OUTPUT_PARTS + (size_t)p];
        uint64_t row = o->n_parts ? o->parts[p].row_bytes : o->row_bytes;
        uint64_t at = to->at + (uint64_t)r0 * row;
        size_t bytes = (size_t)((uint64_t)n * row);
        rc = write ? az_pwrite_all(j->run, j->fd[to->file], buf, bytes, at, j->part[to->file], err)
                   : az_pread_all(j->run, j->fd[to->file], buf, bytes, at, j->part[to->file], err);
        buf += bytes;
    }
    return rc;
}

static void verify_item(void *arg, size_t item, int thread)
{
    job *j = arg;
    const az_output *o;
    adze_error ignored;
    int64_t r0, n;
    size_t bytes, i = output_of(j, item);
    char *buf;

    (void)thread;
    if (!j->claimed[i] || az_cancelled(j->run)) return;
    item_range(j, item, &o, &r0, &n);
    bytes = (size_t)((uint64_t)n * o->row_bytes);
    buf = az_alloc(j->run, bytes);
    if (buf && transfer(j, i, r0, n, buf, false, &ignored) == ADZE_OK)
        j->sums[item] = checksum(0, buf, bytes);
    az_free(j->run, buf);
}

static void record_output(job *j, size_t i)
{
    size_t k = atomic_fetch_add(&j->records, 1);
    char head[96], record[RECORD + 1];
    adze_error e;

    journal_header(j, head, sizeof head);
    snprintf(record, sizeof record, "%08zx %016llx\n", i, (unsigned long long)output_sum(j, i));
    if (az_pwrite_all(j->run, j->journal_fd, record, RECORD, strlen(head) + k * RECORD, j->journal,
                      &e) < 0)
        fail(j, e.status, &e);
}

static void make_item(void *arg, size_t item, int thread)
{
    job *j = arg;
    size_t i = output_of(j, item), bytes;
    const az_output *o;
    adze_error e = { .pos = ADZE_NOPOS };
    int64_t r0, n;
    adze_status rc;
    char *buf;

    (void)thread;
    if (j->done[i] || atomic_load(&j->failed) || az_cancelled(j->run)) return;
    item_range(j, item, &o, &r0, &n);
    bytes = (size_t)((uint64_t)n * o->row_bytes);
    buf = az_alloc(j->run, bytes);
    rc = buf ? az_plan_rows(j->plan, o, r0, n, buf, &e) : az_fail_nomem(&e, "writing weights");
    if (rc == ADZE_OK) rc = transfer(j, i, r0, n, buf, true, &e);
    if (rc == ADZE_OK) {
        j->sums[item] = checksum(0, buf, bytes);
        az_progress(j->run, "convert", atomic_fetch_add(&j->bytes, bytes) + bytes,
                    j->plan->total_bytes, "B");
        if (atomic_fetch_sub(&j->left[i], 1) == 1) record_output(j, i);
    } else {
        fail(j, rc, &e);
    }
    az_free(j->run, buf);
}

static adze_status open_parts(job *j, enum az_open_mode mode, adze_error *err)
{
    adze_status rc = ADZE_OK;

    for (size_t i = 0; i < j->s->n_files && rc == ADZE_OK; i++)
        rc = az_open(j->run, j->part[i], mode, &j->fd[i], err);
    return rc;
}

/* Open the journal and hold it, so that two processes never write one file. Who had it before may have finished and
 * unlinked it in between: then the next one by that name is taken. Where locks do not exist, go without. */
static adze_status open_journal(job *j, adze_error *err)
{
    az_stat mine, named;
    adze_error ignored;
    adze_status rc;

    for (int tries = 0; tries < 100; tries++) {
        rc = az_open_output(j->run, j->journal, j->dst, AZ_OPEN_UPDATE, &j->journal_fd, err);
        if (rc < 0) return rc;
        if (j->run->io.lock(j->run->io.user, j->journal_fd) == -EWOULDBLOCK)
            return az_fail(err, ADZE_EIO, j->dst, ADZE_NOPOS,
                           "another process is writing this; wait for it, or stop it");
        rc = az_fstat(j->run, j->journal_fd, j->journal, &mine, err);
        if (rc < 0) return rc;
        if (az_stat_path(j->run, j->journal, &named, &ignored) == ADZE_OK &&
            named.ino == mine.ino && named.dev == mine.dev)
            return ADZE_OK;
        az_close(j->run, j->journal_fd);
        j->journal_fd = -1;
    }
    return az_fail(err, ADZE_EIO, j->journal, ADZE_NOPOS, "keeps disappearing");
}

/* An empty journal for this plan. */
static adze_status begin_journal(job *j, adze_error *err)
{
    char head[96];
    int e = j->run->io.truncate(j->run->io.user, j->journal_fd, 0);

    if (e < 0) return az_fail_errno(err, j->journal, "set the size", -e);
    journal_header(j, head, sizeof head);
    return az_pwrite_all(j->run, j->journal_fd, head, strlen(head), 0, j->journal, err);
}

/* Take over what an interrupted run finished. */
static adze_status resume(job *j, adze_error *err)
{
    adze_status rc = open_parts(j, AZ_OPEN_UPDATE, err);

    if (rc < 0) return rc;
    az_parallel(j->run, j->first[j->plan->n_outputs], verify_item, j);
    rc = az_check_cancel(j->run, err);
    if (rc == ADZE_OK) rc = begin_journal(j, err);
    for (size_t i = 0; i < j->plan->n_outputs && rc == ADZE_OK; i++) {
        const az_output *o = &j->plan->outputs[i];
        if (!j->claimed[i] || output_sum(j, i) != j->expect[i]) continue;
        j->done[i] = true;
        j->plan->resumed_bytes += (uint64_t)o->rows * o->row_bytes;
        record_output(j, i);
        if (atomic_load(&j->failed)) rc = j->rc;
    }
    atomic_store(&j->bytes, j->plan->resumed_bytes);
    return rc;
}

static adze_status make_folder(job *j, const char *path, adze_error *err)
{
    int e = j->run->io.mkdir(j->run->io.user, path);

    return e < 0 && e != -EEXIST ? az_fail_errno(err, path, "make the folder", -e) : ADZE_OK;
}

static adze_status flush_folder(job *j, const char *path, adze_error *err)
{
    int fd;
    adze_status rc = az_open(j->run, path, AZ_OPEN_DIR, &fd, err);

    if (rc < 0) return rc;
    j->run->io.fsync(j->run->io.user, fd); /* some file systems refuse it for folders */
    az_close(j->run, fd);
    return ADZE_OK;
}

static adze_status remove_folder(job *j, const char *path, adze_error *err)
{
    (void)err;
    j->run->io.unlink(j->run->io.user, path);
    return ADZE_OK;
}

/* The folders within the folder that files lie in, some more than once. Takes no memory. */
static adze_status each_subfolder(job *j,
                                  adze_status (*what)(job *j, const char *path, adze_error *err),
                                  adze_error *err)
{
    adze_status rc = ADZE_OK;

    for (size_t i = 0; j->part && i < j->s->n_files && rc == ADZE_OK; i++) {
        char *end =
            j->part[i] && strchr(j->s->files[i].name, '/') ? strrchr(j->part[i], '/') : NULL;
        if (!end) continue;
        *end = 0;
        rc = what(j, j->part[i], err);
        *end = '/';
    }
    return rc;
}

static adze_status start(job *j, adze_error *err)
{
    adze_status rc;
    int e;

    if (j->folder) {
        rc = az_remove_tree(j->run, j->folder, err); /* what lies there cannot be used */
        if (rc < 0) return rc;
        e = j->run->io.mkdir(j->run->io.user, j->folder);
        if (e < 0) return az_fail_errno(err, j->folder, "make the folder", -e);
        rc = each_subfolder(j, make_folder, err);
        if (rc < 0) return rc;
    }
    rc = open_parts(j, AZ_OPEN_CREATE, err);
    return rc < 0 ? rc : begin_journal(j, err);
}

static adze_status check_space(job *j, bool resumed, adze_error *err)
{
    char *dir = az_path_dir(j->run, j->dst);
    az_space sp;
    uint64_t need = j->total;
    int e;

    if (!dir) return az_fail_nomem(err, "checking the space");
    e = j->run->io.space(j->run->io.user, dir, &sp);
    az_free(j->run, dir);
    if (e < 0) return ADZE_OK; /* the folder is missing or tells nothing: opening will say */
    if (resumed) {
        for (size_t i = 0; i < j->plan->n_outputs; i++)
            if (j->claimed[i])
                need -= (uint64_t)j->plan->outputs[i].rows * j->plan->outputs[i].row_bytes;
    }
    if (sp.free_bytes >= need) return ADZE_OK;
    return az_fail(
        err, ADZE_EIO, j->dst, ADZE_NOPOS,
        "needs %llu bytes, the disk has %llu free: free some space, or take another place",
        (unsigned long long)need, (unsigned long long)sp.free_bytes);
}

/* Zeros between an output and what follows: a part file that was taken over may hold anything there. */
static adze_status write_gap(job *j, size_t i, adze_error *err)
{
    static const char zeros[4096];
    const az_output *o = &j->plan->outputs[i];
    const az_place *at = &j->s->place[i * AZ_OUTPUT_PARTS], *next = at + AZ_OUTPUT_PARTS;
    bool last = i + 1 == j->plan->n_outputs || next->file != at->file;
    uint64_t end = at->at + (uint64_t)o->rows * o->row_bytes;
    uint64_t to = last ? j->s->files[at->file].file_bytes : next->at;
    adze_status rc = ADZE_OK;

    while (!o->n_parts && end < to && rc == ADZE_OK) {
        size_t n = to - end < sizeof zeros ? (size_t)(to - end) : sizeof zeros;
        rc = az_pwrite_all(j->run, j->fd[at->file], zeros, n, end, j->part[at->file], err);
        end += n;
    }
    return rc;
}

static adze_status write_all(job *j, adze_error *err)
{
    adze_status rc = ADZE_OK;

    for (size_t i = 0; i < j->s->n_files; i++) {
        const az_stream_file *f = &j->s->files[i];
        int e = j->run->io.truncate(j->run->io.user, j->fd[i], f->file_bytes);
        if (e < 0) return az_fail_errno(err, j->part[i], "set the size", -e);
        rc = az_pwrite_all(j->run, j->fd[i], f->head, f->head_bytes, 0, j->part[i], err);
        if (rc < 0) return rc;
    }
    for (size_t i = 0; i < j->plan->n_outputs && rc == ADZE_OK && j->s->padded; i++)
        rc = write_gap(j, i, err);
    if (rc < 0) return rc;
    az_parallel(j->run, j->first[j->plan->n_outputs], make_item, j);
    if (atomic_load(&j->failed)) return j->rc;
    return az_check_cancel(j->run, err);
}

/* Flush every file, then the folder, then give it its name. */
static adze_status commit_folder(job *j, adze_error *err)
{
    int e, fd;
    adze_status rc;
    char *dir;

    for (size_t i = 0; i < j->s->n_files; i++) {
        e = j->run->io.fsync(j->run->io.user, j->fd[i]);
        if (e < 0) return az_fail_errno(err, j->part[i], "flush", -e);
        e = j->run->io.close(j->run->io.user, j->fd[i]);
        j->fd[i] = -1;
        if (e < 0) return az_fail_errno(err, j->part[i], "close", -e);
    }
    rc = each_subfolder(j, flush_folder, err);
    if (rc == ADZE_OK) rc = flush_folder(j, j->folder, err);
    if (rc < 0) return rc;
    e = j->run->io.rename(j->run->io.user, j->folder, j->dst);
    if (e < 0) return az_fail_errno(err, j->dst, "rename to its final name", -e);
    dir = az_path_dir(j->run, j->dst);
    if (dir && az_open(j->run, dir, AZ_OPEN_DIR, &fd, NULL) == ADZE_OK) {
        j->run->io.fsync(j->run->io.user, fd);
        az_close(j->run, fd);
    }
    az_free(j->run, dir);
    return ADZE_OK;
}

static adze_status commit(job *j, adze_error *err)
{
    adze_status rc = ADZE_OK;

    if (j->folder) return commit_folder(j, err);
    for (size_t i = j->s->n_files; i-- > 0 && rc == ADZE_OK;) {
        int fd = j->fd[i];
        j->fd[i] = -1;
        rc = az_commit_file(j->run, fd, j->part[i], j->s->files[i].name, err);
    }
    return rc;
}

/* Takes no memory: it may have run out. */
static void discard(job *j)
{
    for (size_t i = 0; j->part && i < j->s->n_files; i++)
        if (j->part[i]) j->run->io.unlink(j->run->io.user, j->part[i]);
    if (j->folder) each_subfolder(j, remove_folder, NULL);
    if (j->folder) j->run->io.unlink(j->run->io.user, j->folder);
    if (j->journal) j->run->io.unlink(j->run->io.user, j->journal);
}

/* A folder is never replaced: its files may be all there is of a model. */
static adze_status check_destination(job *j, adze_error *err)
{
    char **names = NULL;
    size_t n = 0;
    adze_status rc;
    az_stat st;

    for (size_t i = 0; !j->s->folder && i < j->s->n_files; i++)
        if (j->run->io.stat(j->run->io.user, -1, j->s->files[i].name, -1, &st) >= 0 && st.is_dir)
            return az_fail(err, ADZE_EIO, j->s->files[i].name, ADZE_NOPOS,
                           "is a folder; a file is to be written");
    if (!j->s->folder || j->run->io.stat(j->run->io.user, -1, j->dst, -1, &st) < 0) return ADZE_OK;
    if (!st.is_dir)
        return az_fail(err, ADZE_EIO, j->dst, ADZE_NOPOS, "is a file; a folder is to be written");
    rc = az_list_dir(j->run, j->dst, &names, &n, err);
    az_free_names(j->run, names, n);
    if (rc < 0) return rc;
    return n ? az_fail(err, ADZE_EIO, j->dst, ADZE_NOPOS,
                       "is a folder that is not empty; remove it or give another name")
             : ADZE_OK;
}

static void release(job *j)
{
    for (size_t i = 0; i < j->s->n_files; i++) {
        if (j->fd) az_close(j->run, j->fd[i]);
        if (j->part) az_free(j->run, j->part[i]);
    }
    az_close(j->run, j->journal_fd);
    az_free(j->run, j->fd);
    az_free(j->run, j->part);
    az_free(j->run, j->folder);
    az_free(j->run, j->journal);
    az_free(j->run, j->first);
    az_free(j->run, j->sums);
    az_free(j->run, j->expect);
    az_free(j->run, j->claimed);
    az_free(j->run, j->done);
    az_free(j->run, j->left);
}

adze_status az_stream_write(adze_run *run, az_plan *plan, const az_stream *s, const char *dst,
                            adze_error *err)
{
    job j = { .run = run, .plan = plan, .s = s, .dst = dst, .journal_fd = -1, .err = err };
    bool resumed, opened = false;
    adze_status rc;

    plan->resumed_bytes = 0;
    rc = check_destination(&j, err);
    if (rc < 0) return rc;
    rc = prepare(&j, err);
    if (rc == ADZE_OK) rc = open_journal(&j, err);
    if (rc < 0) goto done;
    resumed = read_journal(&j);
    opened = !resumed; /* what there was before stays when the disk is too full to go on */
    rc = check_space(&j, resumed, err);
    if (rc < 0) goto done;
    opened = true;
    rc = resumed ? resume(&j, err) : start(&j, err);
    if (rc < 0) goto done;
    rc = write_all(&j, err);
    if (rc < 0) goto done;
    rc = commit(&j, err);
    if (rc < 0) goto done;
    run->io.unlink(run->io.user, j.journal);
done:
    if (rc < 0 && rc != ADZE_ECANCEL && opened) discard(&j);
    release(&j);
    return rc;
}
