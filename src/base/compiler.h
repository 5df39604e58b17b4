/* The only place for compiler extensions and platform switches. */
#ifndef AZ_BASE_COMPILER_H
#define AZ_BASE_COMPILER_H

#if defined(__x86_64__) || defined(_M_X64)
#define AZ_X86_64 1
#else
#define AZ_X86_64 0
#endif
#if defined(__aarch64__)
#define AZ_AARCH64 1
#else
#define AZ_AARCH64 0
#endif

#define AZ_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define AZ_LIKELY(x)          __builtin_expect(!!(x), 1)
#define AZ_UNLIKELY(x)        __builtin_expect(!!(x), 0)
#define AZ_RESTRICT           __restrict__
#define AZ_ALIGNED(n)         __attribute__((aligned(n)))
#define AZ_LOWEST_BIT(u)      __builtin_ctz(u) /* u != 0 */
/* p, of which the compiler forgets how it came about: it stays a register that loads count from. */
#define AZ_FORGET(p)   __asm__("" : "+r"(p))
#define AZ_PREFETCH(p) __builtin_prefetch(p, 0, 3) /* into the first cache */
/* Into the second, where it waits. It stays where it is written: a compiler that gathers what a loop asks for asks for all at once, and
 * then the core waits. */
#if defined(__x86_64__)
#define AZ_PREFETCH_FAR(p) __asm__ volatile("prefetcht1 %0" : : "m"(*(const char *)(p)) : "memory")
#else
#define AZ_PREFETCH_FAR(p) __builtin_prefetch(p, 0, 2)
#endif
#define AZ_NOINLINE __attribute__((noinline))
#define AZ_UNROLL \
    _Pragma("GCC unroll 16") /* before a loop: wholly, so that its arrays become registers */
#define AZ_INLINE static inline __attribute__((always_inline, unused))

/* `typedef AZ_VECTOR(float, 16) f32x4;`: lanes with C operators, lowered to what the target has. */
#define AZ_VECTOR(type, bytes) type __attribute__((vector_size(bytes)))

#define AZ_COUNT(a) (sizeof(a) / sizeof((a)[0]))

#endif
