/* Generation on the demo checkpoint: what ends it, what is held back, and that a seed repeats it. Nothing here
 * depends on which text the model writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <adze/session.h>
#include "base/json.h"
#include "core/model.h"
#include "text/unicode.h"

static adze_run *run;
static adze_model *model;
static adze_tokenizer *tokenizer;
static int32_t *prompt;
static size_t n_prompt;

typedef struct output {
    char text[8192];
    size_t n, calls, stop_after; /* 0: never */
    bool whole;                  /* every piece so far was whole UTF-8 */
} output;

static int on_text(void *user, const char *s, size_t n)
{
    output *o = user;

    assert_true(n > 0 && o->n + n < sizeof o->text);
    o->whole = o->whole && az_utf8_prefix(s, n) == n;
    memcpy(o->text + o->n, s, n);
    o->n += n;
    o->text[o->n] = 0;
    return ++o->calls == o->stop_after;
}

static int open_model(void **state)
{
    adze_error err = { 0 };

    (void)state;
    if (adze_run_new(&run, &(adze_run_opts){ .threads = 2 }, &err) < 0 ||
        adze_model_open(&model, run, "demo/checkpoint", &err) < 0 ||
        adze_tokenizer_new(&tokenizer, run, model, &err) < 0 ||
        adze_tokenize(tokenizer, "It was the best of times,", 25, 1, &prompt, &n_prompt, &err) <
            0) {
        print_error("%s: %s\n", err.path, err.msg);
        return -1;
    }
    return 0;
}

static int close_model(void **state)
{
    (void)state;
    adze_tokens_free(tokenizer, prompt);
    adze_tokenizer_free(tokenizer);
    adze_model_close(model);
    adze_run_free(run);
    return 0;
}

static adze_status generate(size_t context, adze_generate_opts *o, output *out,
                            adze_generate_result *r, adze_error *err)
{
    adze_session_opts so = { .context = context };
    adze_session *s;
    adze_status rc;
    size_t stop_after = out->stop_after;

    memset(out, 0, sizeof *out);
    out->whole = true;
    out->stop_after = stop_after;
    o->on_text = on_text;
    o->user = out;
    if (o->sampling.temperature <= 0) o->sampling.temperature = 1;
    o->sampling.top_p = 1;
    o->sampling.repetition_penalty = 1;
    assert_int_equal(adze_session_new(&s, run, model, &so, err), ADZE_OK);
    rc = adze_generate(s, tokenizer, prompt, n_prompt, o, r, err);
    adze_session_free(s);
    assert_true(out->whole);
    return rc;
}

static void length_and_context(void **state)
{
    adze_generate_opts o = { .max_tokens = 12, .ignore_eos = 1 };
    adze_generate_result r;
    adze_error err = { 0 };
    output out = { { 0 }, 0, 0, 0, true };

    (void)state;
    assert_int_equal(generate(64, &o, &out, &r, &err), ADZE_OK);
    assert_int_equal(r.finish, ADZE_FINISH_LENGTH);
    assert_int_equal(r.new_tokens, 12);
    assert_int_equal(r.prompt_tokens, n_prompt);
    assert_true(out.n > 0 && r.decode_s > 0 && r.prefill_s > 0);

    o.max_tokens = 50; /* the last token that is chosen is not evaluated: room + 1 of them */
    assert_int_equal(generate(n_prompt + 5, &o, &out, &r, &err), ADZE_EFIT);
    assert_int_equal(r.new_tokens, 6);
    assert_true(out.n > 0);
    o.max_tokens = 0;
    assert_int_equal(generate(n_prompt + 5, &o, &out, &r, &err), ADZE_OK);
    assert_int_equal(r.finish, ADZE_FINISH_LENGTH);
    assert_int_equal(r.new_tokens, 6);
    assert_int_equal(generate(n_prompt - 1, &o, &out, &r, &err), ADZE_EFIT);
    assert_int_equal(r.new_tokens, 0);
}

static void stop_strings_across_tokens(void **state)
{
    adze_generate_opts o = { .max_tokens = 40, .ignore_eos = 1 };
    adze_generate_result r;
    adze_error err = { 0 };
    output out = { { 0 }, 0, 0, 0, true };
    char full[8192];
    size_t n;

    (void)state;
    assert_int_equal(generate(128, &o, &out, &r, &err), ADZE_OK);
    memcpy(full, out.text, out.n + 1);
    n = out.n;
    assert_true(n > 30);
    for (size_t at = 3; at + 9 < n; at += 5) {
        char stop[10];
        const char *stops[] = { "\x01never\x01", stop, "" };
        memcpy(stop, full + at, 9);
        stop[9] = 0;
        if (az_utf8_prefix(stop, 9) != 9) continue;
        o.stop = stops;
        o.n_stop = AZ_COUNT(stops);
        assert_int_equal(generate(128, &o, &out, &r, &err), ADZE_OK);
        assert_int_equal(r.finish, ADZE_FINISH_STOP);
        assert_int_equal(out.n, (size_t)(strstr(full, stop) - full));
        assert_memory_equal(out.text, full, out.n);
    }
    { /* one that starts but never completes is delivered at the end */
        char stop[12];
        const char *stops[] = { stop };
        snprintf(stop, sizeof stop, "%.3s\x01", full + n - 3);
        o.stop = stops;
        o.n_stop = 1;
        assert_int_equal(generate(128, &o, &out, &r, &err), ADZE_OK);
        assert_string_equal(out.text, full);
    }
}

static void every_eos_ends(void **state)
{
    adze_generate_opts o = { .max_tokens = 20, .ignore_eos = 1 };
    json_t *keep = model->generation_config;
    adze_generate_result r;
    adze_error err = { 0 };
    output out = { { 0 }, 0, 0, 0, true };
    adze_session *s;
    float *logits;
    int32_t first = 0;
    size_t vocab;

    (void)state;
    assert_int_equal(adze_session_new(&s, run, model, &(adze_session_opts){ .context = 64 }, &err),
                     ADZE_OK);
    vocab = adze_session_vocab(s);
    logits = calloc(vocab, sizeof *logits);
    assert_int_equal(adze_session_eval(s, prompt, n_prompt, logits, &err), ADZE_OK);
    for (size_t i = 1; i < vocab; i++)
        if (logits[i] > logits[first]) first = (int32_t)i;
    free(logits);
    adze_session_free(s);

    o.ignore_eos = 0;
    model->generation_config = json_pack("{s:[i, i]}", "eos_token_id", 4095, (int)first);
    assert_int_equal(generate(64, &o, &out, &r, &err), ADZE_OK);
    assert_int_equal(r.finish, ADZE_FINISH_EOS);
    assert_int_equal(r.new_tokens, 1);
    assert_int_equal(out.n, 0);
    json_object_set_new(model->generation_config, "eos_token_id", json_integer(first));
    assert_int_equal(generate(64, &o, &out, &r, &err), ADZE_OK);
    assert_int_equal(r.finish, ADZE_FINISH_EOS);
    o.ignore_eos = 1;
    assert_int_equal(generate(64, &o, &out, &r, &err), ADZE_OK);
    assert_int_equal(r.finish, ADZE_FINISH_LENGTH);
    json_decref(model->generation_config);
    model->generation_config = keep;
}

static void a_seed_repeats(void **state)
{
    adze_generate_opts o = { .max_tokens = 25, .ignore_eos = 1 };
    adze_generate_result r;
    adze_error err = { 0 };
    output a = { { 0 }, 0, 0, 0, true }, b = a;

    (void)state;
    o.sampling.do_sample = 1;
    o.sampling.seed = 42;
    assert_int_equal(generate(64, &o, &a, &r, &err), ADZE_OK);
    assert_int_equal(generate(64, &o, &b, &r, &err), ADZE_OK);
    assert_string_equal(a.text, b.text);
    o.sampling.seed = 43;
    assert_int_equal(generate(64, &o, &b, &r, &err), ADZE_OK);
    assert_string_not_equal(a.text, b.text);
}

static void the_caller_may_stop_or_cancel(void **state)
{
    adze_generate_opts o = { .max_tokens = 25, .ignore_eos = 1 };
    adze_generate_result r;
    adze_error err = { 0 };
    output out = { { 0 }, 0, 0, 0, true };

    (void)state;
    out.stop_after = 3;
    assert_int_equal(generate(64, &o, &out, &r, &err), ADZE_OK);
    assert_int_equal(r.finish, ADZE_FINISH_USER);
    assert_int_equal(out.calls, 3);
    out.stop_after = 0;
    adze_run_cancel(run);
    assert_int_equal(generate(64, &o, &out, &r, &err), ADZE_ECANCEL);
    atomic_store(&run->cancel, 0);
}

/* Where the session is and what it says next must not tell whether tokens were guessed either. */
static void after(adze_session *s, size_t *pos, float *logits)
{
    adze_error err = { 0 };
    int32_t token = 7;

    *pos = adze_session_pos(s);
    if (adze_session_room(s))
        assert_int_equal(adze_session_eval(s, &token, 1, logits, &err), ADZE_OK);
}

/* The same text, position and states with and without guesses: greedy and drawn, cut by length, context, a stop string and the
 * caller, over prompts that repeat themselves and one that does not. */
static void guesses_change_nothing(void **state)
{
    static const char *const texts[] = {
        "one two three four five six. one two three four five six. one two three",
        "It was the best of times, it was the worst of times, it was the age of wisdom, it was the",
        "the the the the the the the the",
        "Call me Ishmael.",
    };
    size_t accepted = 0;

    (void)state;
    for (size_t t = 0; t < AZ_COUNT(texts); t++)
        for (int how = 0; how < 8; how++) {
            static const size_t guesses[] = { 0, 1, 5, 40 };
            output first = { { 0 }, 0, 0, 0, true };
            float *logits[2];
            size_t pos[2];
            int32_t *ids;
            size_t n;
            adze_error err = { 0 };

            for (int i = 0; i < 2; i++)
                logits[i] = calloc(4096, sizeof(float));
            assert_int_equal(adze_tokenize(tokenizer, texts[t], strlen(texts[t]), 1, &ids, &n,
                                           &err),
                             ADZE_OK);
            for (size_t g = 0; g < AZ_COUNT(guesses); g++) {
                const char *stop[] = { "an" };
                output out = { { 0 }, 0, 0, how == 5 ? 9 : 0, true };
                adze_generate_opts o = { .max_tokens = how == 6 ? 0 : 33,
                                         .ignore_eos = 1,
                                         .on_text = on_text,
                                         .user = &out,
                                         .speculate = guesses[g],
                                         .stop = stop,
                                         .n_stop = how == 4 };
                adze_session_opts so = { .context = how == 6   ? n + 21
                                                    : how == 7 ? n + 10
                                                               : 200,
                                         .kv = how == 3 ? ADZE_KV_Q8_0 : ADZE_KV_AUTO };
                adze_generate_result r;
                adze_session *s;
                adze_status rc;

                o.sampling = (adze_sampling){ .do_sample = how > 0 && how < 4,
                                              .temperature = 0.8f,
                                              .top_k = 20,
                                              .top_p = 0.95f,
                                              .repetition_penalty = how == 2 ? 1.2f : 1,
                                              .seed = (uint64_t)how };
                assert_int_equal(adze_session_new(&s, run, model, &so, &err), ADZE_OK);
                rc = adze_generate(s, tokenizer, ids, n, &o, &r, &err);
                assert_int_equal(rc, how == 7 ? ADZE_EFIT : ADZE_OK);
                assert_true(r.accepted_tokens <= r.guessed_tokens &&
                            r.guessed_tokens <= guesses[g] * r.new_tokens);
                after(s, &pos[g > 0], logits[g > 0]);
                adze_session_free(s);
                accepted += r.accepted_tokens;
                if (g == 0) {
                    first = out;
                    assert_true(out.n > 0);
                    continue;
                }
                assert_string_equal(out.text, first.text);
                assert_int_equal(pos[1], pos[0]);
                assert_memory_equal(logits[1], logits[0], 4096 * sizeof(float));
            }
            adze_tokens_free(tokenizer, ids);
            free(logits[0]);
            free(logits[1]);
        }
    assert_true(accepted > 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(length_and_context),
        cmocka_unit_test(stop_strings_across_tokens),
        cmocka_unit_test(every_eos_ends),
        cmocka_unit_test(a_seed_repeats),
        cmocka_unit_test(the_caller_may_stop_or_cancel),
        cmocka_unit_test(guesses_change_nothing),
    };

    return cmocka_run_group_tests(tests, open_model, close_model);
}
