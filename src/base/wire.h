/* Bounded reader of protobuf's wire format: one message's fields in order, nothing copied, no recursion.
 *
 * A message inside a field is read with a reader of its own. Source: protobuf.dev, "Encoding" (2025).
 */
#ifndef AZ_BASE_WIRE_H
#define AZ_BASE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum az_wire_type {
    AZ_WIRE_VARINT = 0,
    AZ_WIRE_64 = 1,
    AZ_WIRE_BYTES = 2,
    AZ_WIRE_32 = 5
} az_wire_type;

typedef struct az_wire {
    const uint8_t *data;
    size_t n, at;
    uint64_t base; /* offset of data in the file, for messages */
    bool failed;   /* malformed at byte base + at */
} az_wire;

typedef struct az_wire_field {
    uint32_t number;
    az_wire_type type;
    uint64_t value;      /* VARINT, 32, 64 */
    const uint8_t *data; /* BYTES */
    size_t n;
    uint64_t pos; /* of the field's content in the file */
} az_wire_field;

void az_wire_init(az_wire *w, const void *data, size_t n, uint64_t base);
/* Reader of the message in a field of type BYTES. */
void az_wire_sub(az_wire *w, const az_wire_field *f);
/* Next field; false at the end and after a failure. Groups (types 3 and 4) are malformed. */
bool az_wire_next(az_wire *w, az_wire_field *f);
/* A field of type 32 as a float. */
float az_wire_f32(const az_wire_field *f);

#endif
