/* synth SHAPE DIR [--shard-bytes N] [--seed N]: see synth.h; `./dev synth` builds and runs it. */
#include "synth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int usage(void)
{
    fputs("usage: synth SHAPE DIR [--shard-bytes N] [--seed N]\nshapes:\n", stderr);
    for (const synth_shape *s = synth_shapes; s->name; s++)
        fprintf(stderr, "  %-14s like %s\n", s->name, s->like);
    return 2;
}

int main(int argc, char **argv)
{
    const synth_shape *s = argc >= 3 ? synth_find(argv[1]) : NULL;
    uint64_t shard = 0, seed = 1;
    adze_error err = { 0 };
    adze_run *run;
    adze_status rc;
    char line[1200];

    if (!s || argc % 2 == 0) return usage();
    for (int i = 3; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--shard-bytes") == 0)
            shard = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[i + 1], NULL, 10);
        else
            return usage();
    }
    rc = adze_run_new(&run, NULL, &err);
    if (rc == ADZE_OK) rc = synth_write(run, s, argv[2], seed, shard, &err);
    if (rc < 0) fprintf(stderr, "synth: %s\n", adze_error_text(&err, line, sizeof line));
    adze_run_free(run);
    return adze_status_exit_code(rc);
}
