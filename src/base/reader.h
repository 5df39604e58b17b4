/* Bounded reader over a file or memory, with a sticky failure: parsers read straight down, values are
 * 0 after the first overrun, and the parser tests once per record. Little-endian. */
#ifndef AZ_BASE_READER_H
#define AZ_BASE_READER_H

#include "base/run.h"

typedef struct az_reader {
    adze_run *run;
    int fd;             /* -1: memory */
    const char *path;   /* for messages; borrowed */
    const uint8_t *mem; /* memory reader */
    uint64_t size;      /* bytes that may be read */
    uint64_t pos;       /* next byte */
    uint8_t *win;       /* file window */
    uint64_t win_at;
    size_t win_n, win_cap;
    adze_status status; /* sticky; ADZE_EFORMAT after an overrun, ADZE_EIO after a failed read */
    uint64_t fail_pos;
} az_reader;

adze_status az_reader_file(az_reader *r, adze_run *run, int fd, const char *path, adze_error *err);
void az_reader_mem(az_reader *r, adze_run *run, const void *data, size_t n, const char *path);
void az_reader_deinit(az_reader *r);

uint8_t az_rd_u8(az_reader *r);
uint16_t az_rd_u16(az_reader *r);
uint32_t az_rd_u32(az_reader *r);
uint64_t az_rd_u64(az_reader *r);
float az_rd_f32(az_reader *r);
double az_rd_f64(az_reader *r);
void az_rd_bytes(az_reader *r, void *dst, size_t n); /* zeroes dst after a failure */
void az_rd_skip(az_reader *r, uint64_t n);
void az_rd_seek(az_reader *r, uint64_t pos);
static inline uint64_t az_rd_left(const az_reader *r)
{
    return r->status < 0 || r->pos > r->size ? 0 : r->size - r->pos;
}
static inline bool az_rd_ok(const az_reader *r)
{
    return r->status == ADZE_OK;
}
/* Turn a sticky failure into an error that says where the input ended while reading `what`. */
adze_status az_rd_check(const az_reader *r, const char *what, adze_error *err);

#endif
