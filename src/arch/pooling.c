/* How an encoder's states become one vector: sentence-transformers' modules.json lists what is done one after the other,
 * each module with a config.json in a folder of its own; a GGUF says it in pooling_type.
 *
 * Source: sentence-transformers 6.2 (modules Pooling, Normalize, Transformer), llama.cpp's enum of pooling types.
 */
#include "arch/common.h"
#include "base/json.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *mode, *flag; /* "pooling_mode": mode; in older files "pooling_mode_...": true */
    bool known;
    az_pooling pooling;
} modes[] = {
    { "cls", "pooling_mode_cls_token", true, AZ_POOL_CLS },
    { "max", "pooling_mode_max_tokens", false, AZ_POOL_MEAN },
    { "mean", "pooling_mode_mean_tokens", true, AZ_POOL_MEAN },
    { "mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens", false, AZ_POOL_MEAN },
    { "weightedmean", "pooling_mode_weightedmean_tokens", false, AZ_POOL_MEAN },
    { "lasttoken", "pooling_mode_lasttoken", true, AZ_POOL_LAST },
};

/* One mode; several are put side by side, which adze does not do. */
static void read_mode(az_doc *d, az_config *c, const char *name, const json_t *doc)
{
    const json_t *mode = json_object_get(doc, "pooling_mode");
    const char *said = json_string_value(mode);
    int found = 0, at = -1;

    if (json_is_array(mode) && json_array_size(mode) == 1)
        said = json_string_value(json_array_get(mode, 0));
    for (size_t i = 0; i < AZ_COUNT(modes); i++) {
        bool on = false;
        if (mode)
            on = said && strcmp(said, modes[i].mode) == 0;
        else
            az_json_bool(doc, modes[i].flag, &on);
        if (!on) continue;
        found++;
        at = (int)i;
    }
    if (found == 0 && !mode) return; /* the mean */
    if (found != 1)
        az_doc_fail(d, ADZE_EUNSUP, name, "pools in %s", found ? "several ways" : "no known way");
    else if (!modes[at].known)
        az_doc_fail(d, ADZE_EUNSUP, name, "pooling '%s'", modes[at].mode);
    else
        c->pooling = modes[at].pooling;
}

static void read_module(az_doc *d, az_config *c, const json_t *module)
{
    const char *type = az_json_str(module, "type"), *path = az_json_str(module, "path");
    const char *last = type ? strrchr(type, '.') : NULL;
    char name[200];

    last = last ? last + 1 : type;
    snprintf(name, sizeof name, "%s/config.json", path ? path : "");
    if (last && strcmp(last, "Pooling") == 0)
        read_mode(d, c, name, json_object_get(d->m->sentence, name));
    else if (last && strcmp(last, "Normalize") == 0)
        c->normalize = true;
    else if (!last || strcmp(last, "Transformer") != 0)
        az_doc_fail(d, ADZE_EUNSUP, "modules.json", "module %.60s", last ? last : "without a type");
}

static void read_limits(az_doc *d, az_config *c)
{
    const json_t *doc = json_object_get(d->m->sentence, "sentence_bert_config.json");
    int64_t n = 0;
    bool lower = false;

    az_json_bool(doc, "do_lower_case", &lower);
    if (lower)
        az_doc_fail(d, ADZE_EUNSUP, "do_lower_case", "lower case before the tokenizer's own");
    if (!az_json_int(doc, "max_seq_length", &n)) return;
    if (n < 1)
        az_doc_fail(d, ADZE_EFORMAT, "max_seq_length", "is %lld", (long long)n);
    else if (n < c->context)
        c->text_limit = n;
}

void az_read_pooling(az_doc *d, az_config *c)
{
    const json_t *modules = json_object_get(d->m->sentence, "modules.json"), *module;
    size_t i;

    c->pooling = AZ_POOL_MEAN;
    c->normalize = !modules;
    json_array_foreach(modules, i, module) read_module(d, c, module);
    read_limits(d, c);
    switch (az_doc_int(d, NULL, "pooling_type", 0, 4, modules ? -1 : 1)) {
    case 0:
    case 1: c->pooling = AZ_POOL_MEAN; break;
    case 2: c->pooling = AZ_POOL_CLS; break;
    case 3: c->pooling = AZ_POOL_LAST; break;
    case 4: az_doc_fail(d, ADZE_EUNSUP, "pooling_type", "ranks pairs of texts"); break;
    default: break;
    }
}
