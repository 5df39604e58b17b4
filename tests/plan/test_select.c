/* The selection rules on declared devices: first and second choice, size, needs, new kinds of hardware. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "plan/select.h"

static int setup(void **state)
{
    setenv("ADZE_DATA", "data", 1);
    return adze_run_new((adze_run **)state, NULL, NULL);
}

static int teardown(void **state)
{
    adze_run_free(*state);
    return 0;
}

static void device(az_device *d, adze_run *run, const char *name)
{
    az_target *t = NULL;

    assert_int_equal(az_target_load(&t, run, name, NULL), ADZE_OK);
    az_device_from_target(d, t);
    az_target_free(run, t);
}

static void choose(az_selection *s, const az_device *d, double parameters, const char *need)
{
    az_request r = { .device = d, .parameters = parameters };

    if (need) assert_int_equal(az_needs_parse(&r.needs, need, NULL), ADZE_OK);
    az_select(s, &r);
}

static void rules_give_first_and_second_choice(void **state)
{
    static const struct {
        const char *device;
        double parameters;
        const char *need, *rule;
        az_framework first, second;
    } cases[] = {
        { "core-ultra-7-258v-laptop", 1e9, NULL, "intel", AZ_OPENVINO, AZ_OLIVE },
        { "intel-n100-mini-pc", 1e9, NULL, "intel", AZ_OPENVINO, AZ_OLIVE },
        { "rtx-4090-desktop", 1e9, NULL, "nvidia-gpu", AZ_OLIVE, AZ_OPENVINO },
        { "jetson-orin-nano-super", 1e9, NULL, "nvidia-gpu", AZ_OLIVE, AZ_OPENVINO },
        { "macbook-air-m2", 1e9, NULL, "apple-silicon", AZ_MLX, AZ_LLAMA_CPP },
        { "mac-mini-m4", 1e9, NULL, "apple-silicon", AZ_MLX, AZ_LLAMA_CPP },
        { "iphone-15-pro", 1e9, "mobile", "apple-silicon", AZ_MLX, AZ_LLAMA_CPP },
        { "pixel-9", 1e9, "mobile", "arm-mobile", AZ_LLAMA_CPP, AZ_OPENVINO },
        { "snapdragon-8-gen-3-phone", 1e9, NULL, "arm-mobile", AZ_LLAMA_CPP, AZ_OPENVINO },
        { "coral-dev-board", 1e6, NULL, "edge-tpu", AZ_OPENVINO, AZ_OLIVE },
        { "raspberry-pi-5-8gb", 1e9, NULL, "arm-embedded", AZ_LLAMA_CPP, AZ_OPENVINO },
        { "raspberry-pi-zero-2-w", 1e8, NULL, "arm-embedded", AZ_LLAMA_CPP, AZ_OPENVINO },
        { "epyc-9654-server", 1e9, NULL, NULL, AZ_LLAMA_CPP, AZ_OLIVE },
        { "epyc-9654-server", 7e9, NULL, NULL, AZ_LLAMA_CPP, AZ_OLIVE },
        { "epyc-9654-server", 7.1e9, NULL, NULL, AZ_OLIVE, AZ_OPENVINO },
        { "graviton4-server", 1e9, "enterprise", NULL, AZ_OLIVE, AZ_OPENVINO },
        { "graviton4-server", 1e9, "multimodal", NULL, AZ_OPENVINO, AZ_OLIVE },
        { "graviton4-server", 1e9, "cross-platform", NULL, AZ_LLAMA_CPP, AZ_OLIVE },
        { "graviton4-server", 0, "prototyping", NULL, AZ_LLAMA_CPP, AZ_OLIVE },
        { "raspberry-pi-5-8gb", 1e9, "multimodal", "arm-embedded", AZ_OPENVINO, AZ_OLIVE },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        az_selection s;
        az_device d;

        device(&d, *state, cases[i].device);
        choose(&s, &d, cases[i].parameters, cases[i].need);
        if (s.ranking[0].framework != cases[i].first || s.ranking[1].framework != cases[i].second)
            fail_msg("%s (%g, %s): %s, %s", cases[i].device, cases[i].parameters,
                     cases[i].need ? cases[i].need : "", az_framework_name(s.ranking[0].framework),
                     az_framework_name(s.ranking[1].framework));
        if (cases[i].rule)
            assert_string_equal(s.rule[AZ_ASK_PLATFORM]->name, cases[i].rule);
        else
            assert_null(s.rule[AZ_ASK_PLATFORM]);
        for (size_t k = 0; k < AZ_FRAMEWORKS; k++)
            assert_true(s.ranking[k].n_reasons > 0 && s.ranking[k].recipe[0]);
    }
}

static void the_platform_is_asked_before_the_size(void **state)
{
    az_selection s;
    az_device d;

    device(&d, *state, "mac-mini-m4");
    choose(&s, &d, 13e9, NULL);
    assert_int_equal(s.ranking[0].framework, AZ_MLX);
    assert_int_equal(s.ranking[1].framework, AZ_LLAMA_CPP);
    assert_int_equal(s.ranking[2].framework, AZ_OLIVE); /* the rest by the enterprise strategy */
    assert_string_equal(s.rule[AZ_ASK_SIZE]->name, "size-big");
    assert_string_equal(s.rule[AZ_ASK_STRATEGY]->name, "enterprise");
}

static void what_does_not_run_is_last_and_says_why(void **state)
{
    az_selection s;
    az_device d;

    device(&d, *state, "epyc-9654-server");
    choose(&s, &d, 1e9, NULL);
    assert_int_equal(s.ranking[3].framework, AZ_MLX);
    assert_false(s.ranking[3].runs);
    assert_non_null(strstr(s.ranking[3].reason[0], "Apple"));
    assert_int_equal(s.n_run, 3);
    device(&d, *state, "iphone-15-pro");
    choose(&s, &d, 1e9, NULL);
    assert_int_equal(s.ranking[3].framework, AZ_OPENVINO);
    device(&d, *state, "stm32n6-microcontroller");
    choose(&s, &d, 1e6, NULL);
    assert_int_equal(s.n_run, 0);
}

static void new_kinds_fall_back_with_the_reason(void **state)
{
    static const char *const kinds[] = { "neuromorphic", "quantum", "optical", "npu", "tachyonic" };
    az_selection s;
    az_device d;

    device(&d, *state, "loihi-2-board");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        snprintf(d.accelerators[0].kind, sizeof d.accelerators[0].kind, "%s", kinds[i]);
        snprintf(d.accelerators[0].vendor, sizeof d.accelerators[0].vendor, "acme");
        choose(&s, &d, 1e9, NULL);
        assert_false(s.accelerator[0].served);
        assert_non_null(strstr(s.accelerator[0].text, "falls back to the CPU"));
        assert_true(s.n_run == 3);
    }
    device(&d, *state, "core-ultra-7-258v-laptop");
    snprintf(d.accelerators[0].vendor, sizeof d.accelerators[0].vendor, "acme");
    choose(&s, &d, 1e9, NULL);
    assert_non_null(strstr(s.accelerator[0].text, "falls back to the gpu"));
    assert_true(s.accelerator[1].served);
}

static void needs_are_parsed_strictly(void **state)
{
    unsigned needs = 0;
    adze_error err;

    (void)state;
    assert_int_equal(az_needs_parse(&needs, "mobile,real-time", &err), ADZE_OK);
    assert_int_equal(needs, 1u << AZ_NEED_MOBILE | 1u << AZ_NEED_REAL_TIME);
    assert_int_equal(az_needs_parse(&needs, "mobil", &err), ADZE_EINVAL);
    assert_int_equal(az_needs_parse(&needs, "", &err), ADZE_EINVAL);
    assert_int_equal(az_needs_parse(&needs, "mobile,", &err), ADZE_EINVAL);
}

static void ratings_are_those_documented(void **state)
{
    static const struct {
        az_framework f;
        az_need n;
        const char *text;
    } want[] = {
        { AZ_LLAMA_CPP, AZ_NEED_CROSS_PLATFORM, "excellent" },
        { AZ_MLX, AZ_NEED_CROSS_PLATFORM, "Apple only" },
        { AZ_LLAMA_CPP, AZ_NEED_ENTERPRISE, "basic" },
        { AZ_MLX, AZ_NEED_ENTERPRISE, "limited" },
        { AZ_OLIVE, AZ_NEED_MOBILE, "good" },
        { AZ_MLX, AZ_NEED_DIVERSITY, "LLM focus" },
        { AZ_OPENVINO, AZ_NEED_EASE, "moderate" },
        { AZ_MLX, AZ_NEED_MULTIMODAL, "growing" },
    };
    az_device d;

    device(&d, *state, "iphone-15-pro");
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
        assert_string_equal(az_framework_rating(want[i].f, want[i].n, &d).text, want[i].text);
    for (int f = 0; f < AZ_FRAMEWORKS; f++)
        assert_int_equal(az_framework_rating((az_framework)f, AZ_NEED_REAL_TIME, &d).level,
                         AZ_LEVEL_EXCELLENT);
}

static void this_machine_is_a_device(void **state)
{
    az_selection s;
    az_device d;

    assert_int_equal(az_device_here(&d, *state, NULL), ADZE_OK);
    choose(&s, &d, 1e9, NULL);
    assert_true(d.cores.value >= 1);
    assert_true(d.memory_bytes.value > 1e8 && d.usable_bytes.value <= d.memory_bytes.value);
    assert_true(s.n_run >= 3);
}

static void json_has_its_members(void **state)
{
    az_request r = { 0 };
    az_selection s;
    az_device d;
    json_t *j;

    device(&d, *state, "jetson-orin-nano-super");
    r.device = &d;
    az_select(&s, &r);
    j = az_selection_json(&s, &r);
    assert_int_equal(json_array_size(json_object_get(j, "questions")), 3);
    assert_int_equal(json_array_size(json_object_get(j, "ranking")), AZ_FRAMEWORKS);
    assert_int_equal(json_array_size(json_object_get(j, "accelerators")), 1);
    json_decref(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_give_first_and_second_choice),
        cmocka_unit_test(the_platform_is_asked_before_the_size),
        cmocka_unit_test(what_does_not_run_is_last_and_says_why),
        cmocka_unit_test(new_kinds_fall_back_with_the_reason),
        cmocka_unit_test(needs_are_parsed_strictly),
        cmocka_unit_test(ratings_are_those_documented),
        cmocka_unit_test(this_machine_is_a_device),
        cmocka_unit_test(json_has_its_members),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
