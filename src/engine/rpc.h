/* JSON-RPC 2.0 over pipes: one JSON object a line, optionally followed by one binary frame whose length the
 * line carries as "frame". Limits: a line of 16 MiB, a frame of 4 GiB. See docs/workers.md. */
#ifndef AZ_ENGINE_RPC_H
#define AZ_ENGINE_RPC_H

#include <jansson.h>
#include "base/buf.h"

enum { AZ_RPC_PROTOCOL = 1, AZ_RPC_MAX_LINE = 16 << 20 };
#define AZ_RPC_MAX_FRAME ((uint64_t)4 << 30)

/* Reads up to n bytes, at least one; an error ends the stream. */
typedef adze_status az_rpc_read_fn(void *user, void *dst, size_t n, size_t *got, adze_error *err);

/* Incoming side: buffers what was read past the end of a message. */
typedef struct az_rpc_in {
    adze_run *run;
    az_rpc_read_fn *read;
    void *user;
    char *buf;
    size_t n, cap;
} az_rpc_in;

void az_rpc_in_init(az_rpc_in *in, adze_run *run, az_rpc_read_fn *read, void *user);
void az_rpc_in_deinit(az_rpc_in *in);
/* Next message; *frame (az_alloc'd, NULL if none) and *frame_n its frame. */
adze_status az_rpc_next(az_rpc_in *in, json_t **msg, void **frame, size_t *frame_n,
                        adze_error *err);
/* Encode msg with "frame": frame_n added when frame_n > 0; the frame itself is sent by the caller. */
adze_status az_rpc_encode(az_buf *out, json_t *msg, size_t frame_n, adze_error *err);

#endif
