/* Zip files of stored records, as torch.save writes them. */
#ifndef AZ_TESTS_FUZZ_ZIP_H
#define AZ_TESTS_FUZZ_ZIP_H

#include "fuzz.h"

typedef struct zip_maker {
    az_buf all, dir;
    unsigned n;
} zip_maker;

static inline uint32_t zip_crc(const void *data, size_t n)
{
    const unsigned char *p = data;
    uint32_t c = ~0u;

    for (size_t i = 0; i < n; i++) {
        c ^= p[i];
        for (int k = 0; k < 8; k++)
            c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
    }
    return ~c;
}

static inline void zip_begin(zip_maker *z)
{
    az_buf_init(&z->all, fuzz_run);
    az_buf_init(&z->dir, fuzz_run);
    z->n = 0;
}

/* wide: sizes and place in a zip64 field. */
static inline void zip_record(zip_maker *z, const char *name, const void *data, size_t n, bool wide)
{
    uint64_t at = z->all.size, says = wide ? 0xffffffff : n;
    uint32_t crc = zip_crc(data, n);

    fuzz_le(&z->all, 0x04034b50, 4), fuzz_le(&z->all, 0, 10), fuzz_le(&z->all, crc, 4);
    fuzz_le(&z->all, n, 4), fuzz_le(&z->all, n, 4), fuzz_le(&z->all, strlen(name), 2),
        fuzz_le(&z->all, 0, 2);
    az_buf_puts(&z->all, name);
    if (n) az_buf_put(&z->all, data, n);
    fuzz_le(&z->dir, 0x02014b50, 4), fuzz_le(&z->dir, 0, 12), fuzz_le(&z->dir, crc, 4);
    fuzz_le(&z->dir, says, 4), fuzz_le(&z->dir, says, 4), fuzz_le(&z->dir, strlen(name), 2),
        fuzz_le(&z->dir, wide ? 32 : 0, 2);
    fuzz_le(&z->dir, 0, 10), fuzz_le(&z->dir, wide ? 0xffffffff : at, 4);
    az_buf_puts(&z->dir, name);
    if (wide) {
        fuzz_le(&z->dir, 0x7777, 2), fuzz_le(&z->dir, 0, 2);
        fuzz_le(&z->dir, 1, 2), fuzz_le(&z->dir, 24, 2), fuzz_le(&z->dir, n, 8),
            fuzz_le(&z->dir, n, 8), fuzz_le(&z->dir, at, 8);
    }
    z->n++;
}

static inline void zip_end(zip_maker *z, bool wide)
{
    uint64_t at = z->all.size, end;

    az_buf_put(&z->all, z->dir.data, z->dir.size);
    end = z->all.size;
    if (wide) {
        fuzz_le(&z->all, 0x06064b50, 4), fuzz_le(&z->all, 44, 8), fuzz_le(&z->all, 0, 12),
            fuzz_le(&z->all, z->n, 8);
        fuzz_le(&z->all, z->n, 8), fuzz_le(&z->all, z->dir.size, 8), fuzz_le(&z->all, at, 8);
        fuzz_le(&z->all, 0x07064b50, 4), fuzz_le(&z->all, 0, 4), fuzz_le(&z->all, end, 8),
            fuzz_le(&z->all, 1, 4);
    }
    fuzz_le(&z->all, 0x06054b50, 4), fuzz_le(&z->all, 0, 4),
        fuzz_le(&z->all, wide ? 0xffff : z->n, 2);
    fuzz_le(&z->all, wide ? 0xffff : z->n, 2), fuzz_le(&z->all, wide ? 0xffffffff : z->dir.size, 4);
    fuzz_le(&z->all, wide ? 0xffffffff : at, 4), fuzz_le(&z->all, 0, 2);
}

static inline void zip_free(zip_maker *z)
{
    az_buf_deinit(&z->all);
    az_buf_deinit(&z->dir);
}

/* A state dict of one tensor "a" of 2 x 3 floats in data/0. */
#define ZIP_STORAGE                                        \
    "(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0" \
    "0X\x03\0\0\0cpuK\x0ctQ"
#define ZIP_TENSOR                                                                           \
    "ctorch._utils\n_rebuild_tensor_v2\n(" ZIP_STORAGE "K\0K\x02K\x03\x86K\x03K\x01\x86\x89" \
    "ccollections\nOrderedDict\n)RtR"
#define ZIP_PICKLE "\x80\x02}q\0(X\x01\0\0\0a" ZIP_TENSOR "u."

#endif
