/* A conversation whose last message is left open. */
#ifndef AZ_TEXT_CHAT_CONTINUE_H
#define AZ_TEXT_CHAT_CONTINUE_H

#include "base/buf.h"
#include "base/json.h"

typedef struct az_continue {
    json_t *text; /* what the last message says */
} az_continue;

/* Mark the end of the last message's field; messages are a copy of the caller's. source: the template. */
adze_status az_continue_mark(az_continue *c, json_t *messages, const char *field,
                             const char *source, size_t n, adze_error *err);
/* Cut what was rendered into out from byte `from` on at the mark. */
adze_status az_continue_cut(const az_continue *c, az_buf *out, size_t from, adze_error *err);
void az_continue_deinit(az_continue *c);

#endif
