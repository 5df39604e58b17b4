/* Reports: values, the check of required members, the page's escaping, the terminal table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/json.h"
#include "report/report.h"
#include "report/units.h"

static const char *const samples[] = { "sample", "none", "one", "bare", "many", "hostile" };

static adze_run *new_run(void)
{
    adze_run *run = NULL;
    adze_error err;

    assert_int_equal(adze_run_new(&run, NULL, &err), ADZE_OK);
    return run;
}

static json_t *load(adze_run *run, const char *name)
{
    char path[128];
    json_t *j = NULL;
    adze_error err;

    snprintf(path, sizeof path, "tests/data/report/%s.json", name);
    assert_int_equal(az_json_read(&j, run, path, 1 << 20, &err), ADZE_OK);
    return j;
}

static void samples_pass_the_check(void **state)
{
    adze_run *run = new_run();

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(samples); i++) {
        json_t *j = load(run, samples[i]);
        adze_error err;

        if (az_report_check(j, &err) != ADZE_OK)
            fail_msg("%s: %s %s", samples[i], err.name, err.msg);
        json_decref(j);
    }
    adze_run_free(run);
}

/* Take away or spoil one member; the check must name its place. */
static void check_names_what_is_wrong(void **state)
{
    static const struct {
        const char *path; /* members of the object that is spoiled, outermost first */
        const char *key;
        const char *json; /* new value; NULL: removed */
        const char *want; /* err.name */
    } bad[] = {
        { "", "schema", NULL, "schema" },
        { "", "schema", "\"adze.report/2\"", "schema" },
        { "", "baseline", "null", "baseline" },
        { "", "candidates", "{}", "candidates" },
        { "", "text", "7", "text" },
        { "model", "parameters", "\"many\"", "model.parameters" },
        { "target.roof.read_gb_s_all", "unit", NULL, "target.roof.read_gb_s_all.unit" },
        { "chosen", "why", NULL, "chosen.why" },
        { "chosen", "id", "\"nobody\"", "chosen.id" },
        { "baseline.measurements.decode_tok_s", "median", "null",
          "baseline.measurements.decode_tok_s.median" },
        { "candidates.0", "pareto", "1", "candidates[0].pareto" },
        { "candidates.1.settings", "threads", NULL, "candidates[1].settings.threads" },
        { "candidates.2.gates.1", "limit", NULL, "candidates[2].gates[1].limit" },
        { "candidates.2.quality.kl_mean", "hi", NULL, "candidates[2].quality.kl_mean.hi" },
        { "candidates.2.ratios.decode_tok_s", "lo", "\"1\"",
          "candidates[2].ratios.decode_tok_s.lo" },
        { "candidates.3.predicted.decode_tok_s", "value", NULL,
          "candidates[3].predicted.decode_tok_s.value" },
        { "candidates.3.measurements.energy_j_per_tok", "reason", NULL,
          "candidates[3].measurements.energy_j_per_tok.reason" },
        { "profile.phases.0.operators.3", "share", NULL, "profile.phases[0].operators[3].share" },
        { "profile.phases.1.meters.0", "peak", "[]", "profile.phases[1].meters[0].peak" },
        { "recommendations.0", "severity", NULL, "recommendations[0].severity" },
        { "monitoring.1", "alert", NULL, "monitoring[1].alert" },
    };
    adze_run *run = new_run();

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(bad); i++) {
        json_t *j = load(run, "sample"), *at = j;
        adze_error err = { 0 };
        char path[128], *part, *rest = path;

        snprintf(path, sizeof path, "%s", bad[i].path);
        while ((part = strtok_r(rest, ".", &rest)) != NULL)
            at = json_is_array(at) ? json_array_get(at, (size_t)atoi(part))
                                   : json_object_get(at, part);
        assert_true(json_is_object(at));
        if (bad[i].json)
            json_object_set_new(at, bad[i].key, json_loads(bad[i].json, JSON_DECODE_ANY, NULL));
        else
            assert_int_equal(json_object_del(at, bad[i].key), 0);
        assert_int_equal(az_report_check(j, &err), ADZE_EINVAL);
        assert_string_equal(err.name, bad[i].want);
        json_decref(j);
    }
    adze_run_free(run);
}

/* The JSON text between the data element's tags. */
static char *data_element(const char *html)
{
    static const char open[] = "<script type=\"application/json\" id=\"report-data\">";
    const char *start = strstr(html, open), *end;

    assert_non_null(start);
    start += sizeof open - 1;
    end = strstr(start, "</script>");
    assert_non_null(end);
    return strndup(start, (size_t)(end - start));
}

static size_t count(const char *s, const char *what)
{
    size_t n = 0;

    for (; (s = strstr(s, what)) != NULL; s += strlen(what))
        n++;
    return n;
}

static void page_holds_the_report_and_nothing_breaks_out(void **state)
{
    adze_run *run = new_run();
    char dir[] = "/tmp/adze-report-XXXXXX", path[64], *html, *plain, *data;
    json_t *j, *back;
    adze_error err;
    size_t n;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/report.html", dir);
    j = load(run, "sample");
    assert_int_equal(az_report_write_html(run, j, path, &err), ADZE_OK);
    json_decref(j);
    assert_int_equal(az_read_file(run, path, 1 << 22, &plain, &n, &err), ADZE_OK);
    for (size_t i = 0; i < AZ_COUNT(samples); i++) {
        j = load(run, samples[i]);
        json_object_set_new(json_object_get(j, "model"), "name",
                            json_string("</script><script>alert(1)</script><!--<script> \"&' "
                                        "__ADZE_REPORT__"));
        assert_int_equal(az_report_write_html(run, j, path, &err), ADZE_OK);
        assert_int_equal(az_read_file(run, path, 1 << 22, &html, &n, &err), ADZE_OK);
        assert_int_equal(strlen(html), n);
        data = data_element(html);
        assert_null(strchr(data, '<'));
        back = json_loads(data, JSON_REJECT_DUPLICATES, NULL);
        assert_true(json_equal(j, back));
        assert_int_equal(count(html, "</script"), count(plain, "</script"));
        assert_int_equal(count(html, "<!--"), count(plain, "<!--"));
        assert_null(strstr(html, "<script>alert"));
        json_decref(back);
        json_decref(j);
        free(data);
        az_free(run, html);
    }
    az_free(run, plain);
    assert_int_equal(az_remove_tree(run, dir, &err), ADZE_OK);
    adze_run_free(run);
}

/* Loads nothing from elsewhere and lets no script but its own run. */
static void page_is_self_contained(void **state)
{
    adze_run *run = new_run();
    adze_error err;
    char *html;
    size_t n;

    (void)state;
    assert_int_equal(az_read_file(run, "web/dist/report.html", 1 << 20, &html, &n, &err), ADZE_OK);
    assert_int_equal(count(html, "__ADZE_REPORT__"), 1);
    assert_non_null(strstr(html, "default-src 'none'; script-src 'sha256-"));
    assert_null(strstr(html, "<link"));
    assert_null(strstr(html, " src="));
    assert_null(strstr(html, "url(http"));
    az_free(run, html);
    adze_run_free(run);
}

static void html_needs_a_folder_that_exists(void **state)
{
    adze_run *run = new_run();
    json_t *j = load(run, "one");
    adze_error err = { 0 };

    (void)state;
    assert_true(az_report_write_html(run, j, "/nonexistent/folder/report.html", &err) < 0);
    assert_non_null(strstr(err.path, "/nonexistent/folder"));
    json_decref(j);
    adze_run_free(run);
}

static az_alloc_fns real_alloc;
static az_io_fns real_io;
static int allocs_left, writes_left;

static void *failing_alloc(void *user, size_t n)
{
    return allocs_left-- > 0 ? real_alloc.alloc(user, n) : NULL;
}

static int64_t failing_pwrite(void *user, int fd, const void *src, size_t n, uint64_t at)
{
    return writes_left-- > 0 ? real_io.pwrite(user, fd, src, n < 4096 ? n : 4096, at) : -ENOSPC;
}

/* Every allocation and every write fails once: an error, and under the final name the whole page or nothing (it
 * is whole when only the folder could not be flushed after the rename). */
static void faults_leave_no_half_page(void **state)
{
    adze_run *run = new_run();
    char dir[] = "/tmp/adze-report-XXXXXX", path[64];
    json_t *j = load(run, "one");
    size_t failed = 0;
    uint64_t whole = 0;
    az_stat st;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/report.html", dir);
    real_alloc = run->alloc;
    real_io = run->io;
    run->alloc.alloc = failing_alloc;
    run->io.pwrite = failing_pwrite;
    for (int i = 0; i < 400; i++) {
        adze_error err = { 0 };
        adze_status rc;

        allocs_left = i < 200 ? i : 1 << 20;
        writes_left = i < 200 ? 1 << 20 : i - 200;
        rc = az_report_write_html(run, j, path, &err);
        allocs_left = 1 << 20;
        failed += rc < 0;
        assert_true(rc == ADZE_OK || err.msg[0]);
        if (az_stat_path(run, path, &st, NULL) < 0) {
            assert_true(rc < 0);
            continue;
        }
        if (whole == 0) whole = st.size_bytes;
        assert_true(st.size_bytes == whole && whole > 500000);
        assert_int_equal(az_remove_tree(run, path, NULL), ADZE_OK);
    }
    assert_true(failed > 150); /* the writes alone are more than that */
    run->alloc = real_alloc;
    run->io = real_io;
    json_decref(j);
    assert_int_equal(az_remove_tree(run, dir, NULL), ADZE_OK);
    adze_run_free(run);
}

static size_t widest_line(const char *s)
{
    size_t widest = 0;

    while (*s) {
        size_t n = strcspn(s, "\n"), w = az_units_columns(s, n);

        if (w > widest) widest = w;
        s += n + (s[n] == '\n');
    }
    return widest;
}

static char *as_text(adze_run *run, const char *name, int width, bool color)
{
    az_report_style style = { .width = width, .color = color };
    json_t *j = load(run, name);
    adze_error err;
    az_buf out;

    az_buf_init(&out, run);
    assert_int_equal(az_report_text(&out, j, &style, &err), ADZE_OK);
    json_decref(j);
    return az_buf_take(&out);
}

static void text_tells_the_choice(void **state)
{
    adze_run *run = new_run();
    char *s = as_text(run, "sample", 110, false);

    (void)state;
    assert_non_null(strstr(s, "sample-1b on sample machine"));
    assert_non_null(strstr(s, "* q4_k_m"));
    assert_non_null(strstr(s, "bf16 (baseline)"));
    assert_non_null(strstr(s, "28.9 tok/s  2.95x"));
    assert_non_null(strstr(s, "98.7 %"));
    assert_non_null(strstr(s, "inconclusive 95.8 %"));
    assert_non_null(strstr(s, "fail 1.80x"));
    assert_non_null(strstr(s, ">= 2.00x"));
    assert_non_null(strstr(s, "chosen: q4_k_m/native/t2"));
    assert_non_null(strstr(s, "caution: The load average"));
    assert_null(strchr(s, '\033'));
    assert_null(strchr(s, '~'));
    az_free(run, s);
    s = as_text(run, "sample", 110, true);
    assert_non_null(strstr(s, "\033[31mfail"));
    az_free(run, s);
    s = as_text(run, "none", 110, false);
    assert_non_null(strstr(s, "nothing was chosen"));
    assert_non_null(strstr(s, "fail 93.1 %"));
    az_free(run, s);
    s = as_text(run, "bare", 110, false);
    assert_non_null(strstr(s, "~5.88 tok/s"));
    assert_non_null(strstr(s, "~ estimated or declared, not measured"));
    assert_non_null(strstr(s, "failed"));
    az_free(run, s);
    adze_run_free(run);
}

static void text_fits_the_terminal(void **state)
{
    static const int widths[] = { 80, 100, 140 };
    adze_run *run = new_run();

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(widths); i++) {
        char *s = as_text(run, "sample", widths[i], false);

        assert_in_range(widest_line(s), 40, (unsigned)widths[i]);
        assert_true((strstr(s, " size ") != NULL) == (widths[i] >= 120)); /* it goes first */
        az_free(run, s);
    }
    adze_run_free(run);
}

static void text_escapes_control_characters(void **state)
{
    adze_run *run = new_run();
    az_report_style style = { .width = 100 };
    static const char want[] =
        "a\\x1b[2J\\x0ab\\u{009b}c\\u{202e}d\\x7f\xc3\xa9 on sample machine\n";
    json_t *j = load(run, "sample");
    adze_error err;
    az_buf out;

    (void)state;
    json_object_set_new(json_object_get(j, "model"), "name",
                        json_string("a\033[2J\nb\xc2\x9b"
                                    "c\xe2\x80\xae"
                                    "d\x7f\xc3\xa9"));
    az_buf_init(&out, run);
    assert_int_equal(az_report_text(&out, j, &style, &err), ADZE_OK);
    assert_int_equal(strncmp(out.data, want, strlen(want)), 0);
    assert_null(strchr(out.data, '\033'));
    az_buf_deinit(&out);
    json_decref(j);
    adze_run_free(run);
}

static void units_read_well(void **state)
{
    static const struct {
        double v;
        const char *unit, *want;
    } cases[] = {
        { 28.87, "tok/s", "28.9 tok/s" },  { 146.2, "tok/s", "146 tok/s" },
        { 9.996, "tok/s", "10.0 tok/s" },  { 12345, "tok/s", "12345 tok/s" },
        { 899e6, "bytes", "899 MB" },      { 999.7e6, "bytes", "1.00 GB" },
        { 2.471e9, "B", "2.47 GB" },       { 12, "bytes", "12.0 B" },
        { 42.94, "ms", "42.9 ms" },        { 1753, "ms", "1.75 s" },
        { 0.9869, "ratio", "98.7 %" },     { 0.95, "ratio", "95 %" },
        { 0.0011, "ratio", "0.11 %" },     { 2.949, "x", "2.95x" },
        { 0.0213, "nats", "0.0213 nats" }, { 2.1e-6, "nats", "2.1e-06 nats" },
        { 13.92, "1", "13.92" },           { 0, "ms", "0 ms" },
        { -3.5, "1", "-3.500" },           { INFINITY, "ms", "-" },
    };
    adze_run *run = new_run();

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(cases); i++) {
        az_buf b;

        az_buf_init(&b, run);
        az_units_put(&b, cases[i].v, cases[i].unit);
        assert_string_equal(b.data, cases[i].want);
        az_buf_deinit(&b);
    }
    adze_run_free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_pass_the_check),
        cmocka_unit_test(check_names_what_is_wrong),
        cmocka_unit_test(page_holds_the_report_and_nothing_breaks_out),
        cmocka_unit_test(page_is_self_contained),
        cmocka_unit_test(html_needs_a_folder_that_exists),
        cmocka_unit_test(faults_leave_no_half_page),
        cmocka_unit_test(text_tells_the_choice),
        cmocka_unit_test(text_fits_the_terminal),
        cmocka_unit_test(text_escapes_control_characters),
        cmocka_unit_test(units_read_well),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
