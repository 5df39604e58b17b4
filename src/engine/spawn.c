/* Child processes: posix_spawn with pipes, poll with deadlines, and the process's own memory figures. */
#include "engine/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void close_pair(int p[2])
{
    for (int i = 0; i < 2; i++)
        if (p[i] >= 0) close(p[i]);
}

static bool make_pipe(int p[2])
{
    return pipe2(p, O_CLOEXEC) == 0;
}

adze_status az_child_start(az_child *c, adze_run *run, const char *const *argv, adze_error *err)
{
    int in[2] = { -1, -1 }, out[2] = { -1, -1 }, e[2] = { -1, -1 }, rc;
    posix_spawn_file_actions_t fa;
    posix_spawnattr_t attr;
    sigset_t none;
    pid_t pid;

    *c = (az_child){ .run = run, .in = -1, .out = -1, .err = -1 };
    if (!make_pipe(in) || !make_pipe(out) || !make_pipe(e)) {
        rc = errno;
        close_pair(in);
        close_pair(out);
        close_pair(e);
        return az_fail_errno(err, argv[0], "make a pipe for", rc);
    }
    posix_spawn_file_actions_init(&fa);
    posix_spawn_file_actions_adddup2(&fa, in[0], 0);
    posix_spawn_file_actions_adddup2(&fa, out[1], 1);
    posix_spawn_file_actions_adddup2(&fa, e[1], 2);
    posix_spawnattr_init(&attr);
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setpgroup(&attr, 0); /* a terminal's Ctrl-C reaches the parent alone */
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    rc = posix_spawnp(&pid, argv[0], &fa, &attr, (char *const *)(uintptr_t)argv, environ);
    posix_spawn_file_actions_destroy(&fa);
    posix_spawnattr_destroy(&attr);
    close(in[0]);
    close(out[1]);
    close(e[1]);
    if (rc != 0) {
        close(in[1]);
        close(out[0]);
        close(e[0]);
        return az_fail(err, ADZE_EMISSING, argv[0], ADZE_NOPOS, "cannot start: %s", strerror(rc));
    }
    c->pid = pid;
    c->in = in[1];
    c->out = out[0];
    c->err = e[0];
    fcntl(c->in, F_SETFL, O_NONBLOCK);
    fcntl(c->out, F_SETFL, O_NONBLOCK);
    fcntl(c->err, F_SETFL, O_NONBLOCK);
    return ADZE_OK;
}

static void drain_stderr(az_child *c)
{
    char buf[4096];

    /* a child that writes without end must not keep us here: the pipe's size at most, then look up */
    for (int i = 0; i < 16 && c->err >= 0; i++) {
        ssize_t n = read(c->err, buf, sizeof buf);
        size_t put = n > 0 ? (size_t)n : 0, keep = sizeof c->tail - 1;
        if (n <= 0) return;
        if (put > keep) put = keep;
        if (c->tail_n + put > keep) {
            size_t drop = c->tail_n + put - keep;
            memmove(c->tail, c->tail + drop, c->tail_n - drop);
            c->tail_n -= drop;
        }
        memcpy(c->tail + c->tail_n, buf + (size_t)n - put, put);
        c->tail_n += put;
        c->tail[c->tail_n] = 0;
    }
}

static void reaped(az_child *c, int status)
{
    c->pid = 0;
    if (WIFSIGNALED(status))
        snprintf(c->why, sizeof c->why, "was killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(c->why, sizeof c->why, "exited with code %d", WEXITSTATUS(status));
}

static uint64_t deadline_of(const az_child *c, double timeout_s)
{
    return az_now_ns(c->run) + (uint64_t)((timeout_s > 0 ? timeout_s : 0) * 1e9);
}

/* Wait for the child until the deadline, then kill it and its helpers (it leads a process group). */
static void reap(az_child *c, uint64_t deadline)
{
    int status = 0;

    while (c->pid) {
        pid_t got = waitpid(c->pid, &status, WNOHANG);
        if (got != 0) {
            reaped(c, got < 0 ? 0 : status);
            return;
        }
        if (az_now_ns(c->run) >= deadline) {
            kill(-c->pid, SIGKILL);
            kill(c->pid, SIGKILL);
            while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
                ;
            reaped(c, status);
            return;
        }
        drain_stderr(c);
        az_sleep_ns(c->run, 2000000);
    }
}

/* The stream is over: usually the process has ended, but it may only have closed its side. */
static adze_status ended(az_child *c, adze_error *err)
{
    const char *last;

    reap(c, deadline_of(c, 1.0));
    drain_stderr(c);
    while (c->tail_n && (c->tail[c->tail_n - 1] == '\n' || c->tail[c->tail_n - 1] == ' '))
        c->tail[--c->tail_n] = 0;
    last = strrchr(c->tail, '\n');
    return az_fail(err, ADZE_EWORKER, NULL, ADZE_NOPOS, "the worker process %s%s%.200s", c->why,
                   c->tail_n ? ": " : "", last ? last + 1 : c->tail);
}

/* Wait until fd is ready for `events`, draining the child's standard error meanwhile. */
static adze_status wait_ready(az_child *c, int fd, short events, uint64_t deadline, adze_error *err)
{
    for (;;) {
        struct pollfd p[2] = { { fd, events, 0 }, { c->err, POLLIN, 0 } };
        uint64_t now = az_now_ns(c->run);
        int n;
        if (az_cancelled(c->run)) return az_check_cancel(c->run, err);
        if (now >= deadline)
            return az_fail(err, ADZE_ETIMEOUT, NULL, ADZE_NOPOS,
                           "the worker process did not answer in time");
        n = poll(p, c->err >= 0 ? 2 : 1, 100);
        if (n < 0 && errno != EINTR) return az_fail_errno(err, NULL, "wait for a worker", errno);
        if (n <= 0) continue;
        if (c->err >= 0 && p[1].revents) {
            drain_stderr(c);
            if (p[1].revents & (POLLHUP | POLLERR)) {
                close(c->err);
                c->err = -1;
            }
        }
        if (p[0].revents) return ADZE_OK;
    }
}

/* write() without a SIGPIPE when the child is gone: the library cannot know what its user does with signals. */
static ssize_t write_quietly(int fd, const void *data, size_t n)
{
    const struct timespec now = { 0, 0 };
    sigset_t pipe_only, before, pending;
    bool was_pending;
    ssize_t put;
    int e;

    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    sigpending(&pending);
    was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    put = write(fd, data, n);
    e = errno;
    if (put < 0 && e == EPIPE && !was_pending)
        while (sigtimedwait(&pipe_only, NULL, &now) < 0 && errno == EINTR)
            ;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = e;
    return put;
}

adze_status az_child_write(az_child *c, const void *data, size_t n, double timeout_s,
                           adze_error *err)
{
    uint64_t deadline = deadline_of(c, timeout_s);
    const char *at = data;

    while (n) {
        ssize_t put;
        adze_status rc = wait_ready(c, c->in, POLLOUT, deadline, err);
        if (rc < 0) return rc;
        put = write_quietly(c->in, at, n);
        if (put < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (put < 0) return ended(c, err);
        at += put;
        n -= (size_t)put;
    }
    return ADZE_OK;
}

adze_status az_child_read(az_child *c, void *dst, size_t n, double timeout_s, size_t *got,
                          adze_error *err)
{
    uint64_t deadline = deadline_of(c, timeout_s);

    for (;;) {
        ssize_t k;
        adze_status rc = wait_ready(c, c->out, POLLIN, deadline, err);
        if (rc < 0) return rc;
        k = read(c->out, dst, n);
        if (k < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (k <= 0) return ended(c, err);
        *got = (size_t)k;
        return ADZE_OK;
    }
}

void az_child_stop(az_child *c, double grace_s)
{
    if (!c->run) return;
    if (c->in >= 0) close(c->in);
    c->in = -1;
    reap(c, deadline_of(c, grace_s));
    if (c->out >= 0) close(c->out);
    if (c->err >= 0) close(c->err);
    c->out = c->err = -1;
}

bool az_fd_read(int fd, void *dst, size_t n, size_t *got)
{
    ssize_t k;

    do {
        k = read(fd, dst, n);
    } while (k < 0 && errno == EINTR);
    *got = k > 0 ? (size_t)k : 0;
    return k > 0;
}

bool az_fd_write(int fd, const void *data, size_t n)
{
    const char *at = data;

    while (n) {
        ssize_t k = write(fd, at, n);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return false;
        at += k;
        n -= (size_t)k;
    }
    return true;
}

bool az_self_path(char *buf, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", buf, size - 1);

    if (n <= 0 || (size_t)n >= size - 1) return false;
    buf[n] = 0;
    return true;
}

int az_take_stdout(void)
{
    int fd = fcntl(1, F_DUPFD_CLOEXEC, 3);

    if (fd >= 0) dup2(2, 1);
    return fd;
}

/* "VmHWM:     1234 kB" from /proc/self/status. */
static uint64_t status_kb(const char *key)
{
    FILE *f = fopen("/proc/self/status", "r");
    unsigned long long kb = 0;
    size_t n = strlen(key);
    char line[256];

    if (!f) return 0;
    while (fgets(line, sizeof line, f))
        if (strncmp(line, key, n) == 0 && line[n] == ':') kb = strtoull(line + n + 1, NULL, 10);
    fclose(f);
    return (uint64_t)kb * 1024;
}

uint64_t az_peak_rss_bytes(void)
{
    struct rusage u;
    uint64_t b = status_kb("VmHWM");

    if (b) return b;
    return getrusage(RUSAGE_SELF, &u) == 0 ? (uint64_t)u.ru_maxrss * 1024 : 0;
}

uint64_t az_current_rss_bytes(void)
{
    return status_kb("VmRSS");
}
