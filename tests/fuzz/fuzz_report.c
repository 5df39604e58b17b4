/* Reports and measured ceilings, read back: the check, the terminal's table, the page's copy, which is the same value. */
#include "fuzz.h"
#include "measure/probe.h"
#include "report/report.h"

static void embed(const json_t *j)
{
    adze_error err = { .pos = ADZE_NOPOS };
    json_t *again;
    adze_status rc;
    az_buf out;

    az_buf_init(&out, fuzz_run);
    rc = az_report_embed(&out, j, &err);
    fuzz_status(rc, &err);
    if (rc == ADZE_OK) {
        again = json_loadb(out.data, out.size, 0, NULL);
        fuzz_want(again && fuzz_same_json(j, again), "the page holds the same report");
        fuzz_want(!memchr(out.data, '<', out.size), "and no markup of it");
        json_decref(again);
    }
    az_buf_deinit(&out);
}

static void as_text(const json_t *j, int width)
{
    az_report_style style = { .width = width };
    adze_error err = { .pos = ADZE_NOPOS };
    adze_status rc;
    az_buf out;

    az_buf_init(&out, fuzz_run);
    rc = az_report_text(&out, j, &style, &err);
    fuzz_status(rc, &err);
    for (size_t i = 0; rc == ADZE_OK && i < out.size; i++)
        fuzz_want((unsigned char)out.data[i] >= 32 || out.data[i] == '\n',
                  "text has no control bytes");
    az_buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    adze_error err = { .pos = ADZE_NOPOS };
    az_ceiling c;
    json_t *j;

    fuzz_begin();
    if (az_json_parse(&j, (const char *)data, n, "report.json", &err) == ADZE_OK) {
        fuzz_status(az_report_check(j, &err), &err);
        as_text(j, n % 2 ? 60 : 0);
        embed(j);
        if (az_ceiling_from_json(&c, j)) {
            json_t *again = az_ceiling_json(&c);
            az_ceiling d;
            fuzz_want(az_ceiling_from_json(&d, again) && d.threads == c.threads &&
                          d.read_gb_s_1.median == c.read_gb_s_1.median,
                      "ceilings come back");
            json_decref(again);
        }
    }
    json_decref(j);
    fuzz_end();
    return 0;
}

#define FIGURE \
    "{\"median\":2,\"min\":1,\"max\":3,\"n\":7,\"unit\":\"GB/s\",\"provenance\":\"measured\"}"

void fuzz_seeds(void)
{
    static const char *const files[] = { "bare", "hostile", "none", "one", "sample" };
    char path[64];
    size_t n;

    for (size_t i = 0; i < AZ_COUNT(files); i++) {
        char *text;
        snprintf(path, sizeof path, "tests/data/report/%s.json", files[i]);
        text = fuzz_read(path, &n);
        if (text && i == 3)
            fuzz_seed_json_text("", text, "");
        else if (text)
            fuzz_variant(text, n);
        free(text);
    }
    fuzz_seed_json_text("",
                        "{\"threads\":2,\"buffer_bytes\":100,\"l1_bytes\":32768,\"l2_bytes\":"
                        "1048576,\"int8_how\":\"vnni\",\"figures\":{"
                        "\"read_gb_s_1\":" FIGURE ",\"read_gb_s_all\":" FIGURE
                        ",\"int8_gops_1\":" FIGURE ",\"int8_gops_all\":" FIGURE
                        ",\"bf16_gflops_1\":" FIGURE ",\"bf16_gflops_all\":" FIGURE
                        ",\"f32_gflops_1\":" FIGURE ",\"f32_gflops_all\":" FIGURE
                        ",\"l1_read_gb_s_1\":" FIGURE "}}",
                        "");
}
