/* Answer a conversation by a model's own chat template: chat PATH '[{"role": "user", "content": "Who are you?"}]' */
#include <adze/chat.h>
#include <adze/session.h>
#include <stdio.h>

static int print(void *out, const char *text, size_t n)
{
    return fwrite(text, 1, n, out) != n || fflush(out);
}

int main(int argc, char **argv)
{
    adze_run *run = NULL;
    adze_model *model = NULL;
    adze_tokenizer *tok = NULL;
    adze_session *s = NULL;
    adze_chat *chat = NULL;
    adze_chat_opts as = { .add_generation_prompt = 1 };
    adze_generate_opts opts = { .max_tokens = 64, .on_text = print, .user = stdout };
    adze_error err = { 0 };
    char *text = NULL;
    int32_t *ids = NULL;
    size_t len, n;
    adze_status rc = argc == 3 ? adze_run_new(&run, NULL, &err) : ADZE_EINVAL;

    if (!rc) rc = adze_model_open(&model, run, argv[1], &err);
    if (!rc) rc = adze_chat_new(&chat, run, model, &err);
    if (!rc) rc = adze_chat_render(chat, argv[2], &as, &text, &len, &err);
    if (!rc) rc = adze_tokenizer_new(&tok, run, model, &err);
    if (!rc) rc = adze_tokenize(tok, text, len, 0, &ids, &n, &err);
    if (!rc) rc = adze_session_new(&s, run, model, NULL, &err);
    if (!rc) adze_sampling_defaults(&opts.sampling, model);
    if (!rc) rc = adze_generate(s, tok, ids, n, &opts, NULL, &err);
    if (rc) fprintf(stderr, "chat: %s\n", err.msg);
    if (tok) adze_tokens_free(tok, ids), adze_tokenizer_free(tok);
    if (chat) adze_chat_text_free(chat, text), adze_chat_free(chat);
    adze_session_free(s), adze_model_close(model), adze_run_free(run);
    return adze_status_exit_code(rc);
}
