/* Reading variants of recipes. */
#include "plan/variant.h"
#include "codec/recipe.h"
#include "format/mlx.h"

#include <string.h>

#define WITH_IMPORTANCE "+imatrix"

static adze_status bad(const char *text, adze_error *err, const char *what)
{
    return az_fail_name(err, ADZE_EINVAL, NULL, text, ADZE_NOPOS, "%s", what);
}

static adze_status take_types(az_variant *v, az_arena *a, const char *at, adze_error *err)
{
    while (*at) {
        size_t n = strcspn(at, ",");
        const char *eq = memchr(at, '=', n), *item = az_arena_strndup(a, at, n);

        if (!item) return az_fail_nomem(err, "reading a recipe");
        if (!eq || eq == at || eq + 1 == at + n)
            return bad(v->text, err, "what follows a comma is PATTERN=TYPE, as in ffn_down=q6_k");
        if (v->types.n == AZ_OPT_LIST_MAX) return bad(v->text, err, "has too many types");
        v->types.items[v->types.n++] = item;
        at += n;
        if (*at == ',' && !at[1]) return bad(v->text, err, "ends with a comma");
        at += *at == ',';
    }
    return ADZE_OK;
}

adze_status az_variant_parse(az_variant *v, az_arena *a, const char *text, adze_error *err)
{
    size_t n = strcspn(text, ","), plus = strlen(WITH_IMPORTANCE);
    adze_status rc;

    *v = (az_variant){ .text = az_arena_strdup(a, text) };
    if (strlen(text) > AZ_VARIANT_MAX) return bad(text, err, "is longer than 160 bytes");
    if (n > plus && memcmp(text + n - plus, WITH_IMPORTANCE, plus) == 0) {
        v->importance = true;
        n -= plus;
    }
    v->recipe = az_arena_strndup(a, text, n);
    if (!v->text || !v->recipe) return az_fail_nomem(err, "reading a recipe");
    v->format = az_mlx_recipe_find(v->recipe) ? "mlx" : "gguf";
    if (strcmp(v->format, "gguf") == 0 && !az_recipe_find(v->recipe))
        return bad(text, err, "no such recipe; `adze recipes` lists them");
    n = strcspn(text, ",");
    if (text[n] && !text[n + 1]) return bad(text, err, "ends with a comma");
    rc = take_types(v, a, text + n + (text[n] == ','), err);
    if (rc == ADZE_OK && strcmp(v->format, "mlx") == 0 && (v->importance || v->types.n))
        return bad(text, err, "an importance matrix and types of tensors are for GGUF's recipes");
    return rc;
}

az_convert_opts az_variant_opts(const az_variant *v, const char *imatrix)
{
    return (az_convert_opts){ .to = v->format,
                              .recipe = v->recipe,
                              .tensor_types = v->types,
                              .imatrix = v->importance ? imatrix : NULL };
}

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("._-+=,", c));
}

const char *az_variant_file(const az_variant *v, az_arena *a)
{
    char *name = az_arena_strndup(a, v->text, strlen(v->text));
    uint32_t hash = 2166136261u; /* FNV-1a */
    bool plain = true;

    for (char *c = name; c && *c; c++) {
        hash = (hash ^ (uint8_t)*c) * 16777619u;
        if (is_plain(*c)) continue;
        plain = false;
        *c = '_';
    }
    return !name || plain ? name : az_arena_printf(a, "%s-%08x", name, (unsigned)hash);
}
