/* Bounded little-endian reader over a file window or memory. */
#include "base/reader.h"

#include <string.h>

#define WINDOW ((size_t)256 * 1024)

adze_status az_reader_file(az_reader *r, adze_run *run, int fd, const char *path, adze_error *err)
{
    adze_status rc;
    az_stat st;

    *r = (az_reader){ .run = run, .fd = fd, .path = path };
    rc = az_fstat(run, fd, path, &st, err);
    if (rc < 0) return rc;
    r->size = st.size_bytes;
    r->win_cap = WINDOW;
    r->win = az_alloc(run, r->win_cap);
    return r->win ? ADZE_OK : az_fail_nomem(err, "reading a file");
}

void az_reader_mem(az_reader *r, adze_run *run, const void *data, size_t n, const char *path)
{
    *r = (az_reader){ .run = run, .fd = -1, .path = path, .mem = data, .size = n };
}

void az_reader_deinit(az_reader *r)
{
    if (r->run) az_free(r->run, r->win);
    r->win = NULL;
}

static void set_fail(az_reader *r, adze_status s, uint64_t pos)
{
    if (r->status == ADZE_OK) {
        r->status = s;
        r->fail_pos = pos;
    }
}

/* Fill the window from r->pos; false on failure. */
static bool refill(az_reader *r)
{
    size_t want = r->win_cap;
    int64_t got;

    if (want > r->size - r->pos) want = (size_t)(r->size - r->pos);
    got = r->run->io.pread(r->run->io.user, r->fd, r->win, want, r->pos);
    if (got <= 0) {
        set_fail(r, got < 0 ? ADZE_EIO : ADZE_EFORMAT, r->pos);
        return false;
    }
    r->win_at = r->pos;
    r->win_n = (size_t)got;
    return true;
}

void az_rd_bytes(az_reader *r, void *dst, size_t n)
{
    char *to = dst;

    if (n > az_rd_left(r)) {
        set_fail(r, ADZE_EFORMAT, r->size);
        if (n) memset(dst, 0, n);
        return;
    }
    if (r->fd < 0) {
        if (n) memcpy(dst, r->mem + r->pos, n);
        r->pos += n;
        return;
    }
    while (n) {
        size_t have;
        if (r->pos < r->win_at || r->pos >= r->win_at + r->win_n) {
            if (!refill(r)) {
                memset(to, 0, n);
                return;
            }
        }
        have = (size_t)(r->win_at + r->win_n - r->pos);
        if (have > n) have = n;
        memcpy(to, r->win + (r->pos - r->win_at), have);
        to += have;
        r->pos += have;
        n -= have;
    }
}

uint8_t az_rd_u8(az_reader *r)
{
    uint8_t v;

    az_rd_bytes(r, &v, 1);
    return v;
}

uint16_t az_rd_u16(az_reader *r)
{
    uint8_t b[2];

    az_rd_bytes(r, b, 2);
    return (uint16_t)(b[0] | b[1] << 8);
}

uint32_t az_rd_u32(az_reader *r)
{
    uint8_t b[4];

    az_rd_bytes(r, b, 4);
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

uint64_t az_rd_u64(az_reader *r)
{
    uint64_t lo = az_rd_u32(r), hi = az_rd_u32(r);

    return lo | hi << 32;
}

float az_rd_f32(az_reader *r)
{
    uint32_t u = az_rd_u32(r);
    float f;

    memcpy(&f, &u, sizeof f);
    return f;
}

double az_rd_f64(az_reader *r)
{
    uint64_t u = az_rd_u64(r);
    double d;

    memcpy(&d, &u, sizeof d);
    return d;
}

void az_rd_skip(az_reader *r, uint64_t n)
{
    if (n > az_rd_left(r))
        set_fail(r, ADZE_EFORMAT, r->size);
    else
        r->pos += n;
}

void az_rd_seek(az_reader *r, uint64_t pos)
{
    if (pos > r->size)
        set_fail(r, ADZE_EFORMAT, r->size);
    else
        r->pos = pos;
}

adze_status az_rd_check(const az_reader *r, const char *what, adze_error *err)
{
    if (r->status == ADZE_OK) return ADZE_OK;
    if (r->status == ADZE_EIO)
        return az_fail(err, ADZE_EIO, r->path, r->fail_pos, "cannot read while reading %s", what);
    return az_fail(err, r->status, r->path, r->fail_pos, "file ends inside %s", what);
}
