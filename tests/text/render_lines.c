/* Renders templates for tools/compare_templates.py: on each line of stdin an object with the texts `source` and the
 * variables `vars`, on each line of stdout {"text"} or {"error"}. */
#include "base/json.h"
#include "text/jinja.h"

#include <stdio.h>
#include <stdlib.h>

static json_t *answer(adze_run *run, const json_t *j)
{
    const json_t *source = json_object_get(j, "source");
    adze_error err = { 0 };
    az_template *t = NULL;
    json_t *out;
    az_buf b;
    adze_status rc;

    az_buf_init(&b, run);
    rc =
        az_template_new(&t, run, json_string_value(source), json_string_length(source), NULL, &err);
    if (rc == ADZE_OK) rc = az_template_render(t, json_object_get(j, "vars"), &b, &err);
    if (rc == ADZE_OK)
        out = json_pack("{s:s%}", "text", b.data ? b.data : "", b.size);
    else
        out = json_pack("{s:s}", "error", err.msg);
    az_template_free(t);
    az_buf_deinit(&b);
    return out ? out : json_pack("{s:s}", "error", "the text is not UTF-8");
}

int main(void)
{
    adze_run *run;
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;

    if (adze_run_new(&run, &(adze_run_opts){ .threads = 1 }, NULL) < 0) return 1;
    while ((n = getline(&line, &cap, stdin)) > 0) {
        json_t *j = json_loadb(line, (size_t)n, JSON_ALLOW_NUL, NULL), *out = answer(run, j);
        json_dumpf(out, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
        puts("");
        fflush(stdout);
        json_decref(out);
        json_decref(j);
    }
    free(line);
    adze_run_free(run);
    return 0;
}
