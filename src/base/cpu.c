/* CPU detection: CPUID leaves 1, 7 and 0x80000002, with XCR0 for the register state that the operating
 * system saves (Intel SDM vol. 2A CPUID, vol. 1 chapter 13); HWCAP on AArch64. */
#include "base/cpu.h"
#include "base/compiler.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if AZ_X86_64
#include <cpuid.h>

static unsigned long long xcr0(void)
{
    unsigned lo, hi;

    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (unsigned long long)hi << 32 | lo;
}

static unsigned bit(unsigned reg, int n, unsigned flag)
{
    return reg >> n & 1 ? flag : 0;
}

static unsigned avx512_flags(unsigned b, unsigned c, unsigned d, unsigned a1)
{
    unsigned f = bit(b, 16, AZ_CPU_AVX512F) | bit(b, 17, AZ_CPU_AVX512DQ) |
                 bit(b, 30, AZ_CPU_AVX512BW) | bit(b, 31, AZ_CPU_AVX512VL) |
                 bit(c, 1, AZ_CPU_AVX512VBMI) | bit(c, 11, AZ_CPU_AVX512VNNI) |
                 bit(d, 23, AZ_CPU_AVX512FP16) | bit(a1, 5, AZ_CPU_AVX512BF16);

    return f & AZ_CPU_AVX512F ? f : 0;
}

static int is_amd(void)
{
    unsigned a, b, c, d;

    return __get_cpuid(0, &a, &b, &c, &d) && b == 0x68747541; /* "Auth" of AuthenticAMD */
}

unsigned az_cpu_detect(void)
{
    unsigned a, b, c, d, a1 = 0, b1, c1, d1, f;
    unsigned long long os;

    if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
    f = bit(d, 26, AZ_CPU_SSE2) | bit(c, 19, AZ_CPU_SSE41);
    if (!(c >> 27 & 1)) return f; /* no OSXSAVE: no wide registers */
    os = xcr0();
    if ((os & 6) != 6) return f;
    f |= bit(c, 28, AZ_CPU_AVX) | bit(c, 29, AZ_CPU_F16C) | bit(c, 12, AZ_CPU_FMA);
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return f;
    if (a >= 1 && __get_cpuid_count(7, 1, &a1, &b1, &c1, &d1)) f |= bit(a1, 4, AZ_CPU_AVXVNNI);
    f |= bit(b, 5, AZ_CPU_AVX2) | bit(b, 8, AZ_CPU_BMI2);
    if ((os & 0xe6) == 0xe6) f |= avx512_flags(b, c, d, a1);
    if (f & AZ_CPU_AVX512BF16 && is_amd()) f |= AZ_CPU_FAST_BF16;
    if ((os & 0x60000) == 0x60000)
        f |= bit(d, 24, AZ_CPU_AMXTILE) | bit(d, 25, AZ_CPU_AMXINT8) | bit(d, 22, AZ_CPU_AMXBF16);
    return f;
}

const char *az_cpu_brand(char *buf, size_t size)
{
    unsigned r[12];
    char text[49], *s = text;

    if (!__get_cpuid(0x80000002, &r[0], &r[1], &r[2], &r[3]) ||
        !__get_cpuid(0x80000003, &r[4], &r[5], &r[6], &r[7]) ||
        !__get_cpuid(0x80000004, &r[8], &r[9], &r[10], &r[11])) {
        if (size) buf[0] = 0;
        return buf;
    }
    memcpy(text, r, 48);
    text[48] = 0;
    while (*s == ' ')
        s++;
    snprintf(buf, size, "%s", s);
    return buf;
}
#elif AZ_AARCH64
#include <sys/auxv.h>

unsigned az_cpu_detect(void)
{
    unsigned long h = getauxval(AT_HWCAP), h2 = getauxval(AT_HWCAP2);
    unsigned f = AZ_CPU_NEON;

    if (h & (1ul << 20)) f |= AZ_CPU_DOTPROD;
    if (h & (1ul << 22)) f |= AZ_CPU_SVE;
    if (h2 & (1ul << 13)) f |= AZ_CPU_I8MM;
    return f;
}

const char *az_cpu_brand(char *buf, size_t size)
{
    if (size) buf[0] = 0;
    return buf;
}
#else
unsigned az_cpu_detect(void)
{
    return 0;
}

const char *az_cpu_brand(char *buf, size_t size)
{
    if (size) buf[0] = 0;
    return buf;
}
#endif

#define UP_TO_VNNI                                                                 \
    (AZ_CPU_SSE2 | AZ_CPU_SSE41 | AZ_CPU_AVX | AZ_CPU_BMI2 | AZ_CPU_LEVEL_AVX512 | \
     AZ_CPU_AVX512VNNI | AZ_CPU_AVXVNNI | AZ_CPU_AVX512VBMI)

unsigned az_cpu_cap(unsigned flags, const char *level, int *ok)
{
    static const struct {
        const char *name;
        unsigned keep, with_bf16; /* added where the CPU has bf16 products */
    } levels[] = {
        { "c", 0, 0 },
        { "avx2", AZ_CPU_SSE2 | AZ_CPU_SSE41 | AZ_CPU_AVX | AZ_CPU_BMI2 | AZ_CPU_LEVEL_AVX2, 0 },
        { "avxvnni",
          AZ_CPU_SSE2 | AZ_CPU_SSE41 | AZ_CPU_AVX | AZ_CPU_BMI2 | AZ_CPU_LEVEL_AVX2 |
              AZ_CPU_AVXVNNI,
          0 },
        { "avx512", AZ_CPU_SSE2 | AZ_CPU_SSE41 | AZ_CPU_AVX | AZ_CPU_BMI2 | AZ_CPU_LEVEL_AVX512,
          0 },
        { "avx512vnni", UP_TO_VNNI, 0 },
        { "avx512bf16", UP_TO_VNNI | AZ_CPU_AVX512BF16, AZ_CPU_FAST_BF16 },
        { "neon", AZ_CPU_NEON, 0 },
        { "dotprod", AZ_CPU_LEVEL_DOTPROD, 0 },
        { "i8mm", AZ_CPU_LEVEL_I8MM, 0 },
        { "max", ~0u, 0 },
    };

    *ok = 1;
    for (size_t i = 0; i < AZ_COUNT(levels); i++)
        if (strcmp(levels[i].name, level) == 0)
            return (flags & levels[i].keep) | (flags & AZ_CPU_AVX512BF16 ? levels[i].with_bf16 : 0);
    *ok = 0;
    return 0;
}

unsigned az_cpu_flags(void)
{
    unsigned flags = az_cpu_detect(), capped;
    const char *level = getenv("ADZE_CPU");
    int ok;

    if (!level) return flags;
    capped = az_cpu_cap(flags, level, &ok);
    return ok ? capped : flags;
}

#define AZ_X(name, bit, text) { AZ_CPU_##name, text },
static const struct {
    unsigned flag;
    const char *text;
} flag_names[] = { AZ_CPU_MAP(AZ_X) };
#undef AZ_X

const char *az_cpu_flag_name(size_t i, unsigned *mask)
{
    if (i >= AZ_COUNT(flag_names)) return NULL;
    *mask = flag_names[i].flag;
    return flag_names[i].text;
}

/* Cores granted by a cgroup v2 quota ("max 100000" or "150000 100000"), or 0 when unlimited. */
static int cgroup_cores(void)
{
    FILE *f = fopen("/sys/fs/cgroup/cpu.max", "r");
    long quota = 0, period = 0;
    int n;

    if (!f) return 0;
    n = fscanf(f, "%ld %ld", &quota, &period);
    fclose(f);
    if (n != 2 || quota <= 0 || period <= 0) return 0;
    return (int)((quota + period - 1) / period);
}

int az_cpu_usable(void)
{
    cpu_set_t set;
    int n = (int)sysconf(_SC_NPROCESSORS_ONLN), quota = cgroup_cores();

    if (sched_getaffinity(0, sizeof set, &set) == 0) n = CPU_COUNT(&set);
    if (quota > 0 && quota < n) n = quota;
    return n > 0 ? n : 1;
}
