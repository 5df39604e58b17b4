/* Batches: whoever shares a pass, a sequence's logits have the bits that it would have alone; requests wait for room, take over
 * what is known of their beginning, and leave; what is refused changes nothing. */
#include "golden.h"
#include "infer/batch.h"
#include "made_model.h"

enum { MAX_TOKENS = 200 };

static adze_run *run;

/* A request that writes tokens by a rule of its own and keeps its logits. */
typedef struct talk {
    int32_t tokens[MAX_TOKENS]; /* prompt, then what it wrote */
    size_t n_prompt, n, want;   /* want: tokens to write */
    size_t vocab;
    float *logits; /* [want][vocab] */
    uint64_t id;
    int left; /* -1: not yet */
} talk;

static void talk_init(talk *t, uint64_t seed, size_t n_prompt, size_t want, size_t vocab)
{
    az_prng r;

    *t = (talk){ .n_prompt = n_prompt, .n = n_prompt, .want = want, .vocab = vocab, .left = -1 };
    az_prng_seed(&r, seed);
    for (size_t i = 0; i < n_prompt; i++)
        t->tokens[i] = (int32_t)(az_prng_u64(&r) % vocab);
    t->logits = calloc(want, vocab * sizeof(float));
    assert_non_null(t->logits);
}

/* The best token, turned by the position so that sequences do not fall into loops. */
static bool talk_next(void *user, const float *logits, int32_t *token)
{
    talk *t = user;
    size_t best = 0, at = t->n - t->n_prompt;

    if (at >= t->want) fail_msg("asked for token %zu of %zu", at, t->want);
    memcpy(t->logits + at * t->vocab, logits, t->vocab * sizeof *logits);
    for (size_t i = 1; i < t->vocab; i++)
        if (logits[i] > logits[best]) best = i;
    *token = t->tokens[t->n] = (int32_t)((best + t->n) % t->vocab);
    t->n++;
    return true;
}

static void talk_left(void *user, az_leave why)
{
    ((talk *)user)->left = (int)why;
}

static adze_session *open_session(adze_model *m, adze_session_opts opts)
{
    adze_session *s = NULL;
    adze_error err = { 0 };

    ok(adze_session_new(&s, run, m, &opts, &err), &err);
    return s;
}

/* The same conversation in a session of its own. */
static void check_alone(adze_session *s, const talk *t)
{
    float *logits = malloc(t->vocab * sizeof *logits);
    adze_error err = { 0 };

    ok(adze_session_rewind(s, 0, &err), &err);
    ok(adze_session_eval(s, t->tokens, t->n_prompt, logits, &err), &err);
    for (size_t i = 0; i < t->n - t->n_prompt; i++) {
        if (memcmp(logits, t->logits + i * t->vocab, t->vocab * sizeof *logits) != 0)
            fail_msg("prompt of %zu: logits %zu have other bits than alone", t->n_prompt, i);
        if (i + 1 < t->n - t->n_prompt)
            ok(adze_session_eval(s, t->tokens + t->n_prompt + i, 1, logits, &err), &err);
    }
    free(logits);
}

static void add(az_batch *b, talk *t)
{
    az_request r = { t->tokens, t->n_prompt, t->want, talk_next, talk_left, t };
    adze_error err = { 0 };

    ok(az_batch_add(b, &r, &t->id, &err), &err);
}

static void steps(az_batch *b, size_t n)
{
    adze_error err = { 0 };

    for (size_t i = 0; i < n; i++)
        ok(az_batch_step(b, &err), &err);
}

static void run_out(az_batch *b)
{
    for (int i = 0; i < 10000 && (az_batch_state(b).running || az_batch_state(b).waiting); i++)
        steps(b, 1);
    assert_int_equal(az_batch_state(b).running, 0);
    assert_int_equal(az_batch_state(b).waiting, 0);
}

/* Talks that come at different times, more than run at once. */
static void mixed(adze_model *m, adze_session_opts opts, az_batch_opts how)
{
    static const size_t prompts[] = { 5, 70, 1, 33, 64, 2, 90, 65 };
    adze_session *s = open_session(m, opts), *alone;
    talk t[AZ_COUNT(prompts)];
    adze_error err = { 0 };
    az_batch *b;

    ok(az_batch_new(&b, s, &how, &err), &err);
    for (size_t i = 0; i < AZ_COUNT(prompts); i++) {
        talk_init(&t[i], i + 1, prompts[i], 3 + 5 * (i % 4), adze_session_vocab(s));
        add(b, &t[i]);
        steps(b, i % 3);
    }
    run_out(b);
    opts.sequences = 0;
    opts.threads = 1;
    alone = open_session(m, opts);
    for (size_t i = 0; i < AZ_COUNT(prompts); i++) {
        assert_int_equal(t[i].left, AZ_LEAVE_LENGTH);
        assert_int_equal(t[i].n, t[i].n_prompt + t[i].want);
        check_alone(alone, &t[i]);
        free(t[i].logits);
    }
    assert_int_equal(az_pages_free(&s->pages), s->pages.n_pages);
    az_batch_free(b);
    adze_session_free(s);
    adze_session_free(alone);
}

static void mates_change_no_bit(void **state)
{
    static const char *const paths[] = { "tests/data/golden/llama",
                                         "tests/data/golden/mistral_window",
                                         "tests/data/golden/qwen2", "demo/checkpoint" };
    adze_error err = { 0 };
    adze_model *m;

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(paths); i++) {
        ok(adze_model_open(&m, run, paths[i], &err), &err);
        for (int threads = 1; threads <= 3; threads++)
            for (size_t chunk = 0; chunk < 40; chunk += 13)
                mixed(m,
                      (adze_session_opts){
                          .context = 120, .batch = 50, .threads = threads, .sequences = 3 },
                      (az_batch_opts){ .chunk = chunk });
        mixed(m,
              (adze_session_opts){
                  .context = 120, .batch = 8, .sequences = 8, .cache_tokens = 256 },
              (az_batch_opts){ .forget = true });
        adze_model_close(m);
    }
}

static void caches_in_blocks_keep_bits(void **state)
{
    static const adze_kv kinds[] = { ADZE_KV_F16, ADZE_KV_F32, ADZE_KV_Q8_0, ADZE_KV_Q4_0 };
    adze_error err = { 0 };
    adze_model *m;

    (void)state;
    ok(adze_model_open(&m, run, "demo/checkpoint", &err), &err);
    for (size_t i = 0; i < AZ_COUNT(kinds); i++)
        mixed(m, (adze_session_opts){ .context = 120, .batch = 50, .kv = kinds[i], .sequences = 4 },
              (az_batch_opts){ 0 });
    adze_model_close(m);
}

/* States of convolutions belong to sequences, are not shared, and survive a pass that fails. */
static void hybrids_take_part(void **state)
{
    char folder[] = "/tmp/adze-batch-XXXXXX";
    adze_error err = { 0 };
    adze_model *m;
    made_spec spec;

    (void)state;
    assert_non_null(mkdtemp(folder));
    made_read(&spec, run, "lfm2");
    made_write(&spec, folder, NULL);
    ok(adze_model_open(&m, run, folder, &err), &err);
    for (size_t chunk = 0; chunk < 30; chunk += 7)
        mixed(m, (adze_session_opts){ .context = 120, .batch = 40, .sequences = 3 },
              (az_batch_opts){ .chunk = chunk });
    adze_model_close(m);
    json_decref(spec.j);
    az_remove_tree(run, folder, NULL);
}

/* A common beginning is read once, also while its first reader still runs; what follows is each one's own. */
static void prefixes_are_taken_over(void **state)
{
    adze_error err = { 0 };
    adze_model *m;
    adze_session *s, *alone;
    az_batch *b;
    talk t[4];

    (void)state;
    ok(adze_model_open(&m, run, "tests/data/golden/llama", &err), &err);
    s = open_session(m, (adze_session_opts){ .context = 256, .sequences = 4 });
    alone = open_session(m, (adze_session_opts){ .context = 256, .threads = 1 });
    ok(az_batch_new(&b, s, NULL, &err), &err);
    for (size_t i = 0; i < 4; i++)
        talk_init(&t[i], 7, 150, 20, adze_session_vocab(s));
    t[2].tokens[100] ^= 1;        /* differs in the second page */
    t[3].n_prompt = t[3].n = 128; /* whole pages: the last must be read again for its logits */
    add(b, &t[0]);
    steps(b, 3);
    for (size_t i = 1; i < 4; i++)
        add(b, &t[i]);
    run_out(b);
    assert_int_equal(az_batch_state(b).prompt_tokens, 150 + 150 + 150 + 128);
    assert_int_equal(az_batch_state(b).recalled_tokens, 128 + 64 + 64);
    for (size_t i = 0; i < 4; i++)
        check_alone(alone, &t[i]);
    free(t[1].logits); /* the answer too: a turn that goes on where the first one ended */
    talk_init(&t[1], 7, 150, 20, t[0].vocab);
    memcpy(t[1].tokens, t[0].tokens, 170 * sizeof *t[0].tokens);
    t[1].n_prompt = t[1].n = 180;
    for (size_t i = 170; i < 180; i++)
        t[1].tokens[i] = (int32_t)i % 100;
    add(b, &t[1]);
    run_out(b);
    assert_int_equal(az_batch_state(b).recalled_tokens, 256 + 128);
    check_alone(alone, &t[1]);
    for (size_t i = 0; i < 4; i++)
        free(t[i].logits);
    az_batch_free(b);
    adze_session_free(s);
    adze_session_free(alone);
    adze_model_close(m);
}

/* Remembered pages give way, the oldest first, and never while somebody holds them. */
static void memory_is_bounded(void **state)
{
    adze_error err = { 0 };
    adze_model *m;
    adze_session *s, *alone;
    az_batch *b;

    (void)state;
    ok(adze_model_open(&m, run, "tests/data/golden/llama", &err), &err);
    s = open_session(m, (adze_session_opts){ .context = 192, .sequences = 3, .cache_tokens = 384 });
    alone = open_session(m, (adze_session_opts){ .context = 192, .threads = 1 });
    ok(az_batch_new(&b, s, NULL, &err), &err);
    for (uint64_t round = 0; round < 40; round++) {
        talk t[3];

        for (size_t i = 0; i < 3; i++) { /* few beginnings, so that they come again */
            talk_init(&t[i], round % 2 + i, 100 + 20 * i, 10, adze_session_vocab(s));
            add(b, &t[i]);
        }
        steps(b, 1);
        assert_true(az_batch_state(b).running < 3); /* 2 + 3 + 3 pages do not fit 6 */
        run_out(b);
        for (size_t i = 0; i < 3; i++) {
            check_alone(alone, &t[i]);
            free(t[i].logits);
        }
    }
    assert_true(az_batch_state(b).recalled_tokens > 500);
    assert_int_equal(az_pages_free(&s->pages), s->pages.n_pages);
    az_batch_free(b);
    adze_session_free(s);
    adze_session_free(alone);
    adze_model_close(m);
}

static bool ends_at_once(void *user, const float *logits, int32_t *token)
{
    (void)user;
    (void)logits;
    (void)token;
    return false;
}

static bool says_nonsense(void *user, const float *logits, int32_t *token)
{
    (void)user;
    (void)logits;
    *token = 1 << 20;
    return true;
}

static void requests_leave(void **state)
{
    adze_error err = { 0 };
    adze_model *m;
    adze_session *s, *alone;
    az_batch *b;
    talk t[4];
    az_request done, nonsense;

    (void)state;
    ok(adze_model_open(&m, run, "tests/data/golden/llama", &err), &err);
    s = open_session(m, (adze_session_opts){ .context = 100, .sequences = 2 });
    alone = open_session(m, (adze_session_opts){ .context = 100, .threads = 1 });
    ok(az_batch_new(&b, s, NULL, &err), &err);
    for (size_t i = 0; i < 4; i++) {
        talk_init(&t[i], i, 20, 30, adze_session_vocab(s));
        add(b, &t[i]);
    }
    steps(b, 5);
    assert_int_equal(az_batch_state(b).running, 2);
    assert_int_equal(az_batch_state(b).waiting, 2);
    assert_true(az_batch_cancel(b, t[0].id)); /* running */
    assert_true(az_batch_cancel(b, t[3].id)); /* waiting */
    assert_false(az_batch_cancel(b, t[3].id));
    assert_int_equal(t[0].left, AZ_LEAVE_CANCEL);
    assert_int_equal(t[3].left, AZ_LEAVE_CANCEL);
    done = (az_request){ t[0].tokens, 20, 30, ends_at_once, talk_left, &t[3] };
    nonsense = (az_request){ t[0].tokens, 20, 30, says_nonsense, talk_left, &t[0] };
    run_out(b);
    ok(az_batch_add(b, &done, NULL, &err), &err);
    ok(az_batch_add(b, &nonsense, NULL, &err), &err);
    assert_int_equal(az_batch_step(b, &err), ADZE_EINVAL);
    assert_int_equal(t[3].left, AZ_LEAVE_DONE);
    assert_int_equal(t[0].left, AZ_LEAVE_DONE);
    steps(b, 3); /* nothing to do is nothing wrong */
    for (size_t i = 1; i < 3; i++)
        check_alone(alone, &t[i]);
    for (size_t i = 0; i < 4; i++)
        free(t[i].logits);
    az_batch_free(b);
    adze_session_free(s);
    adze_session_free(alone);
    adze_model_close(m);
}

/* A step that is interrupted has moved nothing, convolutions included: the same step goes on later. */
static void interrupted_steps_are_tried_again(void **state)
{
    static const char *const names[] = { "tests/data/golden/llama", NULL };
    char folder[] = "/tmp/adze-batch-XXXXXX";
    adze_error err = { 0 };
    made_spec spec;

    (void)state;
    assert_non_null(mkdtemp(folder));
    made_read(&spec, run, "lfm2");
    made_write(&spec, folder, NULL);
    for (size_t k = 0; k < 2; k++) {
        adze_session *s, *alone;
        adze_model *m;
        az_batch *b;
        talk t[2];

        ok(adze_model_open(&m, run, names[k] ? names[k] : folder, &err), &err);
        s = open_session(m, (adze_session_opts){ .context = 100, .sequences = 2, .batch = 20 });
        alone = open_session(m, (adze_session_opts){ .context = 100, .threads = 1 });
        ok(az_batch_new(&b, s, NULL, &err), &err);
        for (size_t i = 0; i < 2; i++) {
            talk_init(&t[i], i, 30, 8, adze_session_vocab(s));
            add(b, &t[i]);
        }
        for (int i = 0; i < 100 && (az_batch_state(b).running || az_batch_state(b).waiting); i++) {
            adze_run_cancel(run);
            assert_int_equal(az_batch_step(b, &err), ADZE_ECANCEL);
            atomic_store(&run->cancel, 0);
            steps(b, 1);
        }
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(t[i].left, AZ_LEAVE_LENGTH);
            check_alone(alone, &t[i]);
            free(t[i].logits);
        }
        az_batch_free(b);
        adze_session_free(s);
        adze_session_free(alone);
        adze_model_close(m);
    }
    json_decref(spec.j);
    az_remove_tree(run, folder, NULL);
}

static void bad_requests_are_refused(void **state)
{
    int32_t t[200] = { 1, 2, 3 }, bad[2] = { 1, 128 };
    const struct {
        az_request r;
        adze_status want;
    } rows[] = {
        { { t, 0, 5, talk_next, NULL, NULL }, ADZE_EINVAL },
        { { t, 3, 0, talk_next, NULL, NULL }, ADZE_EINVAL },
        { { bad, 2, 5, talk_next, NULL, NULL }, ADZE_EINVAL },
        { { t, 90, 11, talk_next, NULL, NULL }, ADZE_EFIT },
        { { t, 101, 1, talk_next, NULL, NULL }, ADZE_EFIT },
        { { t, 3, SIZE_MAX, talk_next, NULL, NULL }, ADZE_EFIT },
        { { t, 60, 30, talk_next, NULL, NULL }, ADZE_EFIT }, /* the context, but not the cache */
    };
    adze_error err = { 0 };
    adze_model *m;
    adze_session *s;
    az_batch *b;

    (void)state;
    ok(adze_model_open(&m, run, "tests/data/golden/llama", &err), &err);
    s = open_session(m, (adze_session_opts){ .context = 100, .sequences = 2, .cache_tokens = 64 });
    ok(az_batch_new(&b, s, NULL, &err), &err);
    for (size_t i = 0; i < AZ_COUNT(rows); i++) {
        err.msg[0] = 0;
        assert_int_equal(az_batch_add(b, &rows[i].r, NULL, &err), rows[i].want);
        assert_true(err.msg[0]);
    }
    assert_int_equal(az_batch_state(b).waiting, 0);
    az_batch_free(b);
    adze_session_free(s);
    adze_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mates_change_no_bit),
        cmocka_unit_test(caches_in_blocks_keep_bits),
        cmocka_unit_test(hybrids_take_part),
        cmocka_unit_test(prefixes_are_taken_over),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(requests_leave),
        cmocka_unit_test(interrupted_steps_are_tried_again),
        cmocka_unit_test(bad_requests_are_refused),
    };
    int failed;

    if (adze_run_new(&run, NULL, NULL) != ADZE_OK) return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    adze_run_free(run);
    return failed;
}
