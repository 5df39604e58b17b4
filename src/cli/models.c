/* Where the command line turns `hf:` names into paths: the one place, for every command. */
#include "cli/cli.h"
#include "hub/hub.h"

#include <ctype.h>
#include <string.h>

/* Words of the commands' tables that stand for a model to read, and for a place to write. */
static const char *const model_words[] = { "MODEL",      "PATH",      "SRC", "BASELINE",
                                           "CHECKPOINT", "REFERENCE", "REF", "ARTIFACT",
                                           "ADAPTER",    NULL };
static const char *const output_words[] = { "DST", "OUT", NULL };

static bool among(const char *const *list, const char *s, size_t n)
{
    for (; *list; list++)
        if (strlen(*list) == n && strncmp(*list, s, n) == 0) return true;
    return false;
}

/* The i-th word of "SRC DST", "[MODEL]" or "BASELINE [MODEL...]", the last one repeated. */
static const char *word_at(const char *args, int i, size_t *n)
{
    const char *s = args, *word = "";

    *n = 0;
    do {
        while (*s && !isalpha((unsigned char)*s))
            s++;
        if (!*s) break;
        word = s;
        while (isalpha((unsigned char)*s))
            s++;
        *n = (size_t)(s - word);
    } while (i-- > 0);
    return word;
}

static int resolve(az_cli *cli, const char **word, az_cli_models *m)
{
    az_hub_opts o = { .cache_first = true, .retries = -1 };
    adze_error err = { .pos = ADZE_NOPOS };
    char line[1200];
    az_hub_name name;
    az_hub_result r = { 0 };
    adze_status rc = az_hub_name_parse(&name, *word, &err);

    if (rc == ADZE_OK && m->n == AZ_COUNT(m->paths))
        rc = az_fail(&err, ADZE_EINVAL, *word, ADZE_NOPOS, "too many names on the hub");
    if (rc == ADZE_OK) {
        rc = az_hub_pull(cli->run, &name, &o, &r, &err);
        if (rc == ADZE_OK) m->paths[m->n] = az_strdup(cli->run, r.path);
        if (rc == ADZE_OK && !m->paths[m->n]) rc = az_fail_nomem(&err, "naming a model");
    }
    if (rc == ADZE_OK) {
        if (r.away.status < 0)
            az_cli_note(cli, "note: %s; the copy in the cache is used, commit %s\n",
                        adze_error_text(&r.away, line, sizeof line), r.commit);
        *word = m->paths[m->n++];
    }
    az_hub_result_deinit(&r);
    return rc < 0 ? az_cli_fail(cli, rc, &err) : 0;
}

static int resolve_options(az_cli *cli, const az_opt *o, void *values, az_cli_models *m)
{
    int code = 0;

    for (; code == 0 && o && o->name; o++) {
        void *at = (char *)values + o->at;
        if (!o->arg || !among(model_words, o->arg, strlen(o->arg))) continue;
        if (o->kind == AZ_OPT_STR) {
            const char **s = at;
            if (*s && az_hub_is_name(*s)) code = resolve(cli, s, m);
        } else if (o->kind == AZ_OPT_LIST) {
            az_opt_list *l = at;
            for (size_t i = 0; code == 0 && i < l->n; i++)
                if (az_hub_is_name(l->items[i])) code = resolve(cli, &l->items[i], m);
        }
    }
    return code;
}

/* A name as the hub has them, of nothing that is here: most likely hf: was left out. */
static void hint(az_cli *cli, const char *word)
{
    const char *slash = strchr(word, '/');
    az_stat is;

    if (!slash || slash == word || !slash[1] || strchr(slash + 1, '/') || word[0] == '.') return;
    if (strchr(word, ':') || az_stat_path(cli->run, word, &is, NULL) != ADZE_ENOENT) return;
    az_cli_note(cli, "note: there is no %s here; a model on the hub is named hf:%s\n", word, word);
}

int az_cli_models_resolve(az_cli *cli, const az_cmd *cmd, int argc, const char **argv, void *opts,
                          az_cli_models *m)
{
    int code = 0;

    for (int i = 0; code == 0 && i < argc; i++) {
        size_t n;
        const char *word = word_at(cmd->args, i, &n);
        if (!az_hub_is_name(argv[i])) {
            if (among(model_words, word, n)) hint(cli, argv[i]);
            continue;
        }
        if (among(output_words, word, n))
            code =
                az_cli_usage(cli, cmd, "%s: nothing is written to the hub; give a path", argv[i]);
        else if (among(model_words, word, n))
            code = resolve(cli, &argv[i], m);
    }
    return code ? code : resolve_options(cli, cmd->opts, opts, m);
}

void az_cli_models_free(az_cli *cli, az_cli_models *m)
{
    while (m->n)
        az_free(cli->run, m->paths[--m->n]);
}
