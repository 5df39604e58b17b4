/* What a worker answers: the parent's side of the protocol, with the input for the child's standard output. */
#include "engine/rpc.h"
#include "engine/spawn.h"
#include "engine/worker.h"
#include "fuzz.h"

static const uint8_t *answer;
static size_t left;

/* In place of spawn.c: a child that is only its output. */
adze_status az_child_start(az_child *c, adze_run *run, const char *const *argv, adze_error *err)
{
    (void)argv;
    (void)err;
    *c = (az_child){ .run = run, .in = -1, .out = -1, .err = -1 };
    return ADZE_OK;
}

adze_status az_child_write(az_child *c, const void *data, size_t n, double timeout_s,
                           adze_error *err)
{
    (void)c;
    (void)err;
    (void)timeout_s;
    fuzz_want(n == 0 || data != NULL, "something is written");
    return ADZE_OK;
}

adze_status az_child_read(az_child *c, void *dst, size_t n, double timeout_s, size_t *got,
                          adze_error *err)
{
    size_t k = n < left ? n : left;

    (void)c;
    (void)timeout_s;
    *got = 0;
    if (!k) return az_fail(err, ADZE_EWORKER, NULL, ADZE_NOPOS, "the worker ended");
    if (k > 61) k = 61; /* dribbles */
    memcpy(dst, answer, k);
    answer += k;
    left -= k;
    *got = k;
    return ADZE_OK;
}

void az_child_stop(az_child *c, double grace_s)
{
    (void)c;
    (void)grace_s;
}

bool az_self_path(char *buf, size_t size)
{
    snprintf(buf, size, "adze");
    return true;
}

static void calls(az_worker *w)
{
    az_engine_settings s = {
        .threads = 1, .context = 64, .batch = 8, .kv = ADZE_KV_Q8_0, .sequences = 2
    };
    adze_error err = { .pos = ADZE_NOPOS };
    uint64_t peak = 0, now = 0;
    az_worker_model m;
    int32_t token = 1;
    float *logits;

    fuzz_status(az_worker_open(w, "native", "model.gguf", &s, &m, &err), &err);
    fuzz_want(strlen(m.isa) < sizeof m.isa && strlen(m.build) < sizeof m.build, "texts end");
    fuzz_status(az_worker_eval(w, &token, 1, 1, 2, &logits, &err), &err);
    az_free(fuzz_run, logits);
    fuzz_status(az_worker_memory(w, &peak, &now, &err), &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    adze_error err = { .pos = ADZE_NOPOS };
    az_worker *w;
    adze_status rc;

    fuzz_begin();
    answer = data;
    left = n;
    rc = az_worker_start(&w, fuzz_run, NULL, &err);
    fuzz_status(rc, &err);
    fuzz_want((rc == ADZE_OK) == (w != NULL), "a worker with success, and only then");
    if (w) calls(w);
    az_worker_stop(w);
    fuzz_end();
    return 0;
}

#define HELLO "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"protocol\":1}}\n"
#define OPENED                                                                                   \
    "{\"id\":2,\"result\":{\"load_ms\":1.5,\"threads\":2,\"vocab\":2,\"context\":64,\"weight_"   \
    "bytes\":9,"                                                                                 \
    "\"isa\":\"avx2\",\"build\":\"a long text that does not fit into the sixty-four bytes that " \
    "there are for it, or not quite\"}}\n"
#define LOGITS "{\"id\":3,\"result\":{},\"frame\":8}\n12345678"
#define MEMORY "{\"id\":4,\"result\":{\"peak_bytes\":10,\"now_bytes\":5}}\n"

void fuzz_seeds(void)
{
    static const char all[] = HELLO OPENED LOGITS MEMORY;

    fuzz_seed_damaged(all, sizeof all - 1, 40, sizeof all - 1);
    fuzz_seed_json_text("", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"protocol\":1}}",
                        "\n" OPENED);
    fuzz_seed_json_text(HELLO,
                        "{\"id\":2,\"result\":{\"load_ms\":1.5,\"threads\":2,\"vocab\":2,"
                        "\"context\":64,\"weight_bytes\":9,\"isa\":\"c\"}}",
                        "\n" LOGITS);
    fuzz_seed_json_text(HELLO OPENED, "{\"id\":3,\"result\":{},\"frame\":8}", "\n12345678" MEMORY);
    fuzz_seed_json_text(HELLO OPENED LOGITS,
                        "{\"id\":4,\"result\":{\"peak_bytes\":10,\"now_bytes\":5}}", "\n");
    fuzz_seed_json_text("",
                        "{\"id\":1,\"error\":{\"message\":\"no\",\"data\":{\"status\":-4,\"path\":"
                        "\"a\",\"name\":\"b\"}}}",
                        "\n");
    fuzz_seed_text(HELLO OPENED "{\"id\":3,\"result\":{},\"frame\":4294967297}\n");
    fuzz_seed_text(HELLO OPENED "{\"id\":3,\"result\":{},\"frame\":400000000}\n1234");
    fuzz_seed_text(HELLO OPENED "{\"id\":3,\"result\":{},\"frame\":4}\n1234");
    fuzz_seed_text("\n");
    fuzz_seed_text("");
}
