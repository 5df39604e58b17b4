/* A model's chat templates and the tokens that they write: conversations to text, as Hugging Face transformers'
 * apply_chat_template makes it. docs/templates.md. */
#ifndef AZ_TEXT_CHAT_H
#define AZ_TEXT_CHAT_H

#include "core/model.h"
#include "text/jinja.h"

typedef struct az_chat az_chat;

/* Zero-initialise, then set what matters. */
typedef struct az_chat_opts {
    const json_t *tools;     /* array of JSON schemas, or NULL: none */
    const json_t *documents; /* array of objects, or NULL */
    const json_t *vars; /* object of further variables, or NULL; they win over everything else */
    const char
        *name; /* which template; NULL: tool_use when there are tools and it exists, else default */
    const char *continue_field; /* leave the last message's field open; NULL: do not */
    bool add_generation_prompt;
} az_chat_opts;

/* The templates of a model. ADZE_EUNSUP when it has none. The model stays open while they are used. */
adze_status az_chat_new(az_chat **out, adze_run *run, const adze_model *m,
                        const az_template_limits *limits, adze_error *err);
void az_chat_free(az_chat *c);

size_t az_chat_count(const az_chat *c);
const char *az_chat_name(const az_chat *c, size_t i); /* "default", "tool_use", ... */

/* Render a conversation, an array of messages {role, content, ...}; appends to out. A template is parsed at its
 * first use, so calls on one az_chat must not overlap. */
adze_status az_chat_render(az_chat *c, const json_t *messages, const az_chat_opts *opts,
                           az_buf *out, adze_error *err);

#endif
