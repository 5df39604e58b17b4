/* JSON: what parses is written again and parses to the same value; the look-ups take anything. */
#include "fuzz.h"

static void look(const json_t *o)
{
    const char *key;
    json_t *v;

    json_object_foreach((json_t *)(uintptr_t)o, key, v)
    {
        int64_t i = 0;
        double d = 0;
        bool b = false;
        fuzz_want(az_json_int(o, key, &i) == json_is_integer(v), "an integer is one");
        fuzz_want(az_json_real(o, key, &d) == json_is_number(v), "a number is one");
        fuzz_want(az_json_bool(o, key, &b) == json_is_boolean(v), "a boolean is one");
        fuzz_want((az_json_str(o, key) != NULL) == json_is_string(v), "a string is one");
    }
}

static json_t *parse(const char *text, size_t n)
{
    adze_error err = { .pos = ADZE_NOPOS };
    json_t *j;
    adze_status rc = az_json_parse(&j, text, n, "a.json", &err);

    fuzz_status(rc, &err);
    fuzz_want((rc == ADZE_OK) == (j != NULL), "a value with success, and only then");
    fuzz_want(rc == ADZE_OK || err.pos <= n + 1, "the error lies in the text");
    return j;
}

static void write_and_read(const json_t *j)
{
    const char *path = fuzz_path("a.json");
    adze_error err = { .pos = ADZE_NOPOS };
    json_t *again = NULL;
    adze_status rc = az_json_write(fuzz_run, j, path, &err);

    fuzz_status(rc, &err);
    if (rc < 0) return;
    rc = az_json_read(&again, fuzz_run, path, 1 << 24, &err);
    fuzz_status(rc, &err);
    fuzz_want(rc < 0 ? fuzz_failing : fuzz_same_json(j, again), "what was written reads the same");
    json_decref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    json_t *j, *again;
    char *text;
    size_t len;

    fuzz_begin();
    j = parse((const char *)data, n);
    look(j);
    if (j && n % 16 == 0) write_and_read(j);
    text = j ? az_json_text(fuzz_run, j, JSON_COMPACT, &len) : NULL;
    if (text) {
        again = parse(text, len);
        fuzz_want(again && fuzz_same_json(j, again), "text of a value is that value");
        json_decref(again);
    }
    fuzz_want(!j || text || fuzz_failing, "a value has a text");
    az_free(fuzz_run, text);
    json_decref(j);
    fuzz_end();
    return 0;
}

void fuzz_seeds(void)
{
    static const char doc[] = "{\"a\":[1,-2.5e10,true,false,null,\"\\u00e9\\ud83d\\ude00\\n\"],"
                              "\"b\":{\"c\":{}},\"d\":1}      ";

    static const char *const numbers[] = {
        "[9223372036854775807,9223372036854775808,-9223372036854775808,18446744073709551616]",
        "{\"a\\\"1\":99999999999999999999,\"b\":1.5e3,\"c\":1E2,\"d\":[99999999999999999999]}",
        "[99999999999999999999,99999999999999999999,99999999999999999999,x]",
        "[99999999999999999999.5,1e2,99999999999999999999",
        "[99999999999999999999,\"never closed",
        "[99999999999999999999,\"\\",
        "[1,2.25,1e999,99999999999999999999]",
    };
    char deep[400];

    fuzz_seed_damaged(doc, sizeof doc - 1, sizeof doc - 1, sizeof doc - 1);
    fuzz_seed_json_text("", doc, "");
    for (size_t n = 0; n < 16; n++)
        fuzz_seed_text(&"              []"[n]);
    for (size_t i = 0; i < AZ_COUNT(numbers); i++)
        fuzz_seed_text(numbers[i]);
    memset(deep, '[', sizeof deep);
    fuzz_seed(deep, sizeof deep);
    memset(deep, ' ', sizeof deep);
    fuzz_seed(deep, sizeof deep);
    fuzz_seed_text("{\"a\":1,\"a\":2}");
    fuzz_seed_text("{\"\\u0000\":1}");
    fuzz_seed_text("1e400");
    fuzz_seed_text("[1e400]");
    fuzz_seed_text("[123456789012345678901234567890]");
    fuzz_seed_text("{\"a\":\"\xff\"}");
    fuzz_seed_text("[-0.0,0.1,1e-300]");
}
