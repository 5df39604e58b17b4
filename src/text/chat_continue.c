/* continue_final_message: a marker goes behind the last message's text, and the rendered conversation ends where it stands.
 * Source: transformers 5.23, utils/chat_template_utils.py (render_jinja_template). */
#include "text/chat_continue.h"
#include "text/jinja_value.h"

#include <string.h>

static const char marker[] =
    "CONTINUE_FINAL_MESSAGE_TAG "; /* its space shows whether texts are trimmed */
static const char *const reasoning[] = { "reasoning_content", "thinking", "reasoning" };

static adze_status wrong(adze_error *err, const char *field, const char *what)
{
    return az_fail_name(err, ADZE_EINVAL, NULL, field, ADZE_NOPOS,
                        "the last message cannot be continued: %s", what);
}

static json_t *marked(const json_t *text)
{
    return json_sprintf("%s%s", json_string_value(text), marker);
}

/* The last block of a list that has a text. */
static adze_status mark_blocks(json_t *message, const char *field, az_continue *c, adze_error *err)
{
    json_t *blocks = json_deep_copy(json_object_get(message, field)), *block = NULL, *text = NULL;

    if (!blocks || json_object_set_new(message, field, blocks) < 0)
        return az_fail_nomem(err, "rendering a conversation");
    for (size_t i = json_array_size(blocks); i-- > 0 && !text;) {
        block = json_array_get(blocks, i);
        text = json_object_get(block, "text");
    }
    if (!json_is_string(text)) return wrong(err, field, "no block of it has a text");
    c->text = json_incref(text);
    return json_object_set_new(block, "text", marked(text)) < 0
               ? az_fail_nomem(err, "rendering a conversation")
               : ADZE_OK;
}

static bool is_reasoning(const char *field)
{
    for (size_t i = 0; i < AZ_COUNT(reasoning); i++)
        if (strcmp(field, reasoning[i]) == 0) return true;
    return false;
}

static bool in_source(const char *field, const char *source, size_t n)
{
    return n && memmem(source, n, field, strlen(field)) != NULL;
}

/* Reasoning stands under several names: all that hold the same text are marked. */
static adze_status mark_text(json_t *message, const char *field, az_continue *c, adze_error *err)
{
    json_t *text = c->text;
    bool ok = true;

    if (!is_reasoning(field)) {
        ok = json_object_set_new(message, field, marked(text)) == 0;
    } else {
        for (size_t i = 0; i < AZ_COUNT(reasoning); i++)
            if (json_equal(json_object_get(message, reasoning[i]), text))
                ok = json_object_set_new(message, reasoning[i], marked(text)) == 0 && ok;
    }
    return ok ? ADZE_OK : az_fail_nomem(err, "rendering a conversation");
}

adze_status az_continue_mark(az_continue *c, json_t *messages, const char *field,
                             const char *source, size_t n, adze_error *err)
{
    json_t *last = json_array_get(messages, json_array_size(messages) - 1);
    const json_t *value = json_object_get(last, field);
    bool known = in_source(field, source, n);

    c->text = NULL;
    for (size_t i = 0; !known && is_reasoning(field) && i < AZ_COUNT(reasoning); i++)
        known = json_equal(json_object_get(last, reasoning[i]), (json_t *)(uintptr_t)value) &&
                in_source(reasoning[i], source, n);
    if (!value) return wrong(err, field, "it has no such field");
    if (!known) return wrong(err, field, "the template does not use this field");
    if (json_is_array(value)) return mark_blocks(last, field, c, err);
    if (!json_is_string(value)) return wrong(err, field, "it is no text");
    if (strlen(json_string_value(value)) != json_string_length(value))
        return wrong(err, field, "it holds a zero character");
    c->text = json_incref((json_t *)(uintptr_t)value);
    return mark_text(last, field, c, err);
}

/* Bytes of white space at the end, or at the beginning. */
static size_t space_at_end(const char *s, size_t n)
{
    size_t from = n, len;

    while (from) {
        size_t at = from - 1;
        while (at && ((unsigned char)s[at] & 0xc0) == 0x80)
            at--;
        if (!az_jspace(az_utf8_next(s + at, n - at, &len))) break;
        from = at;
    }
    return n - from;
}

static size_t space_at_start(const char *s, size_t n)
{
    size_t at = 0, len;

    while (at < n && az_jspace(az_utf8_next(s + at, n - at, &len)))
        at += len;
    return at;
}

adze_status az_continue_cut(const az_continue *c, az_buf *out, size_t from, adze_error *err)
{
    const char *s = json_string_value(c->text), *hit = NULL, *text, *next;
    size_t n = json_string_length(c->text), skip = space_at_start(s, n), size = out->size - from;
    size_t mark = sizeof marker - 2; /* without its space */

    n -= skip;
    n -= space_at_end(s + skip, n);
    text = size ? out->data + from : "";
    for (next = text; (next = memmem(next, size - (size_t)(next - text), marker, mark)); next++)
        hit = next;
    if (!hit || !memmem(text, size, s + skip, n))
        return az_fail(
            err, ADZE_EINVAL, NULL, ADZE_NOPOS,
            "the last message cannot be continued: the template does not write it as it is");
    out->size = (size_t)(hit - out->data);
    if (size - (size_t)(hit - text) <= mark || hit[mark] != ' ')
        out->size -= space_at_end(text, out->size - from);
    return ADZE_OK;
}

void az_continue_deinit(az_continue *c)
{
    json_decref(c->text);
}
