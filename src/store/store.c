/* The registry over SQLite. Statements are written where they are used and bound by one helper. */
#include "store/store.h"
#include "base/buf.h"
#include "base/json.h"
#include "store/schema.h"

#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { BUSY_MS = 20000 }; /* how long another process's lock is waited for */

struct az_store {
    adze_run *run;
    sqlite3 *db;
    char *path;
};

static adze_status sql_fail(az_store *s, adze_error *err)
{
    return az_fail(err, ADZE_EIO, s->path, ADZE_NOPOS, "registry: %s", sqlite3_errmsg(s->db));
}

/* Text of a statement's next row if it has one; SQLite owns it until the statement goes on. */
static adze_status next_text(az_store *s, sqlite3_stmt *st, const char **text, adze_error *err)
{
    int step = sqlite3_step(st);

    *text = step == SQLITE_ROW ? (const char *)sqlite3_column_text(st, 0) : NULL;
    return step == SQLITE_ROW || step == SQLITE_DONE ? ADZE_OK : sql_fail(s, err);
}

/* Prepare sql and bind one value per letter: s text (NULL allowed), i int64_t, u uint64_t, d double. */
static adze_status prepare(az_store *s, sqlite3_stmt **st, adze_error *err, const char *sql,
                           const char *kinds, ...)
{
    va_list ap;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, st, NULL);

    va_start(ap, kinds);
    for (int i = 1; rc == SQLITE_OK && kinds[i - 1]; i++) {
        switch (kinds[i - 1]) {
        case 's':
            rc = sqlite3_bind_text(*st, i, va_arg(ap, const char *), -1, SQLITE_TRANSIENT);
            break;
        case 'i': rc = sqlite3_bind_int64(*st, i, va_arg(ap, int64_t)); break;
        case 'u': rc = sqlite3_bind_int64(*st, i, (sqlite3_int64)va_arg(ap, uint64_t)); break;
        default: rc = sqlite3_bind_double(*st, i, va_arg(ap, double)); break;
        }
    }
    va_end(ap);
    return rc == SQLITE_OK ? ADZE_OK : sql_fail(s, err);
}

/* Run a statement that gives no rows, and drop it. */
static adze_status finish(az_store *s, sqlite3_stmt *st, adze_status rc, adze_error *err)
{
    if (rc == ADZE_OK && sqlite3_step(st) != SQLITE_DONE) rc = sql_fail(s, err);
    sqlite3_finalize(st);
    return rc;
}

static adze_status migrate(az_store *s, adze_error *err)
{
    sqlite3_stmt *st = NULL;
    adze_status rc = ADZE_OK;
    int have = 0, total = 0;

    while (az_store_migrations[total])
        total++;
    if (sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        return sql_fail(s, err);
    rc = prepare(s, &st, err, "PRAGMA user_version", "");
    if (rc == ADZE_OK && sqlite3_step(st) == SQLITE_ROW) have = sqlite3_column_int(st, 0);
    sqlite3_finalize(st);
    if (rc == ADZE_OK && have > total)
        rc = az_fail(err, ADZE_EUNSUP, s->path, ADZE_NOPOS,
                     "registry was written by a newer adze (schema %d, this one knows %d)", have,
                     total);
    for (int i = have; rc == ADZE_OK && i < total; i++) {
        char pragma[48];
        sqlite3_snprintf(sizeof pragma, pragma, "PRAGMA user_version = %d", i + 1);
        if (sqlite3_exec(s->db, az_store_migrations[i], NULL, NULL, NULL) != SQLITE_OK ||
            sqlite3_exec(s->db, pragma, NULL, NULL, NULL) != SQLITE_OK)
            rc = sql_fail(s, err);
    }
    if (sqlite3_exec(s->db, rc == ADZE_OK ? "COMMIT" : "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK &&
        rc == ADZE_OK)
        rc = sql_fail(s, err);
    return rc;
}

/* Folder of the registry; NULL: out of memory or no home. */
static char *home_dir(adze_run *run)
{
    const char *own = getenv("ADZE_HOME"), *xdg = getenv("XDG_DATA_HOME"), *home = getenv("HOME");

    if (own && own[0]) return az_strdup(run, own);
    if (xdg && xdg[0] == '/') return az_path_join(run, xdg, "adze");
    if (home && home[0]) return az_path_join(run, home, ".local/share/adze");
    return NULL;
}

/* The change to WAL does not wait by the busy timeout when several processes make the file at once, so it is
 * tried again here for as long. */
static int set_modes(az_store *s)
{
    static const char sql[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                              "PRAGMA foreign_keys = ON";
    uint64_t until = az_now_ns(s->run) + (uint64_t)BUSY_MS * 1000000;
    int rc;

    while ((rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL)) == SQLITE_BUSY &&
           az_now_ns(s->run) < until)
        az_sleep_ns(s->run, 5000000);
    return rc;
}

adze_status az_store_open(az_store **out, adze_run *run, adze_error *err)
{
    az_store *s = az_calloc(run, 1, sizeof *s);
    char *dir = NULL;
    adze_status rc;

    *out = NULL;
    if (!s) return az_fail_nomem(err, "opening the registry");
    s->run = run;
    dir = home_dir(run);
    if (!dir) {
        rc = az_fail(err, ADZE_EIO, NULL, ADZE_NOPOS,
                     "no place for the registry: set HOME, XDG_DATA_HOME or ADZE_HOME");
        goto done;
    }
    rc = az_mkdirs(run, dir, err);
    if (rc < 0) goto done;
    s->path = az_path_join(run, dir, "registry.db");
    if (!s->path) {
        rc = az_fail_nomem(err, "opening the registry");
        goto done;
    }
    if (sqlite3_open_v2(s->path, &s->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX,
                        NULL) != SQLITE_OK ||
        sqlite3_busy_timeout(s->db, BUSY_MS) != SQLITE_OK || set_modes(s) != SQLITE_OK) {
        rc = sql_fail(s, err);
        goto done;
    }
    rc = migrate(s, err);
    if (rc < 0) goto done;
    *out = s;
    s = NULL;
done:
    az_free(run, dir);
    az_store_close(s);
    return rc;
}

void az_store_close(az_store *s)
{
    if (!s) return;
    sqlite3_close(s->db);
    az_free(s->run, s->path);
    az_free(s->run, s);
}

const char *az_store_path(const az_store *s)
{
    return s->path;
}

/* File systems stamp changes in steps (4 ms on Linux, 2 s on FAT), so a file that changed just now can change
 * again and look the same. Its digest is not kept yet. */
static bool settled(az_store *s, const az_stat *is)
{
    int64_t age_ms = (int64_t)az_unix_ms(s->run) - is->ctime_ns / 1000000;

    return age_ms > 2000;
}

static adze_status file_digest(az_store *s, const char *path, const az_stat *is,
                               char out[AZ_DIGEST_SIZE], adze_error *err)
{
    sqlite3_stmt *st = NULL;
    const char *kept = NULL;
    bool found = false;
    adze_status rc;

    rc =
        prepare(s, &st, err,
                "SELECT digest FROM digests WHERE dev = ? AND ino = ? AND size = ? AND mtime_ns = ?"
                " AND ctime_ns = ?",
                "uuuii", is->dev, is->ino, is->size_bytes, is->mtime_ns, is->ctime_ns);
    if (rc == ADZE_OK) rc = next_text(s, st, &kept, err);
    if (rc == ADZE_OK && kept && strlen(kept) == AZ_DIGEST_SIZE - 1) {
        memcpy(out, kept, AZ_DIGEST_SIZE);
        found = true;
    }
    sqlite3_finalize(st);
    if (rc < 0 || found) return rc;
    rc = az_digest_file(s->run, path, is->size_bytes > (64u << 20) ? "digest" : NULL, out, err);
    if (rc < 0 || !settled(s, is)) return rc;
    rc = prepare(s, &st, err, "INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?, ?, ?)", "uuuiis",
                 is->dev, is->ino, is->size_bytes, is->mtime_ns, is->ctime_ns, out);
    return finish(s, st, rc, err);
}

/* s: NULL where nothing keeps digests. */
static adze_status folder_digest(az_store *s, adze_run *run, const char *path,
                                 char out[AZ_DIGEST_SIZE], adze_error *err)
{
    az_hash *h = az_hash_new(run);
    char **names = NULL;
    size_t n = 0;
    az_buf line;
    adze_status rc;

    az_buf_init(&line, run);
    rc = h ? az_list_dir(run, path, &names, &n, err) : az_fail_nomem(err, "computing a digest");
    for (size_t i = 0; rc == ADZE_OK && i < n; i++) {
        char one[AZ_DIGEST_SIZE], *p;
        az_stat is;
        if (names[i][0] == '.' || strcmp(names[i], AZ_PROOF_FILE) == 0) continue;
        p = az_path_join(run, path, names[i]);
        rc = p ? az_stat_path(run, p, &is, err) : az_fail_nomem(err, "computing a digest");
        if (rc == ADZE_OK && is.is_file) {
            rc = s ? file_digest(s, p, &is, one, err) : az_digest_file(run, p, NULL, one, err);
            if (rc == ADZE_OK) {
                az_buf_clear(&line);
                az_buf_printf(&line, "%s  %llu  %s\n", one + 7, (unsigned long long)is.size_bytes,
                              names[i]);
                az_hash_add(h, line.data, line.size);
            }
        }
        az_free(run, p);
    }
    if (h) az_hash_end(h, out);
    az_buf_deinit(&line);
    az_free_names(run, names, n);
    return rc;
}

adze_status az_store_digest(az_store *s, const char *path, char out[AZ_DIGEST_SIZE],
                            adze_error *err)
{
    az_stat is;
    adze_status rc = az_stat_path(s->run, path, &is, err);

    if (rc < 0) return rc;
    return is.is_dir ? folder_digest(s, s->run, path, out, err)
                     : file_digest(s, path, &is, out, err);
}

adze_status az_digest_path(adze_run *run, const char *path, char out[AZ_DIGEST_SIZE],
                           adze_error *err)
{
    az_store *s = NULL;
    az_stat is;
    adze_status rc = az_store_open(&s, run, NULL);

    if (rc == ADZE_OK) {
        rc = az_store_digest(s, path, out, err);
        az_store_close(s);
        return rc;
    }
    rc = az_stat_path(run, path, &is, err);
    if (rc < 0) return rc;
    return is.is_dir ? folder_digest(NULL, run, path, out, err)
                     : az_digest_file(run, path, "digest", out, err);
}

adze_status az_store_put_model(az_store *s, const az_store_model *m, adze_error *err)
{
    sqlite3_stmt *st = NULL;
    adze_status rc =
        prepare(s, &st, err, "INSERT OR REPLACE INTO models VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                "sssssuuu", m->digest, m->path, m->name, m->arch, m->format, m->parameters,
                m->bytes, az_unix_ms(s->run));

    return finish(s, st, rc, err);
}

adze_status az_store_put_artifact(az_store *s, const az_store_artifact *a, adze_error *err)
{
    sqlite3_stmt *st = NULL;
    adze_status rc =
        prepare(s, &st, err, "INSERT OR REPLACE INTO artifacts VALUES (?, ?, ?, ?, ?, ?, ?)",
                "sssssuu", a->digest, a->source, a->recipe, a->format, a->path, a->bytes,
                az_unix_ms(s->run));

    return finish(s, st, rc, err);
}

adze_status az_store_begin_run(az_store *s, const char *command, const char *model_digest,
                               int64_t *run_id, adze_error *err)
{
    sqlite3_stmt *st = NULL;
    adze_status rc =
        prepare(s, &st, err, "INSERT INTO runs (command, model, started_ms) VALUES (?, ?, ?)",
                "ssu", command, model_digest, az_unix_ms(s->run));

    rc = finish(s, st, rc, err);
    *run_id = rc == ADZE_OK ? sqlite3_last_insert_rowid(s->db) : 0;
    return rc;
}

adze_status az_store_end_run(az_store *s, int64_t run_id, int exit_code, const char *chosen,
                             const char *report, adze_error *err)
{
    sqlite3_stmt *st = NULL;
    adze_status rc =
        prepare(s, &st, err,
                "UPDATE runs SET ended_ms = ?, exit_code = ?, chosen = ?, report = ?"
                " WHERE id = ?",
                "uissi", az_unix_ms(s->run), (int64_t)exit_code, chosen, report, run_id);

    return finish(s, st, rc, err);
}

adze_status az_store_put_measurement(az_store *s, int64_t run_id, const char *candidate,
                                     const char *artifact, const char *name, const az_figure *f,
                                     adze_error *err)
{
    sqlite3_stmt *st = NULL;
    adze_status rc;

    if (!f->n) return ADZE_OK;
    rc = prepare(s, &st, err,
                 "INSERT OR REPLACE INTO measurements VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                 "isssdddiss", run_id, candidate, artifact, name, f->median, f->min, f->max,
                 (int64_t)f->n, f->unit, az_provenance_name(f->from));
    return finish(s, st, rc, err);
}

adze_status az_store_put_gate(az_store *s, int64_t run_id, const char *candidate, const char *gate,
                              double value, double limit, const char *verdict, adze_error *err)
{
    sqlite3_stmt *st = NULL;
    adze_status rc = prepare(s, &st, err, "INSERT OR REPLACE INTO gates VALUES (?, ?, ?, ?, ?, ?)",
                             "issdds", run_id, candidate, gate, value, limit, verdict);

    return finish(s, st, rc, err);
}

adze_status az_store_get_stage(az_store *s, const char *key, json_t **result, adze_error *err)
{
    sqlite3_stmt *st = NULL;
    adze_status rc = prepare(s, &st, err, "SELECT result FROM stages WHERE key = ?", "s", key);
    const char *text = NULL;

    *result = NULL;
    if (rc == ADZE_OK) rc = next_text(s, st, &text, err);
    if (rc == ADZE_OK && text) rc = az_json_parse(result, text, strlen(text), s->path, err);
    sqlite3_finalize(st);
    return rc;
}

adze_status az_store_put_stage(az_store *s, const char *key, const char *kind, const json_t *result,
                               adze_error *err)
{
    sqlite3_stmt *st = NULL;
    size_t n;
    char *text = az_json_text(s->run, result, JSON_COMPACT | JSON_REAL_PRECISION(17), &n);
    adze_status rc;

    if (!text) return az_fail_nomem(err, "keeping a stage");
    rc = prepare(s, &st, err, "INSERT OR REPLACE INTO stages VALUES (?, ?, ?, ?)", "sssu", key,
                 kind, text, az_unix_ms(s->run));
    az_free(s->run, text);
    return finish(s, st, rc, err);
}

/* Paths need not be UTF-8, JSON must be. */
static json_t *text_json(az_store *s, const char *text)
{
    json_t *j = json_string(text);
    size_t size = strlen(text) * 4 + 1;
    char *safe;

    if (j) return j;
    safe = az_alloc(s->run, size);
    if (safe) j = json_string(az_escape_text(safe, size, text));
    az_free(s->run, safe);
    return j;
}

/* All rows of a statement as objects by column name; drops it. */
static adze_status rows_of(az_store *s, sqlite3_stmt *st, adze_status rc, json_t **rows,
                           adze_error *err)
{
    json_t *a = json_array();
    int step = SQLITE_DONE;

    while (rc == ADZE_OK && (step = sqlite3_step(st)) == SQLITE_ROW) {
        json_t *o = json_object();
        for (int i = 0; i < sqlite3_column_count(st); i++) {
            json_t *v;
            switch (sqlite3_column_type(st, i)) {
            case SQLITE_INTEGER: v = json_integer(sqlite3_column_int64(st, i)); break;
            case SQLITE_FLOAT: v = json_real(sqlite3_column_double(st, i)); break;
            case SQLITE_TEXT: v = text_json(s, (const char *)sqlite3_column_text(st, i)); break;
            default: v = json_null(); break;
            }
            json_object_set_new(o, sqlite3_column_name(st, i), v);
        }
        json_array_append_new(a, o);
    }
    if (rc == ADZE_OK && step != SQLITE_DONE) rc = sql_fail(s, err);
    sqlite3_finalize(st);
    if (rc < 0) {
        json_decref(a);
        a = NULL;
    }
    *rows = a;
    return rc;
}

adze_status az_store_history(az_store *s, int64_t limit, json_t **rows, adze_error *err)
{
    sqlite3_stmt *st = NULL;
    adze_status rc = prepare(s, &st, err,
                             "SELECT runs.id, runs.started_ms, runs.ended_ms, runs.command,"
                             " runs.model, models.name, models.arch, runs.exit_code, runs.chosen,"
                             " runs.report FROM runs LEFT JOIN models ON models.digest = runs.model"
                             " ORDER BY runs.id DESC LIMIT ?",
                             "i", limit);

    return rows_of(s, st, rc, rows, err);
}

adze_status az_store_run(az_store *s, int64_t run_id, json_t **row, adze_error *err)
{
    static const struct {
        const char *key, *sql;
    } parts[] = {
        { "run", "SELECT runs.*, models.name, models.arch, models.path AS model_path FROM runs"
                 " LEFT JOIN models ON models.digest = runs.model WHERE runs.id = ?" },
        { "measurements", "SELECT * FROM measurements WHERE run = ? ORDER BY candidate, name" },
        { "gates", "SELECT * FROM gates WHERE run = ? ORDER BY candidate, gate" },
        { "lineage", "SELECT DISTINCT artifacts.* FROM artifacts JOIN measurements"
                     " ON measurements.artifact = artifacts.digest WHERE measurements.run = ?" },
    };
    adze_status rc = ADZE_OK;

    *row = json_object();
    for (size_t i = 0; rc == ADZE_OK && i < AZ_COUNT(parts); i++) {
        sqlite3_stmt *st = NULL;
        json_t *rows = NULL;
        rc = prepare(s, &st, err, parts[i].sql, "i", run_id);
        rc = rows_of(s, st, rc, &rows, err);
        if (rc == ADZE_OK) json_object_set_new(*row, parts[i].key, rows);
    }
    if (rc == ADZE_OK && json_array_size(json_object_get(*row, "run")) == 0)
        rc = az_fail(err, ADZE_ENOENT, s->path, ADZE_NOPOS, "there is no run %lld",
                     (long long)run_id);
    if (rc < 0) {
        json_decref(*row);
        *row = NULL;
    }
    return rc;
}
