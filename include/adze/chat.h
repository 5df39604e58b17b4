/* adze: conversations to text, as a model's chat template says. */
#ifndef ADZE_CHAT_H
#define ADZE_CHAT_H

#include <stddef.h>
#include <adze/error.h>
#include <adze/model.h>
#include <adze/run.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct adze_chat adze_chat;

/* Zero-initialise, then set what matters. All texts are UTF-8 and NUL-terminated; NULL: not given. */
typedef struct adze_chat_opts {
    const char *tools;     /* JSON array of tools, each as a JSON schema */
    const char *documents; /* JSON array of objects */
    const char *
        vars; /* JSON object of further variables ("enable_thinking": false); they win over all others */
    const char *
        name; /* which template; NULL: "tool_use" when there are tools and the model has it, else "default" */
    int add_generation_prompt; /* end with what begins an answer */
    /* Leave the last message open, so that the model goes on with it: the field that is continued, usually "content". Not
     * together with add_generation_prompt. */
    const char *continue_final_message;
} adze_chat_opts;

/**
 * The chat templates of a model.
 *
 * @param out  receives them; NULL on failure. Free with adze_chat_free.
 * @param run  context; must outlive them.
 * @param m    stays open while they are used.
 * @return ADZE_OK; ADZE_EUNSUP when the model has none; ADZE_EFORMAT for malformed files beside it; ADZE_ENOMEM.
 */
ADZE_API adze_status adze_chat_new(adze_chat **out, adze_run *run, const adze_model *m,
                                   adze_error *err);
/** Free them; NULL is fine. */
ADZE_API void adze_chat_free(adze_chat *c);

/** Number of templates that the model has, at least 1. */
ADZE_API size_t adze_chat_count(const adze_chat *c);
/** Name of template i, such as "default" or "tool_use"; borrowed; NULL beyond the last. */
ADZE_API const char *adze_chat_name(const adze_chat *c, size_t i);

/**
 * Write a conversation as text, byte for byte as transformers' apply_chat_template(tokenize=False) does. Tokenize it with
 * adze_tokenize and add_special 0: a template writes its own BOS.
 *
 * @param messages  JSON array of at least one object {"role", "content", ...}.
 * @param opts      NULL: none.
 * @param text      receives *n bytes of UTF-8 (NUL added); free with adze_chat_text_free. NULL on failure.
 * @return ADZE_OK; ADZE_EINVAL for messages or options that are not what they must be; ADZE_EFORMAT when the template is wrong,
 *         refuses the conversation (raise_exception) or reaches a limit, with its line and column; ADZE_EUNSUP for what
 *         adze's templates do not have; ADZE_ENOMEM.
 *
 * Threads: one call at a time per adze_chat; several of them run in parallel.
 * Trust:   templates and messages may be hostile; work, depth and memory are bounded (docs/templates.md). Special tokens in
 *          a message's text are not escaped.
 */
ADZE_API adze_status adze_chat_render(adze_chat *c, const char *messages,
                                      const adze_chat_opts *opts, char **text, size_t *n,
                                      adze_error *err);
/** Free what adze_chat_render gave; NULL is fine. */
ADZE_API void adze_chat_text_free(const adze_chat *c, char *text);

#ifdef __cplusplus
}
#endif
#endif
