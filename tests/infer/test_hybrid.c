/* Sessions of a model with short convolutions (lfm2): their states go from call to call, so logits are the same bits for
 * any threads, batches and chunks; they are cut at the start only, and a call that fails leaves them alone. */
#include "made_model.h"

enum { N = 30, VOCAB = 64 };

static adze_run *run;
static char folder[] = "/tmp/adze-hybrid-XXXXXX";
static adze_model *model;
static int32_t tokens[N];
static float whole[N * VOCAB]; /* all logits of one call */

static adze_session *start(size_t batch, int threads)
{
    adze_session_opts opts = { .context = N + 2, .batch = batch, .threads = threads };
    adze_session *s = NULL;
    adze_error err = { 0 };

    ok(adze_session_new(&s, run, model, &opts, &err), &err);
    assert_int_equal(adze_session_vocab(s), VOCAB);
    return s;
}

static void go_on(adze_session *s, size_t from, size_t n)
{
    float got[N * VOCAB];
    adze_error err = { 0 };

    assert_int_equal(adze_session_pos(s), from);
    ok(adze_session_eval_all(s, tokens + from, n, got, &err), &err);
    assert_memory_equal(got, whole + from * VOCAB, n * VOCAB * sizeof *got);
}

static void states_go_from_call_to_call(void **state)
{
    static const size_t batches[] = { 1, 5, 64 }, chunks[] = { 1, 2, 3, 7, 29, 30 };

    (void)state;
    for (int threads = 1; threads <= 3; threads++)
        for (size_t b = 0; b < AZ_COUNT(batches); b++) {
            adze_session *s = start(batches[b], threads);
            for (size_t c = 0; c < AZ_COUNT(chunks); c++) {
                adze_error err = { 0 };
                ok(adze_session_rewind(s, 0, &err), &err);
                for (size_t at = 0; at < N; at += chunks[c])
                    go_on(s, at, N - at < chunks[c] ? N - at : chunks[c]);
            }
            adze_session_free(s);
        }
}

/* Without its state a convolution says something else: the comparison above can fail. */
static void the_state_matters(void **state)
{
    adze_session *s = start(0, 1);
    adze_error err = { 0 };
    float x[VOCAB];
    double off = 0;

    (void)state;
    ok(adze_session_eval(s, tokens, 10, NULL, &err), &err);
    for (int i = 0; i < s->graph.n_states; i++)
        if (s->graph.states[i].kind == AZ_STATE_CONV)
            memset(s->sequences[0].taps[i], 0, (size_t)s->graph.states[i].width * sizeof(float));
    ok(adze_session_eval(s, tokens + 10, 1, x, &err), &err);
    for (int i = 0; i < VOCAB; i++) {
        double d = (double)x[i] - (double)whole[10 * VOCAB + i];
        off += d < 0 ? -d : d;
    }
    assert_true(off > 1e-3);
    adze_session_free(s);
}

static void rewinding_goes_to_the_start(void **state)
{
    adze_session *s = start(0, 2);
    adze_error err = { 0 };

    (void)state;
    go_on(s, 0, 12);
    ok(adze_session_rewind(s, 12, &err), &err); /* where it is: nothing */
    assert_int_equal(adze_session_rewind(s, 11, &err), ADZE_EUNSUP);
    assert_non_null(strstr(err.msg, "rewind to 0"));
    assert_int_equal(adze_session_rewind(s, 13, &err), ADZE_EINVAL);
    go_on(s, 12, 5); /* neither changed anything */
    ok(adze_session_rewind(s, 0, &err), &err);
    go_on(s, 0, N);
    adze_session_free(s);
}

static void cancel_later(void *arg, const int *weights, int n, int expert, const float *x)
{
    (void)weights;
    (void)n;
    (void)expert;
    (void)x;
    adze_run_cancel(arg);
}

static void failed_calls_leave_the_states(void **state)
{
    adze_session *s = start(4, 1);
    adze_error err = { 0 };
    int32_t bad[2] = { 1, VOCAB }, many[N] = { 0 };

    (void)state;
    go_on(s, 0, 9);
    assert_int_equal(adze_session_eval(s, bad, 2, NULL, &err), ADZE_EINVAL);
    assert_int_equal(adze_session_eval(s, many, N, NULL, &err), ADZE_EFIT);
    go_on(s, 9, 1);
    /* interrupted after its first batch: that one's tokens are taken back */
    assert_int_equal(az_session_watch(s, many, 12, cancel_later, run, &err), ADZE_ECANCEL);
    atomic_store(&run->cancel, 0);
    go_on(s, 10, N - 10);
    adze_session_free(s);
}

static void sessions_have_states_of_their_own(void **state)
{
    adze_session *a = start(0, 1), *b = start(0, 1);

    (void)state;
    go_on(a, 0, 10);
    go_on(b, 0, 3);
    go_on(a, 10, 1);
    go_on(b, 3, 8);
    adze_session_free(a);
    go_on(b, 11, N - 11);
    adze_session_free(b);
}

static int set_up(void **state)
{
    adze_error err = { 0 };
    adze_session *s;
    made_spec spec;
    int32_t *list;

    (void)state;
    made_read(&spec, run, "lfm2");
    made_write(&spec, folder, NULL);
    assert_int_equal(made_tokens(json_object_get(spec.j, "tokens"), &list), N);
    memcpy(tokens, list, sizeof tokens);
    free(list);
    json_decref(spec.j);
    ok(adze_model_open(&model, run, folder, &err), &err);
    s = start(0, 1);
    ok(adze_session_eval_all(s, tokens, N, whole, &err), &err);
    adze_session_free(s);
    return 0;
}

static int take_down(void **state)
{
    (void)state;
    adze_model_close(model);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_go_from_call_to_call),
        cmocka_unit_test(the_state_matters),
        cmocka_unit_test(rewinding_goes_to_the_start),
        cmocka_unit_test(failed_calls_leave_the_states),
        cmocka_unit_test(sessions_have_states_of_their_own),
    };
    int failed;

    if (adze_run_new(&run, NULL, NULL) != ADZE_OK || !mkdtemp(folder)) return 1;
    failed = cmocka_run_group_tests(tests, set_up, take_down);
    az_remove_tree(run, folder, NULL);
    adze_run_free(run);
    return failed;
}
