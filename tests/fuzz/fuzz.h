/* What every fuzz target shares: a run context whose allocations can fail, files of the input's bytes, seeds.
 *
 * A target is one fuzz_NAME.c with LLVMFuzzerTestOneInput and fuzz_seeds, and one line in targets.txt. Linked with libFuzzer it
 * fuzzes; without it, it replays (harness.c).
 */
#ifndef AZ_TESTS_FUZZ_H
#define AZ_TESTS_FUZZ_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"

/* --- what a target gives --- */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
/* Hands each seed to fuzz_seed (or to what calls it). */
void fuzz_seeds(void);

/* --- while an input runs --- */

extern adze_run *fuzz_run; /* one thread, 512 MiB */
extern bool fuzz_failing;  /* an allocation of this input was refused */

/* Around the work on one input. The end wants all memory of the run to be free again. */
void fuzz_begin(void);
void fuzz_end(void);
/* Around loading what all inputs share: no allocation is refused meanwhile. */
void fuzz_load(bool on);
/* Stop here, as a crash, unless ok. */
void fuzz_want(bool ok, const char *what);
/* A status that exists, and with a failure an error that has the same status and says something. */
void fuzz_status(adze_status rc, const adze_error *err);
/* Whether two values are the same JSON. */
bool fuzz_same_json(const json_t *a, const json_t *b);

/* Path in the scratch folder, in one of several static buffers. */
const char *fuzz_path(const char *name);
/* The file `name` there with these bytes; data NULL: no such file. Returns its path. */
const char *fuzz_file(const char *name, const void *data, size_t n);

/* Inputs of several parts: text up to a line "====", which is no part of either side. */
#define FUZZ_NEXT "\n====\n"
typedef struct fuzz_part {
    const char *s; /* NULL: there is no such part */
    size_t n;
} fuzz_part;
fuzz_part fuzz_next(fuzz_part *rest); /* cuts the first part off */

/* The folder "m" with the files that the parts make: a line with the name, then the bytes. "NAME+N" adds N zeros, "NAME*N" N other
 * bytes. Names that are not in harness.c's list are passed over. A *.safetensors gets the length of its header (all of the text)
 * in front, unless the name is raw.safetensors, which becomes model.safetensors. */
const char *fuzz_folder(const uint8_t *data, size_t n);

/* --- making seeds --- */

void fuzz_seed(const void *data, size_t n); /* replayed with failing allocations, too */
void fuzz_seed_text(const char *s);
/* One that is only replayed: one of many that differ a little. */
void fuzz_variant(const void *data, size_t n);
/* The seed, then as variants: cut off at `cuts` places, and with each of the first `flips` bytes changed. */
void fuzz_seed_damaged(const void *data, size_t n, size_t cuts, size_t flips);
/* The seed before + text of j + after, then a variant for everything in j that can be missing or of another kind. */
void fuzz_seed_json(const char *before, const json_t *j, const char *after);
/* The same with the text of a JSON document. */
void fuzz_seed_json_text(const char *before, const char *text, const char *after);
/* Text of lines: the seed, then as variants: without each line, and with something else behind each line's first ": ". */
void fuzz_seed_lines(const char *text);
/* A file of the source tree as a seed (NULL: its bytes, to be freed); nothing where it is missing. */
void fuzz_seed_file(const char *path);
char *fuzz_read(const char *path, size_t *n);

/* Little-endian bytes. */
void fuzz_le(az_buf *b, uint64_t v, int n);

#endif
