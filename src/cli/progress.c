/* Progress: one line that redraws itself on a terminal, a plain line now and then when piped. */
#include "cli/cli.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct az_progress_view {
    FILE *err;
    bool tty, drawn;
    pthread_mutex_t lock;
    char stage[96];
    double started, last; /* seconds */
    uint64_t started_done;
};

static double now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

az_progress_view *az_progress_view_new(FILE *err, bool tty)
{
    az_progress_view *v = calloc(1, sizeof *v);

    if (v) {
        v->err = err;
        v->tty = tty;
        pthread_mutex_init(&v->lock, NULL);
    }
    return v;
}

void az_progress_view_free(az_progress_view *v)
{
    if (!v) return;
    pthread_mutex_destroy(&v->lock);
    free(v);
}

static void clear_line(az_progress_view *v)
{
    if (v->drawn) fputs("\r\033[K", v->err);
    v->drawn = false;
}

void az_progress_view_clear(az_progress_view *v)
{
    if (!v) return;
    pthread_mutex_lock(&v->lock);
    clear_line(v);
    fflush(v->err);
    pthread_mutex_unlock(&v->lock);
}

static void format_amount(char *buf, size_t size, double n, const char *unit)
{
    if (strcmp(unit, "B") == 0)
        az_cli_bytes(buf, size, n);
    else
        snprintf(buf, size, n < 10 ? "%.1f %s" : "%.0f %s", n, unit);
}

static void format_left(char *buf, size_t size, double s)
{
    if (s < 90)
        snprintf(buf, size, "%.0f s", s);
    else if (s < 5400)
        snprintf(buf, size, "%.0f min", s / 60);
    else
        snprintf(buf, size, "%.1f h", s / 3600);
}

static void draw(az_progress_view *v, const adze_progress *p, double now)
{
    double rate = now > v->started ? (double)(p->done - v->started_done) / (now - v->started) : 0;
    char rate_text[32], left[32] = "";

    format_amount(rate_text, sizeof rate_text, rate, p->unit);
    if (rate > 0 && p->total > p->done)
        format_left(left, sizeof left, (double)(p->total - p->done) / rate);
    clear_line(v);
    fprintf(v->err, "%s", p->stage);
    if (p->total) fprintf(v->err, "  %3.0f %%", 100.0 * (double)p->done / (double)p->total);
    if (rate > 0) fprintf(v->err, "  %s/s", rate_text);
    if (left[0]) fprintf(v->err, "  %s left", left);
    if (!v->tty) fputc('\n', v->err);
    v->drawn = v->tty;
    fflush(v->err);
}

void az_progress_view_update(void *view, const adze_progress *p)
{
    az_progress_view *v = view;
    double now;

    if (!v) return;
    now = now_s();
    pthread_mutex_lock(&v->lock);
    if (strcmp(v->stage, p->stage) != 0) {
        snprintf(v->stage, sizeof v->stage, "%s", p->stage);
        v->started = now;
        v->started_done = p->done;
        v->last = 0;
        if (!v->tty) { /* piped: a line when a stage starts */
            fprintf(v->err, "%s\n", p->stage);
            v->last = now;
        }
    }
    if (p->done < v->started_done) { /* something had to start over */
        v->started = now;
        v->started_done = p->done;
    }
    if (now - v->last >= (v->tty ? 0.1 : 10.0)) {
        draw(v, p, now);
        v->last = now;
    }
    pthread_mutex_unlock(&v->lock);
}
