/* Frontier and choice on small sets whose answers are known by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "plan/pareto.h"

#define POINT(id, s, a, m)                       \
    {                                            \
        id, { s, a, m, NAN }, true, false, -1, 0 \
    }

static void the_frontier_is_what_nothing_beats(void **state)
{
    az_point p[] = { POINT("q8_0", 1.6, 0.999, 0.55), POINT("q4_k_m", 2.4, 0.98, 0.33),
                     POINT("q5_0", 2.0, 0.97, 0.40),    /* q4_k_m is better in all */
                     POINT("twin", 1.6, 0.999, 0.55) }; /* equal to q8_0: neither beats the other */
    az_weights w = az_weights_usual();
    az_choice c;

    (void)state;
    az_pareto(p, 4, &w, 0.95, &c);
    assert_true(p[0].frontier && p[1].frontier && !p[2].frontier && p[3].frontier);
    assert_int_equal(p[2].dominated_by, 1);
    assert_int_equal(p[0].dominated_by, -1);
}

static void weights_decide(void **state)
{
    az_point p[] = { POINT("q8_0", 1.6, 0.999, 0.55), POINT("q4_k_m", 2.4, 0.97, 0.33) };
    az_weights w = { { 1, 0, 0, 0 } };
    az_choice c;

    (void)state;
    az_pareto(p, 2, &w, 0.95, &c);
    assert_int_equal(c.chosen, 1);
    assert_true(fabs(p[1].score - 1) < 1e-12);
    assert_true(fabs(p[0].score - log(1.6) / log(2.4)) < 1e-12);
    w = (az_weights){ { 0, 1, 0, 0 } };
    az_pareto(p, 2, &w, 0.95, &c);
    assert_int_equal(c.chosen, 0);
    assert_true(fabs(p[0].score - 0.98) < 1e-12); /* loses 0.001 of the 0.05 allowed */
    assert_true(fabs(p[1].score - 0.4) < 1e-12);
    assert_non_null(strstr(c.why, "q8_0"));
    assert_non_null(strstr(c.why, "accuracy 1"));
}

static void only_what_passed_is_chosen(void **state)
{
    az_point p[] = { POINT("fast", 9, 0.90, 0.1), POINT("ok", 1.1, 0.99, 0.9) };
    az_weights w = az_weights_usual();
    az_choice c;

    (void)state;
    p[0].passed = false;
    az_pareto(p, 2, &w, 0.95, &c);
    assert_int_equal(c.chosen, 1);
    assert_int_equal(c.runner_up, -1);
    p[1].passed = false;
    az_pareto(p, 2, &w, 0.95, &c);
    assert_int_equal(c.chosen, -1);
    assert_non_null(strstr(c.why, "no candidate passed"));
    az_pareto(p, 0, &w, 0.95, &c);
    assert_int_equal(c.chosen, -1);
}

static void unknown_objectives_are_left_out_for_all(void **state)
{
    az_point p[] = { POINT("a", 2, 0.98, 0.5), POINT("b", 1.5, 0.99, 0.6) };
    az_weights w = { { 1, 1, 1, 5 } };
    az_choice c;

    (void)state;
    p[0].ratio[AZ_OBJ_ENERGY] = 0.4; /* b has none, so energy decides nothing */
    az_pareto(p, 2, &w, 0.95, &c);
    assert_int_equal(c.objectives, 7);
    assert_non_null(strstr(c.why, "energy 5 (not measured)"));
    p[1].ratio[AZ_OBJ_ENERGY] = 0.8;
    az_pareto(p, 2, &w, 0.95, &c);
    assert_int_equal(c.objectives, 15);
    assert_int_equal(c.chosen, 0);
    p[0].ratio[AZ_OBJ_SPEED] = 0; /* a ratio of 0 is no measurement */
    az_pareto(p, 2, &w, 0.95, &c);
    assert_int_equal(c.objectives & 1, 0);
}

static void order_does_not_matter(void **state)
{
    az_point p[] = { POINT("a", 2, 0.98, 0.5), POINT("b", 2, 0.98, 0.5), POINT("c", 2, 0.98, 0.5) };
    az_point q[] = { p[2], p[1], p[0] };
    az_weights w = az_weights_usual();
    az_choice c;

    (void)state;
    az_pareto(p, 3, &w, 0.95, &c);
    assert_string_equal(p[c.chosen].id, "a");
    assert_string_equal(p[c.runner_up].id, "b");
    az_pareto(q, 3, &w, 0.95, &c);
    assert_string_equal(q[c.chosen].id, "a");
    assert_string_equal(q[c.runner_up].id, "b");
}

static void a_small_gain_stays_small(void **state)
{
    /* 0.2 % faster must not outweigh a loss of 3 % of the accuracy, however few the candidates are */
    az_point p[] = { POINT("exact", 2.000, 1.0, 0.5), POINT("worse", 2.004, 0.97, 0.5) };
    az_weights w = az_weights_usual();
    az_choice c;

    (void)state;
    az_pareto(p, 2, &w, 0.95, &c);
    assert_string_equal(p[c.chosen].id, "exact");
    az_pareto(p, 2, &w, 1, &c); /* a gate that allows no loss at all */
    assert_string_equal(p[c.chosen].id, "exact");
    assert_true(p[0].score >= 0 && p[0].score <= 1 && p[1].score >= 0 && p[1].score <= 1);
}

static void weights_are_parsed_strictly(void **state)
{
    static const char *const bad[] = { "",          "speed",   "speed=",          "speed=-1",
                                       "speed=nan", "sped=1",  "speed=1x",        "speed=1,",
                                       ",speed=1",  "speed=0", "speed=1,speed=2", "speed=1e9",
                                       "speed= 1",  "=1" };
    adze_error err;
    az_weights w;

    (void)state;
    assert_int_equal(az_weights_parse(&w, "speed=1,accuracy=2.5,energy=0", &err), ADZE_OK);
    assert_true(w.w[0] == 1 && w.w[1] == 2.5 && w.w[2] == 0 && w.w[3] == 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (az_weights_parse(&w, bad[i], &err) != ADZE_EINVAL)
            fail_msg("'%s' was accepted", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_frontier_is_what_nothing_beats),
        cmocka_unit_test(weights_decide),
        cmocka_unit_test(only_what_passed_is_chosen),
        cmocka_unit_test(unknown_objectives_are_left_out_for_all),
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(a_small_gain_stays_small),
        cmocka_unit_test(weights_are_parsed_strictly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
