/* Chat templates: an interpreter of the Jinja language as Hugging Face transformers sets it up.
 *
 * The environment is jinja2's ImmutableSandboxedEnvironment with trim_blocks and lstrip_blocks, the extensions
 * loopcontrols and `generation`, no loader, no autoescape and the default Undefined. What is written must be the
 * bytes that Python writes; where Python raises, rendering fails. Templates are hostile: work, depth, memory and
 * output are bounded by az_template_limits. docs/templates.md says what is supported.
 * Sources: jinja2 3.1 (lexer.py, parser.py, idtracking.py, runtime.py, filters.py, sandbox.py),
 * transformers 5.23 utils/chat_template_utils.py.
 */
#ifndef AZ_TEXT_JINJA_H
#define AZ_TEXT_JINJA_H

#include <jansson.h>
#include "base/buf.h"

typedef struct az_template az_template;

/* A limit that is reached is an error (ADZE_EFORMAT), never a cut. 0 in a field: the default. */
typedef struct az_template_limits {
    size_t source_bytes; /* longest template */
    uint64_t steps;      /* nodes evaluated, items iterated and 512-byte pieces of text handled */
    int depth;           /* nested expressions, statements, calls and values */
    size_t output_bytes; /* longest text, the result or any string on the way */
    size_t memory_bytes; /* values made while rendering; also the parsed template */
} az_template_limits;

extern const az_template_limits az_template_default_limits;

/* Parse n bytes of UTF-8. The error has the line and column. limits: NULL for the defaults. */
adze_status az_template_new(az_template **out, adze_run *run, const char *source, size_t n,
                            const az_template_limits *limits, adze_error *err);
void az_template_free(az_template *t); /* NULL is fine */

/* Render with the members of the object `vars` as variables (NULL: none); appends to out, which is as it was
 * on failure. One template may be rendered by several threads at once. */
adze_status az_template_render(const az_template *t, const json_t *vars, az_buf *out,
                               adze_error *err);

/* All of it on bytes: the entry point for fuzzing. `input` is the template, then optionally a zero byte and a JSON
 * object of variables. */
adze_status az_template_try(adze_run *run, const char *input, size_t n,
                            const az_template_limits *limits, az_buf *out, adze_error *err);

#endif
