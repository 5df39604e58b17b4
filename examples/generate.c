/* Continue a prompt: generate PATH PROMPT */
#include <adze/session.h>
#include <stdio.h>
#include <string.h>

static int print(void *user, const char *text, size_t n)
{
    (void)user;
    fwrite(text, 1, n, stdout);
    return fflush(stdout);
}

int main(int argc, char **argv)
{
    adze_run *run = NULL;
    adze_model *model = NULL;
    adze_tokenizer *tok = NULL;
    adze_session *session = NULL;
    adze_generate_opts opts = { .max_tokens = 64, .on_text = print };
    adze_generate_result res;
    adze_error err = { 0 };
    int32_t *ids = NULL;
    size_t n = 0;
    adze_status rc = argc == 3 ? adze_run_new(&run, NULL, &err) : ADZE_EINVAL;

    if (!rc) rc = adze_model_open(&model, run, argv[1], &err);
    if (!rc) rc = adze_tokenizer_new(&tok, run, model, &err);
    if (!rc) rc = adze_session_new(&session, run, model, NULL, &err);
    if (!rc) rc = adze_tokenize(tok, argv[2], strlen(argv[2]), 1, &ids, &n, &err);
    if (!rc) adze_sampling_defaults(&opts.sampling, model);
    if (!rc) rc = adze_generate(session, tok, ids, n, &opts, &res, &err);
    if (rc) fprintf(stderr, "generate: %s\n", err.msg);
    adze_tokens_free(tok, ids);
    adze_session_free(session), adze_tokenizer_free(tok), adze_model_close(model),
        adze_run_free(run);
    return adze_status_exit_code(rc);
}
