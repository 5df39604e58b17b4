/* Sampling options, and printing what a model writes. */
#include "cli/sampling.h"

const char *az_sampling_check(const az_sampling_opts *o)
{
    if (o->greedy && (o->sample || o->top_k >= 0 || o->seed >= 0 || o->temperature >= 0 ||
                      o->top_p >= 0 || o->min_p >= 0))
        return "--greedy draws nothing: leave out the sampling options";
    return NULL;
}

adze_status az_sampling_settings(az_cli *cli, const az_sampling_opts *o, const adze_model *m,
                                 adze_sampling *s, adze_error *err)
{
    bool asked =
        o->top_k >= 0 || o->seed >= 0 || o->temperature >= 0 || o->top_p >= 0 || o->min_p >= 0;

    adze_sampling_defaults(s, m);
    if (o->temperature >= 0) s->temperature = (float)o->temperature;
    if (o->top_p >= 0) s->top_p = (float)o->top_p;
    if (o->min_p >= 0) s->min_p = (float)o->min_p;
    if (o->repetition_penalty >= 0) s->repetition_penalty = (float)o->repetition_penalty;
    if (o->top_k >= 0) s->top_k = o->top_k > INT32_MAX ? INT32_MAX : (int)o->top_k;
    if (asked || o->sample) s->do_sample = 1;
    if (o->greedy) s->do_sample = 0;
    if (o->seed >= 0) {
        s->seed = (uint64_t)o->seed;
        return ADZE_OK;
    }
    if (!s->do_sample) return ADZE_OK;
    s->seed = 0;
    /* 53 bits, so that the number printed is exact in any JSON reader */
    adze_status rc = az_random(cli->run, &s->seed, sizeof s->seed, err);
    s->seed >>= 11;
    return rc;
}

int az_cli_put_text(az_cli *cli, const char *text, size_t n, bool escape)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (escape && ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f))
            az_cli_printf(cli, "\\x%02x", c);
        else
            fputc(c, cli->out);
    }
    return fflush(cli->out) != 0;
}
