/* The part of every fuzz target that is not the target: memory that fails, scratch files, seeds, replay.
 *
 *   fuzz_NAME --seeds DIR    write the seeds into DIR, one file each
 *   fuzz_NAME --replay       run all seeds, then those that are no variants with each allocation refused in turn: once that
 *                            one alone, once it and all after it
 * Linked with libFuzzer everything else is libFuzzer's; without it (ADZE_FUZZ off) files are run one by one, and no
 * argument means --replay.
 */
#include "fuzz.h"

#include <sys/stat.h>
#include <unistd.h>

#define MEMORY_BYTES ((uint64_t)512 << 20)
#define MOST_REFUSED 60 /* allocations refused per seed, spread over all that it makes */

adze_run *fuzz_run;
bool fuzz_failing;

static az_alloc_fns real_alloc;
static uint64_t own_bytes; /* of the run before the input */
static struct {
    size_t made, refuse; /* refuse: number of the first allocation that fails, 0: none */
    bool sticky;
} memory;
static char scratch[512];

static struct {
    const char *dir; /* where seeds are written; NULL: they are run */
    bool refuse;     /* run them with failing allocations, too */
    size_t n;
} seeds;

/* --- while an input runs --------------------------------------------------------------------------------- */

static bool refused(void)
{
    memory.made++;
    if (!memory.refuse || memory.made < memory.refuse) return false;
    if (memory.made > memory.refuse && !memory.sticky) return false;
    fuzz_failing = true;
    return true;
}

static void *get_memory(void *user, size_t n)
{
    (void)user;
    return refused() ? NULL : real_alloc.alloc(real_alloc.user, n);
}

static void end_scratch(void)
{
    az_remove_tree(fuzz_run, scratch, NULL);
}

static void start(void)
{
    const char *dir = getenv("ADZE_FUZZ_SCRATCH");
    adze_error err;

    if (fuzz_run) return;
    if (!dir) dir = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(scratch, sizeof scratch, "%s/adze-fuzz-XXXXXX", dir);
    if (!mkdtemp(scratch) ||
        adze_run_new(&fuzz_run, &(adze_run_opts){ .threads = 1, .memory_bytes = MEMORY_BYTES },
                     &err) < 0) {
        fprintf(stderr, "fuzz: cannot start in %s\n", dir);
        exit(1);
    }
    real_alloc = fuzz_run->alloc;
    fuzz_run->alloc.alloc = get_memory;
    atexit(end_scratch);
}

void fuzz_begin(void)
{
    start();
    own_bytes = fuzz_run->used_bytes;
    memory.made = 0;
    fuzz_failing = false;
}

void fuzz_load(bool on)
{
    static size_t kept;

    start();
    if (on) kept = memory.refuse;
    memory.refuse = on ? 0 : kept;
}

void fuzz_end(void)
{
    fuzz_want(fuzz_run->used_bytes == own_bytes, "all memory of the run is free again");
}

void fuzz_want(bool ok, const char *what)
{
    if (ok) return;
    fprintf(stderr, "fuzz: not so: %s\n", what);
    abort();
}

void fuzz_status(adze_status rc, const adze_error *err)
{
    char line[1200];

    if (rc == ADZE_OK) return;
    fuzz_want(strcmp(adze_status_text(rc), "unknown status") != 0 && rc < 0, "the status exists");
    fuzz_want(err->status == rc, "the error has the status that was returned");
    fuzz_want(err->msg[0] != 0, "the error says what is wrong");
    fuzz_want(rc != ADZE_ECANCEL, "nobody interrupted");
    adze_error_text(err, line, sizeof line);
    for (const unsigned char *p = (const unsigned char *)line; *p; p++)
        fuzz_want(*p >= 32 && *p != 127, "an error can be printed");
}

bool fuzz_same_json(const json_t *a, const json_t *b)
{
    return json_equal((json_t *)(uintptr_t)a, (json_t *)(uintptr_t)b);
}

const char *fuzz_path(const char *name)
{
    static char paths[8][1024];
    static unsigned next;
    char *p = paths[next++ % 8];

    snprintf(p, sizeof paths[0], "%s/%s", scratch, name);
    return p;
}

const char *fuzz_file(const char *name, const void *data, size_t n)
{
    const char *path = fuzz_path(name);
    FILE *f;

    if (!data) {
        unlink(path);
        return path;
    }
    f = fopen(path, "wb");
    if (!f && strchr(name, '/')) {
        char *dir = strdup(path);
        *strrchr(dir, '/') = 0;
        mkdir(dir, 0777);
        free(dir);
        f = fopen(path, "wb");
    }
    if (!f || (n && fwrite(data, 1, n, f) != n) || fclose(f) != 0) {
        fprintf(stderr, "fuzz: cannot write %s\n", path);
        _exit(1);
    }
    return path;
}

fuzz_part fuzz_next(fuzz_part *rest)
{
    const size_t mark = strlen(FUZZ_NEXT);
    fuzz_part part = *rest;
    const char *at = part.n ? memmem(part.s, part.n, FUZZ_NEXT, mark) : NULL;

    if (!at) {
        *rest = (fuzz_part){ 0 };
        return part;
    }
    rest->s = at + mark;
    rest->n = part.n - (size_t)(at - part.s) - mark;
    part.n = (size_t)(at - part.s);
    return part;
}

static const char *const names[] = {
    "config.json",
    "generation_config.json",
    "tokenizer_config.json",
    "tokenizer.json",
    "tokenizer.model",
    "spiece.model",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
    "special_tokens_map.json",
    "chat_template.jinja",
    "chat_template.json",
    "additional_chat_templates/tool_use.jinja",
    "additional_chat_templates/rag.jinja",
    "model.safetensors.index.json",
    "pytorch_model.bin.index.json",
    "model.safetensors",
    "raw.safetensors",
    "model-1.safetensors",
    "model-2.safetensors",
    "pytorch_model.bin",
};
enum { N_NAMES = sizeof names / sizeof *names, MOST_ZEROS = 1 << 26, MOST_RANDOM = 1 << 16 };

/* `more` bytes follow: zeros, or (anything) the same ones each time. */
static void put_member(size_t which, const char *s, size_t n, unsigned long more, bool random)
{
    const char *name = strcmp(names[which], "raw.safetensors") ? names[which] : "model.safetensors";
    bool head = name == names[which] && strstr(name, "safetensors") && !strstr(name, "json");
    size_t at = head ? 8 : 0, filled = random ? more % MOST_RANDOM : 0;
    char path[128], *all = malloc(at + n + filled + 1);
    az_prng prng;

    if (!head && more > MOST_RANDOM) more = MOST_RANDOM; /* no parser of text is given megabytes */
    if (!all) abort();
    for (size_t i = 0; i < at; i++)
        all[i] = (char)((uint64_t)n >> 8 * i);
    if (n) memcpy(all + at, s, n);
    az_prng_seed(&prng, 1);
    for (size_t i = 0; i < filled; i++)
        all[at + n + i] = (char)az_prng_u64(&prng);
    snprintf(path, sizeof path, "m/%s", name);
    fuzz_file(path, all, at + n + filled);
    if (!random && more && truncate(fuzz_path(path), (off_t)(at + n + more)) != 0) abort();
    free(all);
}

const char *fuzz_folder(const uint8_t *data, size_t n)
{
    static bool there[N_NAMES];
    fuzz_part rest = { data ? (const char *)data : "", n };
    char path[128];

    mkdir(fuzz_path("m"), 0777);
    for (size_t k = 0; k < N_NAMES; k++) {
        bool raw = strcmp(names[k], "raw.safetensors") == 0;
        snprintf(path, sizeof path, "m/%s", raw ? "model.safetensors" : names[k]);
        if (there[k]) fuzz_file(path, NULL, 0);
        there[k] = false;
    }
    while (rest.s) {
        fuzz_part p = fuzz_next(&rest);
        const char *end = p.n ? memchr(p.s, '\n', p.n) : NULL;
        size_t len = end ? (size_t)(end - p.s) : p.n, used = end ? len + 1 : len, k;
        unsigned long more = 0;
        bool random = false;
        for (k = 0; k < N_NAMES; k++) {
            size_t l = strlen(names[k]);
            if (len < l || memcmp(p.s, names[k], l) != 0) continue;
            if (len > l && p.s[l] != '+' && p.s[l] != '*') continue;
            random = len > l && p.s[l] == '*';
            for (size_t i = l + 1; i < len && more < MOST_ZEROS; i++)
                more = more * 10 + (unsigned char)p.s[i] % 16;
            break;
        }
        if (k == N_NAMES) continue;
        put_member(k, p.s + used, p.n - used, more < MOST_ZEROS ? more : MOST_ZEROS, random);
        there[k] = true;
    }
    return fuzz_path("m");
}

/* --- seeds ------------------------------------------------------------------------------------------------- */

static void run_one(const void *data, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1); /* of its own, so that a read behind it is seen */

    if (!copy) abort();
    if (n) memcpy(copy, data, n);
    LLVMFuzzerTestOneInput(copy, n);
    free(copy);
}

static void run_refusing(const void *data, size_t n)
{
    size_t made = memory.made, step = made / MOST_REFUSED + 1;

    for (int sticky = 0; sticky < 2; sticky++)
        for (size_t k = 1; k <= made; k += step) {
            memory.refuse = k;
            memory.sticky = sticky;
            run_one(data, n);
        }
    memory.refuse = 0;
}

void fuzz_variant(const void *data, size_t n)
{
    char path[1100];
    FILE *f;

    seeds.n++;
    if (!seeds.dir) {
        run_one(data, n);
        return;
    }
    snprintf(path, sizeof path, "%s/seed-%05zu", seeds.dir, seeds.n);
    f = fopen(path, "wb");
    if (!f || (n && fwrite(data, 1, n, f) != n) || fclose(f) != 0) {
        fprintf(stderr, "fuzz: cannot write %s\n", path);
        exit(1);
    }
}

void fuzz_seed(const void *data, size_t n)
{
    fuzz_variant(data, n);
    if (!seeds.dir && seeds.refuse) run_refusing(data, n);
}

void fuzz_seed_text(const char *s)
{
    fuzz_seed(s, strlen(s));
}

char *fuzz_read(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    char *data = NULL;
    long size;

    *n = 0;
    if (!f) return NULL;
    fseek(f, 0, SEEK_END);
    size = ftell(f);
    rewind(f);
    if (size >= 0) data = malloc((size_t)size + 1);
    if (data) {
        *n = fread(data, 1, (size_t)size, f);
        data[*n] = 0;
    }
    fclose(f);
    return data;
}

void fuzz_seed_file(const char *path)
{
    size_t n;
    char *data = fuzz_read(path, &n);

    if (data) fuzz_seed(data, n);
    free(data);
}

void fuzz_le(az_buf *b, uint64_t v, int n)
{
    for (int i = 0; i < n; i++)
        az_buf_putc(b, i < 8 ? (char)(v >> 8 * i) : 0);
}

/* --- starting -------------------------------------------------------------------------------------------- */

static void replay(void)
{
    seeds.refuse = true;
    fuzz_seeds();
    printf("%zu seeds\n", seeds.n);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    start();
    if (*argc == 3 && strcmp((*argv)[1], "--seeds") == 0) {
        seeds.dir = (*argv)[2];
        fuzz_seeds();
        exit(0);
    }
    if (*argc == 2 && strcmp((*argv)[1], "--replay") == 0) {
        replay();
        exit(0);
    }
    return 0;
}

#ifndef ADZE_FUZZ
int main(int argc, char **argv)
{
    LLVMFuzzerInitialize(&argc, &argv);
    if (argc < 2) replay();
    for (int i = 1; i < argc; i++) {
        size_t n;
        char *data = fuzz_read(argv[i], &n);
        if (!data) {
            fprintf(stderr, "fuzz: cannot read %s\n", argv[i]);
            return 1;
        }
        run_one(data, n);
        free(data);
    }
    return 0;
}
#endif
