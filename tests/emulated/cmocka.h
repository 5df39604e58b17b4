/* What the kernel tests use of cmocka, for processors that are emulated: no library of theirs needs to be there. A test
 * that fails ends the run. */
#ifndef AZ_TESTS_EMULATED_CMOCKA_H
#define AZ_TESTS_EMULATED_CMOCKA_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
};

#define cmocka_unit_test(f) \
    {                       \
#f, f               \
    }
#define fail_msg(...) \
    (printf("%s:%d: ", __FILE__, __LINE__), printf(__VA_ARGS__), putchar('\n'), exit(1))
#define assert_true(a)         ((a) ? (void)0 : fail_msg("not true: %s", #a))
#define assert_false(a)        ((a) ? fail_msg("not false: %s", #a) : (void)0)
#define assert_int_equal(a, b) ((a) == (b) ? (void)0 : fail_msg("%s is not %s", #a, #b))
#define assert_memory_equal(a, b, n) \
    (memcmp(a, b, n) == 0 ? (void)0 : fail_msg("%s: other bytes than %s", #a, #b))
#define cmocka_run_group_tests(tests, setup, teardown) \
    run_tests(tests, sizeof(tests) / sizeof(tests)[0])

static inline int run_tests(const struct CMUnitTest *tests, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        void *state = NULL;

        tests[i].run(&state);
        printf("ok %s\n", tests[i].name);
        fflush(stdout);
    }
    return 0;
}

#endif
