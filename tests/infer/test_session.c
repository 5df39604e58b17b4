/* Sessions: bit-identical logits for any number of threads and any chunking, rewinding, refusals. */
#include "golden.h"
#include "job/convert.h"

#include <unistd.h>

typedef struct source {
    const char *path;
    size_t n; /* tokens */
} source;

static const source sources[] = {
    { "tests/data/golden/llama", 70 }, { "tests/data/golden/mistral_window", 90 },
    { "tests/data/golden/qwen2", 40 }, { "tests/data/golden/phi3_longrope", 60 },
    { "demo/checkpoint", 24 }, /* bf16, caches in f16 */
};

static adze_run *run;

static void make_tokens(int32_t *tokens, size_t n, size_t vocab)
{
    az_prng r;

    az_prng_seed(&r, 7);
    for (size_t i = 0; i < n; i++)
        tokens[i] = (int32_t)(az_prng_u64(&r) % vocab);
}

static adze_session *open_session(adze_model *m, size_t context, size_t batch, int threads)
{
    adze_session_opts opts = { .context = context, .batch = batch, .threads = threads };
    adze_session *s = NULL;
    adze_error err = { 0 };

    ok(adze_session_new(&s, run, m, &opts, &err), &err);
    return s;
}

/* All logits, with the prompt in pieces of `chunk` tokens. */
static void logits_by_chunks(adze_session *s, const int32_t *tokens, size_t n, size_t chunk,
                             float *logits)
{
    adze_error err = { 0 };

    ok(adze_session_rewind(s, 0, &err), &err);
    for (size_t at = 0; at < n; at += chunk) {
        size_t m = n - at < chunk ? n - at : chunk;
        float *out = logits + at * adze_session_vocab(s);
        ok(adze_session_eval_all(s, tokens + at, m, out, &err), &err);
    }
}

static void same_bits(const source *src, adze_model *m)
{
    static const size_t chunks[] = { 1, 3, 7, 1000 }, batches[] = { 5, 64 };
    adze_session *s = open_session(m, src->n, 0, 1);
    size_t vocab = adze_session_vocab(s), bytes = src->n * vocab * sizeof(float);
    float *want = malloc(bytes), *got = malloc(bytes), *one = malloc(vocab * sizeof *one);
    int32_t *tokens = malloc(src->n * sizeof *tokens);
    adze_error err = { 0 };

    assert_true(want && got && one && tokens);
    make_tokens(tokens, src->n, vocab);
    logits_by_chunks(s, tokens, src->n, src->n, want);
    adze_session_free(s);
    for (int threads = 1; threads <= 3; threads++)
        for (size_t b = 0; b < AZ_COUNT(batches); b++) {
            s = open_session(m, src->n, batches[b], threads);
            for (size_t c = 0; c < AZ_COUNT(chunks); c++) {
                memset(got, 0, bytes);
                logits_by_chunks(s, tokens, src->n, chunks[c], got);
                if (memcmp(got, want, bytes) != 0)
                    fail_msg("%s: %d threads, batches of %zu, chunks of %zu differ", src->path,
                             threads, batches[b], chunks[c]);
            }
            /* the last row alone, and the whole without any before it */
            ok(adze_session_rewind(s, 0, &err), &err);
            ok(adze_session_eval(s, tokens, 11, NULL, &err), &err);
            ok(adze_session_eval(s, tokens + 11, src->n - 11, one, &err), &err);
            assert_memory_equal(one, want + (src->n - 1) * vocab, vocab * sizeof *one);
            adze_session_free(s);
        }
    free(want);
    free(got);
    free(one);
    free(tokens);
}

static void logits_do_not_depend_on_threads_or_chunks(void **state)
{
    adze_error err = { 0 };
    adze_model *m;

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(sources); i++) {
        ok(adze_model_open(&m, run, sources[i].path, &err), &err);
        same_bits(&sources[i], m);
        adze_model_close(m);
    }
}

static void rewinding_forgets(void **state)
{
    enum { N = 20 };
    adze_error err = { 0 };
    adze_model *m;
    adze_session *s;
    int32_t a[N], b[N];
    float x[128], y[128];

    (void)state;
    ok(adze_model_open(&m, run, "tests/data/golden/llama", &err), &err);
    s = open_session(m, 64, 0, 2);
    make_tokens(a, N, 128);
    memcpy(b, a, sizeof b);
    for (int i = 10; i < N; i++)
        b[i] = (a[i] + 1) % 128;
    ok(adze_session_eval(s, a, N, x, &err), &err);
    ok(adze_session_rewind(s, 10, &err), &err);
    assert_int_equal(adze_session_pos(s), 10);
    ok(adze_session_eval(s, b + 10, N - 10, y, &err), &err);
    assert_memory_not_equal(x, y, sizeof x);
    ok(adze_session_rewind(s, 10, &err), &err);
    ok(adze_session_eval(s, a + 10, N - 10, y, &err), &err);
    assert_memory_equal(x, y, sizeof x);
    assert_int_equal(adze_session_rewind(s, N + 1, &err), ADZE_EINVAL);
    adze_session_free(s);
    adze_model_close(m);
}

static void bad_calls_change_nothing(void **state)
{
    adze_error err = { 0 };
    adze_model *m;
    adze_session *s;
    int32_t t[9] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 }, bad[2] = { 1, 128 }, negative = -1;
    float x[128];

    (void)state;
    ok(adze_model_open(&m, run, "tests/data/golden/llama", &err), &err);
    s = open_session(m, 8, 3, 1);
    assert_int_equal(adze_session_room(s), 8);
    ok(adze_session_eval(s, t, 5, x, &err), &err);
    assert_int_equal(adze_session_eval(s, t, 4, x, &err), ADZE_EFIT);
    assert_int_equal(adze_session_eval(s, t, 0, x, &err), ADZE_EINVAL);
    assert_int_equal(adze_session_eval(s, bad, 2, x, &err), ADZE_EINVAL);
    assert_non_null(strstr(err.msg, "128"));
    assert_int_equal(adze_session_eval(s, &negative, 1, x, &err), ADZE_EINVAL);
    assert_int_equal(adze_session_pos(s), 5);
    assert_int_equal(adze_session_room(s), 3);
    ok(adze_session_eval(s, t, 3, x, &err), &err);
    assert_int_equal(adze_session_eval(s, t, 1, x, &err), ADZE_EFIT);
    adze_session_free(s);
    adze_model_close(m);
}

static void memory_is_checked_first(void **state)
{
    adze_run_opts ro = { .threads = 1, .memory_bytes = 4 << 20 };
    adze_session_opts opts = { .context = 2048 };
    adze_error err = { 0 };
    adze_session *s = NULL;
    adze_model *m = NULL;
    adze_run *small;

    (void)state;
    ok(adze_run_new(&small, &ro, &err), &err);
    ok(adze_model_open(&m, small, "tests/data/golden/llama", &err), &err);
    opts.context = 257; /* the model has 256 */
    assert_int_equal(adze_session_new(&s, small, m, &opts, &err), ADZE_EFIT);
    assert_null(s);
    opts.context = 0;
    ok(adze_session_new(&s, small, m, &opts, &err), &err);
    assert_true(az_session_memory_bytes(s) < 4 << 20);
    adze_session_free(s);
    adze_model_close(m);
    ok(adze_model_open(&m, small, "demo/checkpoint", &err), &err);
    assert_int_equal(adze_session_new(&s, small, m, NULL, &err), ADZE_EFIT);
    assert_non_null(strstr(err.msg, "budget"));
    adze_model_close(m);
    adze_run_free(small);
}

/* Interrupts in the middle of a pass: counts the stages that were still run. */
typedef struct interrupter {
    adze_run *run;
    int seen;
} interrupter;

static void interrupt(void *arg, const int *weights, int n_weights, int expert, const float *x)
{
    interrupter *i = arg;

    (void)weights;
    (void)n_weights;
    (void)expert;
    (void)x;
    i->seen++;
    adze_run_cancel(i->run);
}

static void interruption_keeps_the_position(void **state)
{
    adze_error err = { 0 };
    adze_session *s = NULL;
    adze_model *m = NULL;
    adze_run *own;
    interrupter i = { 0 };
    int32_t t[4] = { 1, 2, 3, 4 };
    float want[128], got[128];

    (void)state;
    ok(adze_run_new(&own, NULL, &err), &err);
    ok(adze_model_open(&m, own, "tests/data/golden/llama", &err), &err);
    ok(adze_session_new(&s, own, m, NULL, &err), &err);
    ok(adze_session_eval(s, t, 4, NULL, &err), &err);
    adze_run_cancel(own);
    assert_int_equal(adze_session_eval(s, t, 4, NULL, &err), ADZE_ECANCEL);
    assert_int_equal(adze_session_pos(s), 4);
    atomic_store(&own->cancel, 0);
    ok(adze_session_eval(s, t, 4, want, &err), &err);
    ok(adze_session_rewind(s, 4, &err), &err);
    i.run = own;
    assert_int_equal(az_session_watch(s, t, 4, interrupt, &i, &err), ADZE_ECANCEL);
    assert_int_equal(i.seen, 4); /* rows of the first product alone */
    assert_int_equal(adze_session_pos(s), 4);
    atomic_store(&own->cancel, 0);
    ok(adze_session_eval(s, t, 4, got, &err), &err);
    assert_memory_equal(got, want, sizeof got);
    adze_session_free(s);
    adze_model_close(m);
    adze_run_free(own);
}

static void profile_names_every_kind(void **state)
{
    adze_error err = { 0 };
    az_profile_row *rows;
    az_arena arena;
    adze_session *s;
    adze_model *m;
    int32_t t[4] = { 1, 2, 3, 4 };
    uint64_t bytes = 0, want = 0;
    size_t n;

    (void)state;
    ok(adze_model_open(&m, run, "tests/data/golden/llama", &err), &err);
    s = open_session(m, 64, 0, 2);
    az_arena_init(&arena, run);
    az_session_profile_start(s);
    ok(adze_session_eval(s, t, 4, (float[128]){ 0 }, &err), &err);
    ok(adze_session_eval(s, t, 1, (float[128]){ 0 }, &err), &err);
    ok(az_session_profile_rows(s, &arena, &rows, &n, &err), &err);
    for (size_t i = 0; i < n; i++) {
        assert_true(i == 0 || rows[i].ns <= rows[i - 1].ns);
        if (rows[i].op == AZ_OP_LINEAR) bytes += rows[i].bytes;
    }
    /* both passes read every matrix; the embedding is the tied output as well */
    for (size_t i = 0; i < m->n_tensors; i++)
        if (m->tensors[i].n_dims == 2) want += 2 * m->tensors[i].size_bytes;
    assert_int_equal(bytes, want);
    az_arena_deinit(&arena);
    adze_session_free(s);
    adze_model_close(m);
}

/* Products read a file's rows at first and panels later, a part of them more with each pass: logits are the same bits all along, and in
 * the end no product is left that reads rows which could be panels. */
static void panels_come_with_the_passes(void **state)
{
    static const char *const recipes[] = { "q4_k_m", "q4_0", "q8_0", "q6_k", "iq4_xs" };
    char path[] = "/tmp/adze-session-XXXXXX.gguf";
    int fd = mkstemps(path, 5);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    for (size_t i = 0; i < AZ_COUNT(recipes); i++) {
        az_convert_opts o = { .recipe = recipes[i] };
        adze_error err = { 0 };
        float first[4096], x[4096];
        int32_t tokens[9];
        adze_session *s;
        adze_model *m;
        int moved = 0;

        unlink(path);
        ok(az_convert(run, "demo/checkpoint", path, &o, NULL, &err), &err);
        ok(adze_model_open(&m, run, path, &err), &err);
        s = open_session(m, 64, 0, 2);
        make_tokens(tokens, 9, adze_session_vocab(s));
        ok(adze_session_eval(s, tokens, 9, first, &err), &err);
        if (s->panels.bytes) assert_int_equal(s->panels.next, 0); /* a CPU with panels */
        for (int pass = 0; pass < AZ_PANEL_PASSES + 2; pass++) {
            int before = s->panels.next;

            ok(adze_session_rewind(s, 0, &err), &err);
            ok(adze_session_eval(s, tokens, 9, x, &err), &err);
            assert_memory_equal(x, first, sizeof x);
            moved += s->panels.next > before;
        }
        assert_int_equal(s->panels.next, s->graph.n_weights);
        assert_true(!s->panels.bytes || moved > 3);
        for (int w = 0; w < s->graph.n_weights && s->panels.bytes; w++)
            if (!s->graph.weights[w].vector && s->kernels->weight[s->weights[w].type].panels)
                assert_true(s->weights[w].matmul == s->kernels->weight[s->weights[w].type].panels ||
                            strstr(s->graph.weights[w].name, "token_embd"));
        adze_session_free(s);
        adze_model_close(m);
    }
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_do_not_depend_on_threads_or_chunks),
        cmocka_unit_test(rewinding_forgets),
        cmocka_unit_test(bad_calls_change_nothing),
        cmocka_unit_test(memory_is_checked_first),
        cmocka_unit_test(interruption_keeps_the_position),
        cmocka_unit_test(profile_names_every_kind),
        cmocka_unit_test(panels_come_with_the_passes),
    };
    int failed;

    if (adze_run_new(&run, NULL, NULL) != ADZE_OK) return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    adze_run_free(run);
    return failed;
}
