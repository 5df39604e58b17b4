/* The option for what caches are kept in, of commands that run models. */
#ifndef AZ_CLI_KV_H
#define AZ_CLI_KV_H

#include "cli/cli.h"
#include "infer/session.h"

/* Row of an option table whose struct `type` has a string `kv`; az_kv_of_name reads it. */
#define AZ_KV_ROW(type)                                                                 \
    {                                                                                   \
        0, "kv", AZ_OPT_STR, offsetof(type, kv), "auto", "TYPE",                        \
            "keep keys and values in f16, f32, q8_0 or q4_0; auto: f16, or f32 for f32" \
    }
#define AZ_KV_USAGE "--kv is one of auto, f16, f32, q8_0, q4_0"

#endif
