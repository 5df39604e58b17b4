/* adze chat: a conversation with a model in the terminal, or line by line from a pipe. */
#include "base/json.h"
#include "cli/kv.h"
#include "cli/sampling.h"
#include "infer/sample.h"
#include "text/chat.h"
#include "text/tokenizer.h"

#include <adze/model.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

typedef struct chat_opts {
    const char *system, *tools, *template_name;
    int64_t max_tokens, context, speculate;
    const char *kv;
    az_sampling_opts sampling;
    bool no_thinking;
} chat_opts;

#define AT(field) offsetof(chat_opts, field)
static const az_opt opts[] = {
    { 's', "system", AZ_OPT_STR, AT(system), NULL, "TEXT", "system message to begin with" },
    { 0, "tools", AZ_OPT_STR, AT(tools), NULL, "FILE",
      "JSON array of tools; calls are shown as the model writes them" },
    { 0, "template", AZ_OPT_STR, AT(template_name), NULL, "NAME",
      "which of the model's chat templates" },
    { 0, "no-thinking", AZ_OPT_BOOL, AT(no_thinking), NULL, NULL,
      "tell the template enable_thinking = false" },
    { 'n', "max-tokens", AZ_OPT_INT, AT(max_tokens), "1024", "N",
      "tokens of an answer at most, 0 = until the context is full" },
    { 'c', "context", AZ_OPT_INT, AT(context), "0", "N",
      "longest conversation in tokens, 0 = the model's limit, at most 4096" },
    AZ_KV_ROW(chat_opts),
    { 0, "speculate", AZ_OPT_INT, AT(speculate), "0", "N",
      "guess up to N tokens from what came before and check them in one pass; the text is the "
      "same" },
    AZ_SAMPLING_ROWS(chat_opts),
    { 0, NULL, AZ_OPT_BOOL, 0, NULL, NULL, NULL },
};
#undef AT

typedef struct chatting {
    az_cli *cli;
    const chat_opts *o;
    adze_model *m;
    adze_tokenizer *t;
    adze_session *s;
    az_chat *chat;
    json_t *messages, *tools, *vars;
    adze_generate_opts go;
    az_buf answer; /* the text of this turn */
    int32_t *held; /* [n_held] tokens given to the session, [room] */
    size_t n_held, room;
    bool interactive, escape;
} chatting;

/* --- Ctrl-C stops an answer; at the prompt of a terminal the second one ends the program --- */

static adze_run *volatile signal_run;
static volatile sig_atomic_t answering, interrupts, may_ask;

static void on_interrupt(int sig)
{
    (void)sig;
    if (!answering && (!may_ask || ++interrupts > 1)) _exit(130);
    if (answering && signal_run) adze_run_cancel(signal_run);
}

static void install_interrupt(az_cli *cli, struct sigaction *old)
{
    struct sigaction sa;

    memset(&sa, 0, sizeof sa);
    sa.sa_handler = on_interrupt; /* no SA_RESTART: reading a line is given up */
    sigemptyset(&sa.sa_mask);
    signal_run = cli->run;
    sigaction(SIGINT, &sa, old);
}

/* --- one turn --- */

static int on_text(void *user, const char *text, size_t n)
{
    chatting *c = user;

    az_buf_put(&c->answer, text, n);
    return az_cli_put_text(c->cli, text, n, c->escape);
}

static void on_token(void *user, int32_t token)
{
    chatting *c = user;

    if (c->n_held < c->room) c->held[c->n_held] = token;
    c->n_held++;
}

static adze_status add_message(chatting *c, const char *role, const char *text, size_t n,
                               adze_error *err)
{
    json_t *m = json_pack("{s:s, s:s%}", "role", role, "content", text, n);

    if (m && json_array_append_new(c->messages, m) == 0) return ADZE_OK;
    return az_fail(err, ADZE_EINVAL, NULL, ADZE_NOPOS, "the text is not UTF-8");
}

/* The whole conversation as tokens. */
static adze_status prompt_ids(chatting *c, int32_t **ids, size_t *n, adze_error *err)
{
    az_chat_opts co = { .tools = c->tools,
                        .vars = c->vars,
                        .name = c->o->template_name,
                        .add_generation_prompt = true };
    az_buf text;
    adze_status rc;

    az_buf_init(&text, c->cli->run);
    rc = az_chat_render(c->chat, c->messages, &co, &text, err);
    if (rc == ADZE_OK)
        rc = adze_tokenize(c->t, text.data ? text.data : "", text.size, 0, ids, n, err);
    az_buf_deinit(&text);
    return rc;
}

/* Keep what the session holds of this prompt, all or, where a state of the model cannot be cut there, nothing; *from
 * receives where the rest begins. */
static adze_status keep_prefix(chatting *c, const int32_t *ids, size_t n, size_t *from,
                               adze_error *err)
{
    size_t common = 0;
    adze_status rc;

    if (c->n_held > adze_session_pos(c->s)) c->n_held = adze_session_pos(c->s);
    while (common < c->n_held && common + 1 < n && c->held[common] == ids[common])
        common++;
    rc = adze_session_rewind(c->s, common, err);
    if (rc == ADZE_EUNSUP) {
        common = 0;
        rc = adze_session_rewind(c->s, 0, err);
    }
    *from = c->n_held = common;
    return rc;
}

static adze_status answer_to(chatting *c, const int32_t *ids, size_t n, adze_generate_result *r,
                             adze_error *err)
{
    size_t from;
    adze_status rc;

    if (n >= c->room)
        return az_fail(err, ADZE_EFIT, c->m->path, ADZE_NOPOS,
                       "the conversation has %zu tokens, the context holds %zu; /reset begins anew",
                       n, c->room);
    rc = keep_prefix(c, ids, n, &from, err);
    if (rc < 0) return rc;
    memcpy(c->held + from, ids + from, (n - from) * sizeof *ids);
    c->n_held = n;
    c->go.before = c->held;
    c->go.n_before = from;
    az_buf_clear(&c->answer);
    answering = 1;
    rc = adze_generate(c->s, c->t, ids + from, n - from, &c->go, r, err);
    answering = 0;
    if (rc == ADZE_ECANCEL && c->interactive) {
        atomic_store(&c->cli->run->cancel, 0);
        rc = ADZE_OK;
        r->finish = ADZE_FINISH_USER;
    }
    return rc;
}

/* Special tokens in what the user wrote are read as such, as transformers does; say so. */
static void warn_specials(chatting *c, const char *text, size_t n)
{
    int32_t *ids;
    size_t n_ids;

    if (adze_tokenize(c->t, text, n, 0, &ids, &n_ids, NULL) < 0) return;
    for (size_t i = 0; i < n_ids; i++) {
        const char *s;
        size_t len;
        if (!adze_token_is_special(c->t, ids[i])) continue;
        s = adze_token_bytes(c->t, ids[i], &len);
        az_cli_note(c->cli, "note: the model reads \"%.*s\" in your text as a control token\n",
                    (int)len, s);
        break;
    }
    adze_tokens_free(c->t, ids);
}

static void print_turn(chatting *c, const adze_generate_result *r)
{
    fputc('\n', c->cli->out);
    fflush(c->cli->out);
    if (r->finish == ADZE_FINISH_USER) az_cli_note(c->cli, "(stopped)\n");
    if (r->finish == ADZE_FINISH_LENGTH)
        az_cli_note(c->cli, "(cut at %zu tokens)\n", r->new_tokens);
    if (c->interactive && r->prefill_s > 0 && r->decode_s > 0)
        az_cli_note(c->cli,
                    "[%zu tokens read, %zu written at %.1f tok/s, %zu of %zu in the context]\n",
                    r->prompt_tokens, r->new_tokens,
                    r->new_tokens > 1 ? (double)(r->new_tokens - 1) / r->decode_s : 0,
                    adze_session_pos(c->s), c->room);
}

static adze_status turn(chatting *c, const char *text, size_t n, adze_error *err)
{
    adze_generate_result r = { 0 };
    size_t n_ids = 0, count = json_array_size(c->messages);
    int32_t *ids = NULL;
    adze_status rc;

    warn_specials(c, text, n);
    rc = add_message(c, "user", text, n, err);
    if (rc == ADZE_OK) rc = prompt_ids(c, &ids, &n_ids, err);
    if (rc == ADZE_OK) rc = answer_to(c, ids, n_ids, &r, err);
    if (c->answer.size || r.new_tokens) print_turn(c, &r);
    if (rc == ADZE_OK)
        rc = add_message(c, "assistant", c->answer.data ? c->answer.data : "", c->answer.size, err);
    while (rc < 0 && json_array_size(c->messages) > count) /* as if it had not been said */
        json_array_remove(c->messages, json_array_size(c->messages) - 1);
    if (ids) adze_tokens_free(c->t, ids);
    return rc;
}

/* --- the conversation --- */

static adze_status begin(chatting *c, adze_error *err)
{
    json_decref(c->messages);
    c->messages = json_array();
    if (!c->messages) return az_fail_nomem(err, "beginning a conversation");
    if (!c->o->system) return ADZE_OK;
    return add_message(c, "system", c->o->system, strlen(c->o->system), err);
}

/* A line that is a command; *end: leave. */
static bool command(chatting *c, const char *line, bool *end, adze_status *rc, adze_error *err)
{
    if (line[0] != '/') return false;
    if (strcmp(line, "/exit") == 0)
        *end = true;
    else if (strcmp(line, "/reset") == 0) {
        *rc = begin(c, err);
        az_cli_note(c->cli, "(a new conversation)\n");
    } else if (strcmp(line, "/help") == 0)
        az_cli_note(c->cli,
                    "/reset begins anew, /exit leaves, Ctrl-C stops an answer; // at the beginning "
                    "of a line stands for one /\n");
    else if (line[1] != '/')
        az_cli_note(c->cli, "there is no command %s; /help lists them\n", line);
    else
        return false;
    return true;
}

/* The prompt, and the wait for a line. Ctrl-C is let in only while waiting: one that comes between the prompt and the
 * read would otherwise be seen by neither. False: it came instead of a line. */
static bool ask(chatting *c)
{
    sigset_t interrupt, old;
    fd_set in;
    bool came;

    if (!c->interactive) return true;
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    sigprocmask(SIG_BLOCK, &interrupt, &old);
    fputs("> ", c->cli->out);
    fflush(c->cli->out);
    FD_ZERO(&in);
    FD_SET(STDIN_FILENO, &in);
    came = pselect(STDIN_FILENO + 1, &in, NULL, NULL, NULL, &old) >= 0 || errno != EINTR;
    sigprocmask(SIG_SETMASK, &old, NULL);
    return came;
}

/* Lines until the end of input, /exit, or an error that a person cannot answer to. */
static adze_status talk(chatting *c, adze_error *err)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    bool end = false;
    adze_status rc = ADZE_OK;

    while (!end && rc == ADZE_OK) {
        errno = 0;
        n = ask(c) ? getline(&line, &cap, stdin) : -1;
        if (n < 0 && errno == EINTR) { /* an interrupt, or the terminal was resized */
            clearerr(stdin);
            if (interrupts) az_cli_note(c->cli, "\n(Ctrl-C again or Ctrl-D leaves)\n");
            continue;
        }
        interrupts = 0;
        if (n < 0) break;
        if (n && line[n - 1] == '\n') line[--n] = 0;
        if (!n || (strlen(line) == (size_t)n && command(c, line, &end, &rc, err))) continue;
        rc = turn(c, line + (line[0] == '/'), (size_t)n - (line[0] == '/'), err);
        if (rc < 0 && c->interactive) {
            az_cli_fail(c->cli, rc, err);
            rc = ADZE_OK;
        }
    }
    free(line);
    return rc;
}

static adze_status read_tools(chatting *c, adze_error *err)
{
    if (c->o->no_thinking) c->vars = json_pack("{s:b}", "enable_thinking", 0);
    if (!c->o->tools) return ADZE_OK;
    return az_json_read(&c->tools, c->cli->run, c->o->tools, 16 << 20, err);
}

static adze_status prepare(chatting *c, const char *path, adze_error *err)
{
    adze_session_opts so = { .context = (size_t)c->o->context };
    adze_run *run = c->cli->run;
    adze_status rc;

    az_kv_of_name(c->o->kv, &so.kv);
    rc = read_tools(c, err);
    if (rc == ADZE_OK) rc = adze_model_open(&c->m, run, path, err);
    if (rc == ADZE_OK) rc = adze_tokenizer_new(&c->t, run, c->m, err);
    if (rc == ADZE_OK) az_cli_warnings(c->cli, c->m, c->t);
    if (rc == ADZE_OK) rc = az_chat_new(&c->chat, run, c->m, NULL, err);
    if (rc == ADZE_OK) rc = adze_session_new(&c->s, run, c->m, &so, err);
    if (rc == ADZE_OK)
        rc = az_sampling_settings(c->cli, &c->o->sampling, c->m, &c->go.sampling, err);
    if (rc == ADZE_OK) rc = begin(c, err);
    if (rc < 0) return rc;
    c->room = adze_session_room(c->s);
    c->held = az_calloc(run, c->room, sizeof *c->held);
    return c->held ? ADZE_OK : az_fail_nomem(err, "beginning a conversation");
}

static void release(chatting *c)
{
    az_free(c->cli->run, c->held);
    az_buf_deinit(&c->answer);
    json_decref(c->messages);
    json_decref(c->tools);
    json_decref(c->vars);
    adze_session_free(c->s);
    az_chat_free(c->chat);
    adze_tokenizer_free(c->t);
    adze_model_close(c->m);
}

static int chat_run(az_cli *cli, const void *opt, int argc, const char **argv)
{
    const az_cmd *cmd = az_cmd_find("chat");
    chatting c = { .cli = cli, .o = opt };
    const char *wrong = az_sampling_check(&c.o->sampling);
    adze_error err = { .pos = ADZE_NOPOS };
    struct sigaction old;
    adze_kv kv;
    adze_status rc;

    (void)argc;
    if (wrong) return az_cli_usage(cli, cmd, "%s", wrong);
    if (c.o->max_tokens < 0 || c.o->context < 0)
        return az_cli_usage(cli, cmd, "--max-tokens and --context must be 0 or more");
    if (c.o->speculate < 0 || c.o->speculate > 64)
        return az_cli_usage(cli, cmd, "--speculate must be 0 to 64");
    if (!az_kv_of_name(c.o->kv, &kv)) return az_cli_usage(cli, cmd, AZ_KV_USAGE);
    c.interactive = isatty(STDIN_FILENO) && isatty(fileno(cli->out));
    c.escape = isatty(fileno(cli->out));
    c.go = (adze_generate_opts){ .max_tokens = (size_t)c.o->max_tokens,
                                 .speculate = (size_t)c.o->speculate,
                                 .on_text = on_text,
                                 .on_token = on_token,
                                 .user = &c };
    az_buf_init(&c.answer, cli->run);
    rc = prepare(&c, argv[0], &err);
    if (rc == ADZE_OK) {
        may_ask = c.interactive;
        install_interrupt(cli, &old);
        if (c.interactive) az_cli_note(cli, "/help lists the commands\n");
        rc = talk(&c, &err);
        sigaction(SIGINT, &old, NULL);
    }
    release(&c);
    return rc < 0 ? az_cli_fail(cli, rc, &err) : az_cli_finish(cli);
}

const az_cmd az_cmd_chat = {
    .name = "chat",
    .group = AZ_CMD_RUN,
    .args = "MODEL",
    .min_args = 1,
    .max_args = 1,
    .summary = "talk with a model, using its own chat template",
    .details = "Each line is a message; the answer streams. /reset begins anew, /exit leaves, "
               "Ctrl-C stops an "
               "answer, Ctrl-D leaves. From a pipe, each line is answered in turn; the first error "
               "or Ctrl-C ends it.\n\n"
               "The conversation is written as the model's chat template says (docs/templates.md). "
               "Only what changed "
               "since the last answer is read again. Special tokens that stand in your own text "
               "are read as special "
               "tokens, with a note.\n\n"
               "A conversation that no longer fits the context is an error (exit code 4 from a "
               "pipe), never a silent "
               "cut. Sampling settings are those of `adze generate`.",
    .example = "adze chat model.gguf --system \"Be brief.\"",
    .opts = opts,
    .opts_size = sizeof(chat_opts),
    .run = chat_run,
};
