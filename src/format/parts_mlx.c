/* MLX's quantized weights: X.weight as u32 words, X.scales, and X.biases for affine ones.
 *
 * Element k of a row is bits [k * b, k * b + b) of the row's little-endian bit stream. affine: scale * q + bias;
 * mxfp4: 2^(s - 127) * E2M1[q]; nvfp4: E4M3(s) * E2M1[q]; mxfp8: 2^(s - 127) * E4M3(q). Parts: 0 weight, 1 scales,
 * 2 biases. Source: mlx/ops.cpp, mlx/backend/cpu/quantized.cpp, mlx_lm/utils.py, 2026-08-22.
 */
#include "base/check.h"
#include "base/json.h"
#include "codec/codec.h"
#include "core/half.h"
#include "format/mlx.h"
#include "format/parts.h"

#include <math.h>
#include <string.h>

typedef enum mode { AFFINE, MXFP4, NVFP4, MXFP8 } mode;

static const struct {
    const char *name;
    int group, bits; /* defaults */
    az_code_kind kind;
} modes[] = { [AFFINE] = { "affine", 64, 4, AZ_CODE_BIAS },
              [MXFP4] = { "mxfp4", 32, 4, AZ_CODE_E2M1 },
              [NVFP4] = { "nvfp4", 16, 4, AZ_CODE_E2M1 },
              [MXFP8] = { "mxfp8", 32, 8, AZ_CODE_E4M3 } };

/* Scales of groups; E8M0 and E4M3 come as bytes. */
static void group_scales(mode md, const void *scales, az_type t, size_t n, float *dst)
{
    if (md == AFFINE)
        az_part_floats(scales, t, n, dst);
    else
        az_part_floats(scales, md == NVFP4 ? AZ_F8_E4M3 : AZ_F8_E8M0, n, dst);
}

static adze_status mlx_codes(const adze_model *m, const az_tensor *t, int64_t r0, int64_t n,
                             az_codes *c, adze_error *err)
{
    const az_packed *p = t->packed;
    const az_tensor *st = &p->part[1], *bt = &p->part[2];
    size_t cols = (size_t)az_tensor_cols(t), groups = (size_t)(n * p->groups);
    size_t wb = cols * (size_t)p->bits / 8;
    size_t sb = (size_t)p->groups * az_type_get(st->type)->bytes;
    uint8_t *w = c->q ? az_part_rows(m, &p->part[0], r0, n, wb, err) : NULL;
    uint8_t *s = w || !c->q ? az_part_rows(m, st, r0, n, sb, err) : NULL;
    uint8_t *b = s && bt->name ? az_part_rows(m, bt, r0, n, sb, err) : NULL;
    adze_status rc = s && (b || !bt->name) ? ADZE_OK : ADZE_EFORMAT;

    if (rc == ADZE_OK) group_scales((mode)p->flags, s, st->type, groups, c->scale);
    if (rc == ADZE_OK && b) az_part_floats(b, bt->type, groups, c->offset);
    for (int64_t r = 0; r < n && rc == ADZE_OK && w; r++)
        az_part_spread(w + (size_t)r * wb, cols, p->bits, c->q + (size_t)r * cols);
    az_free(m->run, w);
    az_free(m->run, s);
    az_free(m->run, b);
    return rc == ADZE_OK ? rc : err ? err->status : rc;
}

static const az_layout layout = { "mlx", mlx_codes, NULL };

/* What config.json says about one module. */
static adze_status settings(const az_joiner *j, const az_tensor *scales, size_t base, az_packed *p)
{
    char path[512] = "";
    const json_t *own;
    const char *name = az_json_str(j->quant, "mode");
    int64_t bits = 0, group = 0;
    mode md = AFFINE;

    if (base < sizeof path) memcpy(path, scales->name, base);
    own = json_object_get(j->quant, path);
    if (!json_is_object(own)) own = j->quant;
    if (own != j->quant) name = az_json_str(own, "mode");
    while (name && (size_t)md < AZ_COUNT(modes) && strcmp(modes[md].name, name) != 0)
        md++;
    if ((size_t)md == AZ_COUNT(modes))
        return az_fail_name(j->err, ADZE_EUNSUP, j->m->path, path, ADZE_NOPOS,
                            "quantization mode %.32s is not known", name);
    if (!az_json_int(own, "bits", &bits)) bits = modes[md].bits;
    if (!az_json_int(own, "group_size", &group)) group = modes[md].group;
    if (bits < 2 || bits > 8 || bits == 7 || group < 1 || group > 1 << 20 ||
        (md != AFFINE && (bits != modes[md].bits || group != modes[md].group)))
        return az_fail_name(j->err, ADZE_EUNSUP, j->m->path, path, ADZE_NOPOS,
                            "mode %s with %lld bits in groups of %lld", modes[md].name,
                            (long long)bits, (long long)group);
    p->bits = (int)bits;
    p->group = group;
    p->group_rows = 1;
    p->flags = md;
    p->kind = modes[md].kind;
    p->label = md == AFFINE ? az_arena_printf(&j->m->arena, "mlx q%d g%d", (int)bits, (int)group)
                            : az_arena_printf(&j->m->arena, "mlx %s", modes[md].name);
    return p->label ? ADZE_OK : az_fail_nomem(j->err, "joining the parts of a tensor");
}

/* Shapes and types against each other; fills shape with the weight's. */
static adze_status check(const az_joiner *j, const az_packed *p, int64_t *shape)
{
    const az_tensor *w = &p->part[0], *s = &p->part[1], *b = &p->part[2];
    int64_t groups = az_tensor_cols(s);
    uint64_t cols, bits;
    int last = w->n_dims - 1;

    if (w->type != AZ_U32 || w->n_dims < 2)
        return az_part_bad(j, w, "must be a matrix of u32 words, as it has scales");
    if (s->n_dims != w->n_dims || memcmp(s->shape, w->shape, (size_t)last * sizeof *shape) != 0)
        return az_part_bad(j, s, "has not the shape of the weight's rows");
    if (p->flags == AFFINE) {
        if (!b->name) return az_part_bad(j, s, "has no biases beside it");
        if (b->type != s->type || b->n_dims != s->n_dims ||
            memcmp(b->shape, s->shape, sizeof b->shape) != 0)
            return az_part_bad(j, b, "has not the shape and type of the scales");
    }
    if (p->flags == AFFINE ? s->type != AZ_F32 && s->type != AZ_F16 && s->type != AZ_BF16
                           : s->type != AZ_U8)
        return az_part_bad(j, s, "has type %s", az_type_get(s->type)->name);
    if (!az_mul_u64((uint64_t)groups, (uint64_t)p->group, &cols) || cols > INT32_MAX ||
        !az_mul_u64(cols, (uint64_t)p->bits, &bits) || bits % 32 ||
        bits / 32 != (uint64_t)w->shape[last])
        return az_part_bad(j, w, "%lld words a row are not %lld groups of %lld with %d bits",
                           (long long)w->shape[last], (long long)groups, (long long)p->group,
                           p->bits);
    memcpy(shape, w->shape, sizeof w->shape);
    shape[last] = (int64_t)cols;
    return ADZE_OK;
}

static adze_status join(az_joiner *j)
{
    adze_status rc = ADZE_OK;

    for (size_t i = 0; i < j->m->n_tensors && rc == ADZE_OK; i++) {
        const az_tensor *s = &j->m->tensors[i], *w, *b;
        az_packed p = { .layout = &layout };
        int64_t shape[AZ_MAX_DIMS];
        size_t base;
        if (!az_part_ends(s, ".scales", &base)) continue;
        w = az_part_find(j, s->name, base, ".weight");
        b = az_part_find(j, s->name, base, ".biases");
        if (!w) return az_part_bad(j, s, "has no weight beside it");
        p.part[0] = *w;
        p.part[1] = *s;
        if (b) p.part[2] = *b;
        rc = settings(j, s, base, &p);
        if (rc == ADZE_OK) rc = check(j, &p, shape);
        if (rc == ADZE_OK) rc = az_part_add(j, s->name, base, ".weight", w->n_dims, shape, &p);
    }
    return rc;
}

static const json_t *config(const adze_model *m)
{
    const json_t *q = json_object_get(m->config, "quantization");

    return json_is_object(q) ? q : NULL;
}

const az_family az_family_mlx = { "mlx", config, join };

/* --- writing --------------------------------------------------------------------------------------------- */

/* Codes of `bits` bits, one after the other from the lowest bit. n * bits is a multiple of 8. */
static void put_codes(uint8_t *dst, const uint8_t *q, size_t n, int bits)
{
    uint32_t acc = 0;
    int have = 0;

    if (bits == 8) memcpy(dst, q, n);
    for (size_t i = 0; bits == 4 && i < n / 2; i++)
        dst[i] = (uint8_t)(q[2 * i] | q[2 * i + 1] << 4);
    for (size_t i = 0; bits != 4 && bits != 8 && i < n; i++) {
        acc |= (uint32_t)q[i] << have;
        for (have += bits; have >= 8; have -= 8, acc >>= 8)
            *dst++ = (uint8_t)acc;
    }
}

bool az_mlx_pack_affine(adze_run *run, const az_packing *p, const float *x, size_t n,
                        void *const *to)
{
    const az_kernels *k = az_kernels_default();
    az_affine_spec spec = { p->bits, p->group, p->scale_type };
    size_t groups = n / (size_t)p->group;
    float *scale = az_alloc_array(run, 2 * groups + n / sizeof *scale + 1, sizeof *scale);
    float *bias;
    uint8_t *q;

    if (!scale) return false;
    bias = scale + groups;
    q = (uint8_t *)(bias + groups);
    k->pack_affine(x, groups, &spec, scale, bias, q);
    put_codes(to[0], q, n, p->bits);
    az_codec_get(p->scale_type)->pack(k, scale, NULL, groups, to[1]);
    az_codec_get(p->scale_type)->pack(k, bias, NULL, groups, to[2]);
    az_free(run, scale);
    return true;
}

/* Sum of squared errors of 32 values for the scale 2^(e - 127), codes into q. */
static float mxfp4_try(const float *x, int e, uint8_t q[32])
{
    static const float edge[7] = { 0.25f, 0.75f, 1.25f, 1.75f, 2.5f, 3.5f, 5.0f };
    float inv = ldexpf(1, 127 - e), err = 0;

    for (int i = 0; i < 32; i++) {
        float a = fabsf(x[i]) * inv, d;
        int c = 0;
        while (c < 7 && a > edge[c])
            c++;
        d = a - az_e2m1[c];
        err += d * d;
        q[i] = (uint8_t)(c | (x[i] < 0 ? 8 : 0));
    }
    return err / inv / inv;
}

/* The exponent that MLX takes, and its neighbours: the one with the least error. */
bool az_mlx_pack_mxfp4(adze_run *run, const az_packing *p, const float *x, size_t n,
                       void *const *to)
{
    uint8_t *w = to[0], *s = to[1];

    (void)run;
    (void)p;
    for (size_t g = 0; g < n / 32; g++) {
        uint8_t q[2][32];
        float top = 0, best = INFINITY;
        int mid, kept = 0, at = 0;
        for (int i = 0; i < 32; i++)
            top = fmaxf(top, fabsf(x[32 * g + (size_t)i]));
        mid = top > 0 ? (int)rintf(log2f(top / 6)) + 127 : 0;
        for (int e = mid - 1; e <= mid + 1; e++) {
            int c = e < 1 ? 1 : e > 254 ? 254 : e;
            float err = mxfp4_try(x + 32 * g, c, q[!kept]);
            if (e > mid - 1 && !(err < best)) continue;
            best = err;
            at = c;
            kept = !kept;
        }
        s[g] = (uint8_t)(top > 0 ? at : 0);
        put_codes(w + 16 * g, q[kept], 32, 4);
    }
    return true;
}
