/* Every length is checked against what is left before it is used. */
#include "base/wire.h"

#include <string.h>

void az_wire_init(az_wire *w, const void *data, size_t n, uint64_t base)
{
    *w = (az_wire){ .data = data, .n = n, .base = base };
}

void az_wire_sub(az_wire *w, const az_wire_field *f)
{
    az_wire_init(w, f->data, f->n, f->pos);
}

/* At most ten bytes of seven bits, the tenth at most 1. */
static uint64_t varint(az_wire *w)
{
    uint64_t v = 0;

    for (int i = 0; i < 10; i++) {
        uint8_t b;
        if (w->at == w->n) break;
        b = w->data[w->at++];
        if (i == 9 && b > 1) break;
        v |= (uint64_t)(b & 0x7f) << (7 * i);
        if (!(b & 0x80)) return v;
    }
    w->failed = true;
    return 0;
}

static uint64_t fixed(az_wire *w, size_t bytes)
{
    uint64_t v = 0;

    if (w->n - w->at < bytes) {
        w->failed = true;
        return 0;
    }
    for (size_t i = 0; i < bytes; i++)
        v |= (uint64_t)w->data[w->at++] << (8 * i);
    return v;
}

bool az_wire_next(az_wire *w, az_wire_field *f)
{
    uint64_t tag, n;

    if (w->failed || w->at >= w->n) return false;
    tag = varint(w);
    memset(f, 0, sizeof *f);
    f->number = (uint32_t)(tag >> 3);
    f->type = (az_wire_type)(tag & 7);
    f->pos = w->base + w->at;
    if (tag >> 32 || !f->number) w->failed = true;
    if (w->failed) return false;
    switch ((int)f->type) {
    case AZ_WIRE_VARINT: f->value = varint(w); break;
    case AZ_WIRE_64: f->value = fixed(w, 8); break;
    case AZ_WIRE_32: f->value = fixed(w, 4); break;
    case AZ_WIRE_BYTES:
        n = varint(w);
        if (w->failed || n > w->n - w->at) {
            w->failed = true;
            break;
        }
        f->pos = w->base + w->at;
        f->data = w->data + w->at;
        f->n = (size_t)n;
        w->at += (size_t)n;
        break;
    default: w->failed = true;
    }
    return !w->failed;
}

float az_wire_f32(const az_wire_field *f)
{
    uint32_t u = (uint32_t)f->value;
    float v;

    memcpy(&v, &u, sizeof v);
    return v;
}
