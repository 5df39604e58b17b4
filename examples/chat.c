/* Answer one message with a model's own chat template: chat PATH MESSAGE */
#include <adze/chat.h>
#include <adze/session.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int print(void *user, const char *text, size_t n)
{
    (void)user;
    fwrite(text, 1, n, stdout);
    return fflush(stdout);
}

/* [{"role": "user", "content": MESSAGE}] */
static char *conversation(const char *message)
{
    static const char head[] = "[{\"role\": \"user\", \"content\": \"", tail[] = "\"}]";
    char *json = malloc(sizeof head + sizeof tail + 6 * strlen(message)), *p = json;

    if (!json) return NULL;
    p += sprintf(p, "%s", head);
    for (; *message; message++)
        p += sprintf(p,
                     (unsigned char)*message < 32 || *message == '"' || *message == '\\' ? "\\u%04x"
                                                                                         : "%c",
                     *message);
    strcpy(p, tail);
    return json;
}

int main(int argc, char **argv)
{
    adze_run *run = NULL;
    adze_model *model = NULL;
    adze_tokenizer *tok = NULL;
    adze_session *session = NULL;
    adze_chat *chat = NULL;
    adze_chat_opts as = { .add_generation_prompt = 1 };
    adze_generate_opts opts = { .max_tokens = 64, .on_text = print };
    adze_generate_result res;
    adze_error err = { 0 };
    char *messages = argc == 3 ? conversation(argv[2]) : NULL, *text = NULL;
    int32_t *ids = NULL;
    size_t n_text, n = 0;
    adze_status rc = messages ? adze_run_new(&run, NULL, &err) : ADZE_EINVAL;

    if (!rc) rc = adze_model_open(&model, run, argv[1], &err);
    if (!rc) rc = adze_chat_new(&chat, run, model, &err);
    if (!rc) rc = adze_chat_render(chat, messages, &as, &text, &n_text, &err);
    if (!rc) rc = adze_tokenizer_new(&tok, run, model, &err);
    if (!rc) rc = adze_tokenize(tok, text, n_text, 0, &ids, &n, &err);
    if (!rc) rc = adze_session_new(&session, run, model, NULL, &err);
    if (!rc) adze_sampling_defaults(&opts.sampling, model);
    if (!rc) rc = adze_generate(session, tok, ids, n, &opts, &res, &err);
    if (rc) fprintf(stderr, "chat: %s\n", err.msg);
    if (tok) adze_tokens_free(tok, ids);
    if (chat) adze_chat_text_free(chat, text);
    adze_session_free(session), adze_tokenizer_free(tok), adze_chat_free(chat);
    adze_model_close(model), adze_run_free(run);
    free(messages);
    return adze_status_exit_code(rc);
}
