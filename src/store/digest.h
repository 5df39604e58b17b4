/* SHA-256 digests of files, folders and strings.
 *
 * A file's digest is the SHA-256 of its bytes. A folder's is the SHA-256 of one line for each regular file
 * directly in it, sorted by name: "<hex digest of the file>  <size in bytes>  <name>\n". Names that start with
 * a dot are left out, and so is proof.json, which holds the folder's own digest. Written as "sha256:<64 hex digits>".
 */
#ifndef AZ_STORE_DIGEST_H
#define AZ_STORE_DIGEST_H

#include "base/run.h"

#define AZ_PROOF_FILE "proof.json"
enum { AZ_DIGEST_SIZE = 72 }; /* "sha256:" + 64 + NUL */

typedef struct az_hash az_hash;
az_hash *az_hash_new(adze_run *run); /* NULL: out of memory */
void az_hash_add(az_hash *h, const void *data, size_t n);
/* A string with its length before it, so that ("ab", "c") and ("a", "bc") differ. */
void az_hash_field(az_hash *h, const char *s);
void az_hash_end(az_hash *h, char out[AZ_DIGEST_SIZE]); /* frees h */

/* Of the bytes of a file, with progress under `stage` (NULL: none). */
adze_status az_digest_file(adze_run *run, const char *path, const char *stage,
                           char out[AZ_DIGEST_SIZE], adze_error *err);

#endif
