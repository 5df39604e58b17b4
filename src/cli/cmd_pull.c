/* adze pull NAME: load a model from the hub into the cache. */
#include "cli/cli.h"
#include "hub/hub.h"

#include <string.h>

typedef struct pull_opts {
    az_opt_list include;
    bool list, json;
    int64_t connections, retries;
} pull_opts;

#define AT(field) offsetof(pull_opts, field)

static const az_opt opts[] = {
    { 'i', "include", AZ_OPT_LIST, AT(include), NULL, "PATTERN",
      "load the files that fit, such as '*q4_k_m*', instead of what a model needs; may be "
      "repeated" },
    { 0, "list", AZ_OPT_BOOL, AT(list), NULL, NULL,
      "show the files, which would be loaded and which are in the cache; load nothing" },
    { 0, "connections", AZ_OPT_INT, AT(connections), "8", "N", "files to load at once, 1 to 32" },
    { 0, "retries", AZ_OPT_INT, AT(retries), "5", "N",
      "further attempts that bring nothing before giving up" },
    { 0, "json", AZ_OPT_BOOL, AT(json), NULL, NULL, "print the result as JSON" },
    { 0, NULL, AZ_OPT_BOOL, 0, NULL, NULL, NULL },
};

/* Names come from the hub and are printed as they are in JSON, escaped in text. */
static void print_json(az_cli *cli, const pull_opts *o, const az_hub_result *r, double seconds)
{
    json_t *files = json_array(), *j;

    for (size_t i = 0; i < r->n_files; i++) {
        const az_hub_file *f = &r->files[i];
        if (!f->chosen && !o->list) continue;
        j = json_pack("{s:s, s:I, s:s, s:b, s:I}", "name", f->name, "bytes",
                      (json_int_t)f->size_bytes, "hash", f->oid, "cached", f->cached,
                      "loaded_bytes", (json_int_t)f->loaded_bytes);
        if (o->list) json_object_set_new(j, "chosen", json_boolean(f->chosen));
        json_array_append_new(files, j);
    }
    j = json_pack("{s:s, s:s, s:s, s:s?, s:I, s:I, s:I, s:f, s:o}", "repository", r->name.repo,
                  "revision", r->name.revision, "commit", r->commit, "path", r->path, "bytes",
                  (json_int_t)r->bytes, "loaded_bytes", (json_int_t)r->loaded_bytes,
                  "resumed_bytes", (json_int_t)r->resumed_bytes, "seconds", seconds, "files",
                  files);
    az_cli_json(cli, j);
    json_decref(j);
}

static void print_list(az_cli *cli, const az_hub_result *r)
{
    uint64_t bytes = 0;
    size_t n = 0;
    char size[32];

    for (size_t i = 0; i < r->n_files; i++) {
        const az_hub_file *f = &r->files[i];
        char name[1100];
        az_cli_printf(cli, "%c %8s  %s%s\n", f->chosen ? '*' : ' ',
                      az_cli_bytes(size, sizeof size, (double)f->size_bytes),
                      az_escape_text(name, sizeof name, f->name),
                      f->cached ? "  (in the cache)" : "");
        n += f->chosen;
        bytes += f->chosen ? f->size_bytes : 0;
    }
    az_cli_note(cli, "%s at commit %s: %zu of %zu files would be loaded (*), %s\n", r->name.repo,
                r->commit, n, r->n_files, az_cli_bytes(size, sizeof size, (double)bytes));
}

static void print_result(az_cli *cli, const az_hub_result *r, double seconds)
{
    char all[32], loaded[32], resumed[32];

    az_cli_printf(cli, "%s\n", r->path);
    az_cli_note(cli, "%s %s, commit %s: %s, %s loaded in %.1f s\n", r->name.repo, r->name.revision,
                r->commit, az_cli_bytes(all, sizeof all, (double)r->bytes),
                az_cli_bytes(loaded, sizeof loaded, (double)r->loaded_bytes), seconds);
    if (r->resumed_bytes)
        az_cli_note(cli, "%s were left by an interrupted run\n",
                    az_cli_bytes(resumed, sizeof resumed, (double)r->resumed_bytes));
}

static int pull_run(az_cli *cli, const void *values, int argc, const char **argv)
{
    const pull_opts *o = values;
    az_hub_opts ho = { .include = o->include.items,
                       .n_include = o->include.n,
                       .connections = (int)o->connections,
                       .retries = (int)o->retries,
                       .list_only = o->list };
    uint64_t started = az_now_ns(cli->run);
    adze_error err = { .pos = ADZE_NOPOS };
    az_hub_result r = { 0 };
    az_hub_name name;
    double seconds;
    adze_status rc;

    (void)argc;
    if (o->connections < 1 || o->connections > 32 || o->retries < 0 || o->retries > 1000)
        return az_cli_usage(cli, az_cmd_find("pull"),
                            "--connections must be 1 to 32, --retries 0 to 1000");
    rc = az_hub_name_parse(&name, argv[0], &err);
    if (rc < 0) return az_cli_fail(cli, rc, &err);
    rc = az_hub_pull(cli->run, &name, &ho, &r, &err);
    seconds = (double)(az_now_ns(cli->run) - started) * 1e-9;
    if (rc < 0) {
        az_hub_result_deinit(&r);
        return az_cli_fail(cli, rc, &err);
    }
    if (o->json)
        print_json(cli, o, &r, seconds);
    else if (o->list)
        print_list(cli, &r);
    else
        print_result(cli, &r, seconds);
    az_hub_result_deinit(&r);
    return az_cli_finish(cli);
}

const az_cmd az_cmd_pull = {
    .name = "pull",
    .group = AZ_CMD_MODEL,
    .flags = AZ_CMD_RESUMES,
    .args = "NAME",
    .min_args = 1,
    .max_args = 1,
    .summary = "load a model from the hub into the cache that Hugging Face's tools use",
    .details =
        "NAME is org/name[:revision] or org/name/FILE[:revision]. Loads what a model needs: its "
        "description, tokenizer and templates, and the weights as safetensors, else the one GGUF, "
        "else pytorch_model.bin. An interrupted run is taken up again by the same command; every "
        "file is checked against its hash. Prints the path. Other commands take hf:NAME in place "
        "of a path and load it when the cache lacks it.\n\n"
        "The variables HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE, HF_TOKEN and HF_ENDPOINT are "
        "honoured.",
    .example = "adze pull org/name:main --include '*q4_k_m*'",
    .opts = opts,
    .opts_size = sizeof(pull_opts),
    .run = pull_run,
};
