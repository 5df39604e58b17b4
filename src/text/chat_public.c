/* include/adze/chat.h over az_chat: JSON texts in, text out. */
#include <adze/chat.h>
#include "base/json.h"
#include "text/chat.h"

#include <string.h>

struct adze_chat {
    adze_run *run;
    az_chat *chat;
};

adze_status adze_chat_new(adze_chat **out, adze_run *run, const adze_model *m, adze_error *err)
{
    adze_chat *c = az_calloc(run, 1, sizeof *c);
    adze_status rc;

    *out = NULL;
    if (!c) return az_fail_nomem(err, "reading chat templates");
    c->run = run;
    rc = az_chat_new(&c->chat, run, m, NULL, err);
    if (rc < 0)
        adze_chat_free(c);
    else
        *out = c;
    return rc;
}

void adze_chat_free(adze_chat *c)
{
    if (!c) return;
    az_chat_free(c->chat);
    az_free(c->run, c);
}

size_t adze_chat_count(const adze_chat *c)
{
    return az_chat_count(c->chat);
}

const char *adze_chat_name(const adze_chat *c, size_t i)
{
    return i < az_chat_count(c->chat) ? az_chat_name(c->chat, i) : NULL;
}

/* Bad JSON from a caller is a wrong argument, not a malformed file. */
static adze_status parse(json_t **out, const char *text, const char *what, adze_error *err)
{
    adze_status rc;

    *out = NULL;
    if (!text) return ADZE_OK;
    rc = az_json_parse(out, text, strlen(text), what, err);
    if (rc == ADZE_EFORMAT) rc = ADZE_EINVAL;
    if (rc < 0 && err) err->status = rc;
    return rc;
}

adze_status adze_chat_render(adze_chat *c, const char *messages, const adze_chat_opts *opts,
                             char **text, size_t *n, adze_error *err)
{
    const adze_chat_opts none = { 0 }, *o = opts ? opts : &none;
    json_t *list = NULL, *tools = NULL, *documents = NULL, *vars = NULL;
    adze_status rc;
    az_buf b;

    *text = NULL;
    *n = 0;
    az_buf_init(&b, c->run);
    if ((rc = parse(&list, messages ? messages : "", "messages", err)) == ADZE_OK &&
        (rc = parse(&tools, o->tools, "tools", err)) == ADZE_OK &&
        (rc = parse(&documents, o->documents, "documents", err)) == ADZE_OK &&
        (rc = parse(&vars, o->vars, "vars", err)) == ADZE_OK) {
        az_chat_opts co = { .tools = tools,
                            .documents = documents,
                            .vars = vars,
                            .name = o->name,
                            .continue_field = o->continue_final_message,
                            .add_generation_prompt = o->add_generation_prompt != 0 };
        rc = az_chat_render(c->chat, list, &co, &b, err);
    }
    if (rc == ADZE_OK) {
        *n = b.size;
        az_buf_put(&b, "", 1); /* never NULL, for an empty text either */
        *text = az_buf_take(&b);
        if (!*text) rc = az_fail_nomem(err, "rendering a conversation");
    }
    json_decref(list);
    json_decref(tools);
    json_decref(documents);
    json_decref(vars);
    az_buf_deinit(&b);
    return rc;
}

void adze_chat_text_free(const adze_chat *c, char *text)
{
    if (text) az_free(c->run, text);
}
