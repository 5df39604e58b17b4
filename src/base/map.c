/* Mapped files. When a file is cut off while it is mapped, touching what is gone raises SIGBUS. A handler puts zeros in
 * the place of the lost pages and marks the mapping, so that the engine ends its pass and reports an error: no
 * file that someone else can shorten brings the program down. Signals elsewhere go where they went before. */
#include "base/io.h"
#include "base/run.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_MAPS = 4096 }; /* open files end before */

/* A signal handler can know only what is global. */
typedef struct mapping {
    atomic_uintptr_t at; /* 0: none yet; set last, cleared first */
    atomic_size_t n;
    atomic_bool taken, lost;
} mapping;

static mapping maps[MAX_MAPS];
static struct sigaction before;
static uintptr_t page;

static void on_lost_page(int sig, siginfo_t *info, void *context)
{
    uintptr_t where = (uintptr_t)info->si_addr;

    for (size_t i = 0; i < MAX_MAPS; i++) {
        uintptr_t at = atomic_load(&maps[i].at), from = where & ~(page - 1);
        size_t n = atomic_load(&maps[i].n);
        if (!at || where < at || where - at >= n) continue;
        atomic_store(&maps[i].lost, true);
        /* A plain system call. The file only ends: what follows is lost as well. */
        if (mmap((void *)from, n - (from - at), PROT_READ, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS,
                 -1, 0) != MAP_FAILED)
            return;
    }
    if (before.sa_flags & SA_SIGINFO)
        before.sa_sigaction(sig, info, context);
    else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
        before.sa_handler(sig);
    else
        signal(sig, SIG_DFL); /* raised again on return */
}

static void install(void)
{
    struct sigaction sa = { .sa_sigaction = on_lost_page, .sa_flags = SA_SIGINFO };

    page = (uintptr_t)sysconf(_SC_PAGESIZE);
    sigemptyset(&sa.sa_mask);
    sigaction(SIGBUS, &sa, &before);
}

static bool guard(const void *data, size_t n)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, install);
    for (size_t i = 0; i < MAX_MAPS; i++) {
        if (atomic_exchange(&maps[i].taken, true)) continue;
        atomic_store(&maps[i].lost, false);
        atomic_store(&maps[i].n, n);
        atomic_store(&maps[i].at, (uintptr_t)data);
        return true;
    }
    return false;
}

adze_status az_map_file(adze_run *run, int fd, const char *path, const void **data, size_t *n,
                        adze_error *err)
{
    struct stat st;
    void *p;

    (void)run;
    *data = NULL;
    *n = 0;
    if (fstat(fd, &st) < 0) return az_fail_errno(err, path, "stat", errno);
    if (st.st_size == 0) return ADZE_OK;
    p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) return az_fail_errno(err, path, "map", errno);
    if (!guard(p, (size_t)st.st_size)) {
        munmap(p, (size_t)st.st_size);
        return az_fail(err, ADZE_ENOMEM, path, ADZE_NOPOS, "more than %d files are mapped",
                       (int)MAX_MAPS);
    }
    *data = p;
    *n = (size_t)st.st_size;
    return ADZE_OK;
}

static mapping *find(const void *data)
{
    for (size_t i = 0; data && i < MAX_MAPS; i++)
        if (atomic_load(&maps[i].at) == (uintptr_t)data) return &maps[i];
    return NULL;
}

bool az_map_lost(const void *data)
{
    const mapping *m = find(data);

    return m && atomic_load(&m->lost);
}

void az_unmap(const void *data, size_t n)
{
    mapping *m = find(data);

    if (!data) return;
    if (m) atomic_store(&m->at, 0);
    munmap((void *)(uintptr_t)data, n);
    if (m) atomic_store(&m->taken, false);
}

void az_map_forget(const void *data, size_t n)
{
    uintptr_t size = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)data;
    uintptr_t end = (from + n) / size * size;

    from = (from + size - 1) / size * size; /* whole pages only */
    if (end > from) madvise((void *)from, end - from, MADV_DONTNEED);
}
