/* adze recipes: the recipes for `convert --recipe`, or the weight types. */
#include "cli/cli.h"
#include "codec/codec.h"
#include "codec/recipe.h"
#include "format/mlx.h"

typedef struct recipes_opts {
    bool types, json;
} recipes_opts;

static const az_opt opts[] = {
    { 0, "types", AZ_OPT_BOOL, offsetof(recipes_opts, types), NULL, NULL,
      "list the weight types instead" },
    { 0, "json", AZ_OPT_BOOL, offsetof(recipes_opts, json), NULL, NULL, "print as JSON" },
    { 0, NULL, AZ_OPT_BOOL, 0, NULL, NULL, NULL },
};

static void print_one(az_cli *cli, json_t *list, bool json, const char *name, bool writable,
                      const char *summary)
{
    if (json)
        json_array_append_new(list, json_pack("{s:s, s:b, s:s}", "name", name, "write", writable,
                                              "summary", summary));
    else
        az_cli_printf(cli, "%-10s %s%s\n", name, summary,
                      writable ? "" : " (adze reads its types, but does not write them)");
}

static int recipes_run(az_cli *cli, const void *values, int argc, const char **argv)
{
    const recipes_opts *o = values;
    json_t *list = json_array();

    (void)argc;
    (void)argv;
    for (const az_codec *const *c = az_codecs; *c && o->types; c++)
        print_one(cli, list, o->json, az_type_get((*c)->type)->name, (*c)->pack != NULL,
                  (*c)->summary);
    for (const az_recipe *r = az_recipes; r->name && !o->types; r++)
        print_one(cli, list, o->json, r->name, az_recipe_writable(r), r->summary);
    for (const az_mlx_recipe *r = az_mlx_recipes; r->base.name && !o->types; r++)
        print_one(cli, list, o->json, r->base.name, true, r->base.summary);
    if (o->json) az_cli_json(cli, list);
    json_decref(list);
    return az_cli_finish(cli);
}

const az_cmd az_cmd_recipes = {
    .name = "recipes",
    .group = AZ_CMD_INFO,
    .args = "",
    .summary = "list the recipes for weights, or the weight types",
    .opts = opts,
    .opts_size = sizeof(recipes_opts),
    .run = recipes_run,
};
