/* Hostile safetensors files and indexes, classes S01 to S13: headers spelled here, folders whose index lies, links and
 * pipes in place of shards, and files that shrink while they are read. */
#include "hostile/hostile.h"

#include <adze/session.h>

#define CONVERT "convert CASE OUT/o.gguf -r q8_0"
#define T(name, dtype, shape, from, to)                                                            \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" from "," to "]" \
    "}"
#define ONE(dtype, shape, from, to) "{" T("a", dtype, shape, from, to) "}"

/* --- headers: "N header", N bytes of data after it ------------------------------------------------------------ */

/* A checkpoint whose weights are a header of that length, what it says, and data. */
static void put_header(uint64_t length, const char *header, size_t n, uint64_t data)
{
    FILE *f;

    fx_copy();
    f = hs_create(fx_path("case/model.safetensors"));
    hs_le(f, length, 8);
    assert_int_equal(fwrite(header, 1, n, f), n);
    assert_int_equal(fseeko(f, (off_t)data, SEEK_CUR), 0);
    hs_close(f);
}

static void header(const hs_case *c)
{
    char *text;
    uint64_t data = strtoull(c->spec, &text, 0);

    text += *text == ' ';
    put_header(strlen(text), text, strlen(text), data);
}

/* spec: LENGTH BYTES: a header that says LENGTH in a file of so many bytes. */
static void length_only(const hs_case *c)
{
    char *text;
    uint64_t length = strtoull(c->spec, &text, 0), bytes = strtoull(text, NULL, 0);

    put_header(length, "", 0, bytes);
}

static void bytes_only(const hs_case *c)
{
    fx_copy();
    hs_write_spec(fx_path("case/model.safetensors"), c->spec);
}

/* --- headers of bulk -------------------------------------------------------------------------------------------- */

/* spec: TENSORS DIFFERENT: entries of no data, as many as fit 100 MB when there are more. */
static void many_tensors(const hs_case *c)
{
    unsigned long n = 0, different = 0, i, size = 1;
    char item[96];
    FILE *f;

    assert_int_equal(sscanf(c->spec, "%lu %lu", &n, &different), 2);
    fx_copy();
    f = hs_create(fx_path("case/model.safetensors"));
    hs_le(f, 0, 8);
    fputc('{', f);
    for (i = 0; i < n && size < 99999900; i++) {
        snprintf(item, sizeof item, "%s" T("%lu", "U8", "[0]", "0", "0"), i ? "," : "",
                 different ? i : 1);
        size += (unsigned long)fprintf(f, "%s", item);
    }
    fputc('}', f);
    assert_int_equal(fseeko(f, 0, SEEK_SET), 0);
    hs_le(f, size + 1, 8);
    assert_int_equal(fseeko(f, 0, SEEK_END), 0);
    hs_close(f);
}

/* spec: N text: text N times; as a header, or as the JSON file that the name says. */
static void repeated(const char *path, const char *spec, bool with_length)
{
    char *text;
    unsigned long n = strtoul(spec, &text, 0);
    FILE *f = hs_create(path);

    text++;
    if (with_length) hs_le(f, n * strlen(text), 8);
    for (unsigned long i = 0; i < n; i++)
        fputs(text, f);
    hs_close(f);
}

static void repeated_header(const hs_case *c)
{
    fx_copy();
    repeated(fx_path("case/model.safetensors"), c->spec, true);
}

static void repeated_config(const hs_case *c)
{
    fx_copy();
    repeated(fx_path("case/config.json"), c->spec, false);
}

static void repeated_tokenizer(const hs_case *c)
{
    fx_copy();
    repeated(fx_path("case/tokenizer.json"), c->spec, false);
}

/* --- an index and its shards -------------------------------------------------------------------------------------- */

#define INDEX "model.safetensors.index.json"
#define FIRST "case/model-00001-of-00002.safetensors"

static void shards(void)
{
    adze_error err = { 0 };

    assert_int_equal(synth_write(fx_run, &fx_shape, fx_path("case"), 1, 60000, &err), ADZE_OK);
}

/* spec: OLD > NEW in the index; "> NEW" is all of it. */
static void index_edit(const hs_case *c)
{
    const char *gt = strstr(c->spec, "> ");
    char old[400];

    shards();
    snprintf(old, sizeof old, "%.*s", (int)(gt - c->spec), c->spec);
    fx_edit(INDEX, gt == c->spec ? NULL : old, gt + 2);
}

/* spec: what takes the first shard's place. */
static void instead_of_shard(const hs_case *c)
{
    const char *path = fx_path(FIRST);

    shards();
    assert_int_equal(rename(path, fx_path("moved.safetensors")), 0);
    if (strcmp(c->spec, "pipe") == 0)
        assert_int_equal(mkfifo(path, 0600), 0);
    else if (strcmp(c->spec, "folder") == 0)
        assert_int_equal(mkdir(path, 0700), 0);
    else if (strcmp(c->spec, "none") != 0)
        assert_int_equal(symlink(c->spec, path), 0);
}

/* spec: NAME TARGET: a file of the folder becomes a link. */
static void linked(const hs_case *c)
{
    char name[64], rel[96];
    size_t n = strcspn(c->spec, " ");

    fx_copy();
    snprintf(name, sizeof name, "%.*s", (int)n, c->spec);
    snprintf(rel, sizeof rel, "case/%s", name);
    unlink(fx_path(rel));
    assert_int_equal(symlink(c->spec + n + 1, fx_path(rel)), 0);
}

/* A folder of templates that is a link to one elsewhere. */
static void linked_templates(const hs_case *c)
{
    fx_copy();
    mkdir(fx_path("elsewhere"), 0777);
    fx_write(fx_path("elsewhere/secret.jinja"), "secret", 6);
    assert_int_equal(symlink(c->spec, fx_path("case/additional_chat_templates")), 0);
}

/* clang-format off */
static const hs_case cases[] = {
    { .class = "S01", "a length of 0", "0 0", "model.safetensors|JSON object|at byte 8", .make = length_only },
    { .class = "S01", "a length of 1", "1 1", "model.safetensors|JSON object|at byte 8", .make = length_only },
    { .class = "S01", "a length above the format's limit", "150000000 200000000", "above the limit of 100000000|at byte 0", .make = length_only },
    { .class = "S01", "a length of 100000001", "100000001 100000001", "above the limit of 100000000", .make = length_only },
    { .class = "S01", "a length of 2^64 - 1", "0xffffffffffffffff 100", "goes beyond the file|at byte 0", .make = length_only },
    { .class = "S01", "a length of 2^63", "0x8000000000000000 100", "goes beyond the file", .make = length_only },
    { .class = "S01", "a length that is the file's", "108 100", "goes beyond the file's 108 bytes", .make = length_only },
    { .class = "S01", "seven bytes", "z:7", "ends inside the header length|at byte 7", .make = bytes_only },
    { .class = "S01", "no byte", "", "file is empty", .make = bytes_only },
    { .class = "S01", "zeros for a header", "100 100", "JSON object|at byte 8", .make = length_only },

    { .class = "S02", "a list", "0 []", "JSON object|at byte 8" },
    { .class = "S02", "a number", "0 12", "JSON object|at byte 8" },
    { .class = "S02", "a space first", "0  {} x", "bytes after the object" },
    { .class = "S02", "text", "0 \"{}\"", "JSON object" },
    { .class = "S02", "a byte 0xff", "0 \xff{}", "JSON object|at byte 8" },
    { .class = "S02", "a mark of byte order", "0 \xef\xbb\xbf{}", "JSON object|at byte 8" },
    { .class = "S02", "an open object", "0 {", "a string was expected" },
    { .class = "S02", "an object that closes twice", "0 {}}", "bytes after the object|at byte 10" },

    { .class = "S03", "a name that is not UTF-8", "0 {\"\xc3\x28\":1}", "UTF-8|at byte" },
    { .class = "S03", "an overlong name", "0 {\"\xc0\x80\":1}", "UTF-8" },
    { .class = "S03", "a surrogate", "0 {\"\xed\xa0\x80\":1}", "UTF-8" },
    { .class = "S03", "a character beyond the last", "0 {\"\xf4\x90\x80\x80\":1}", "UTF-8" },
    { .class = "S03", "a name that is cut off", "0 {\"\xe2\x82\":1}", "UTF-8" },
    { .class = "S03", "half a pair of escapes", "0 {\"\\ud800\":1}", "escape" },
    { .class = "S03", "a NUL as an escape", "0 {\"a\\u0000b\":1}", "escape" },
    { .class = "S03", "a line break in a name", "0 {\"a\nb\":1}", "control character" },
    { .class = "S03", "metadata that is not UTF-8", "0 {\"__metadata__\":{\"a\":\"\xff\"}}", "UTF-8" },

    { .class = "S04", "a name twice", "8 {" T("a", "F32", "[1]", "0", "4") "," T("a", "F32", "[1]", "4", "8") "}", "a: tensor appears twice" },
    { .class = "S04", "a name twice, once escaped", "8 {" T("a", "F32", "[1]", "0", "4") "," T("\\u0061", "F32", "[1]", "4", "8") "}", "a: tensor appears twice" },
    { .class = "S04", "a name twice, once empty", "4 {" T("a", "F32", "[0]", "0", "0") "," T("a", "F32", "[1]", "0", "4") "}", "a: tensor appears twice" },
    { .class = "S04", "a dtype twice", "4 {\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", "\"dtype\" appears twice" },
    { .class = "S04", "a shape twice", "4 {\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"shape\":[1],\"data_offsets\":[0,4]}}", "\"shape\" appears twice" },
    { .class = "S04", "offsets twice", "4 {\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"data_offsets\":[0,4]}}", "\"data_offsets\" appears twice" },
    { .class = "S04", "metadata twice", "0 {\"__metadata__\":{},\"__metadata__\":{}}", "__metadata__ appears twice" },

    { .class = "S05", "a hole", "12 {" T("a", "F32", "[1]", "0", "4") "," T("b", "F32", "[1]", "8", "12") "}", "b: leaves a hole" },
    { .class = "S05", "a hole at the start", "8 " ONE("F32", "[1]", "4", "8"), "a: leaves a hole" },
    { .class = "S05", "an overlap", "12 {" T("a", "F32", "[2]", "0", "8") "," T("b", "F32", "[2]", "4", "12") "}", "b: overlaps" },
    { .class = "S05", "the same data twice", "8 {" T("a", "F32", "[2]", "0", "8") "," T("b", "F32", "[2]", "0", "8") "}", "overlaps" },
    { .class = "S05", "one byte after the data", "5 " ONE("F32", "[1]", "0", "4"), "1 bytes after the last tensor" },
    { .class = "S05", "another file after the data", "100000 " ONE("F32", "[1]", "0", "4"), "99996 bytes after the last tensor" },
    { .class = "S05", "data beyond the file", "10 " ONE("F32", "[3]", "0", "12"), "a: data ends at offset 12, but the file holds 10" },
    { .class = "S05", "text after the object", "0 {} PK", "bytes after the object" },

    { .class = "S06", "an end before its begin", "8 " ONE("F32", "[0]", "8", "4"), "a: data_offsets end before" },
    { .class = "S06", "offsets that the shape does not fill", "4 " ONE("I32", "[2,2]", "0", "4"), "a: data_offsets span 4 bytes, shape and dtype need 16" },
    { .class = "S06", "a shape of 2^64", "8 " ONE("F32", "[2,18446744073709551615]", "0", "8"), "a: shape times element size overflows" },
    { .class = "S06", "a shape that wraps to 0", "0 " ONE("F32", "[4294967296,4294967296]", "0", "0"), "a: shape times element size overflows" },
    { .class = "S06", "a shape that wraps to 4", "4 " ONE("F32", "[4611686018427387905]", "0", "4"), "a: shape times element size overflows" },
    { .class = "S06", "a dimension of 2^63", "0 " ONE("U8", "[9223372036854775808,0]", "0", "0"), "a: shape times element size overflows" },
    { .class = "S06", "five dimensions", "4 " ONE("F32", "[1,1,1,1,1]", "0", "4"), "a: has 5 dimensions" },
    { .class = "S06", "a million dimensions", "1000000 1,", "model.safetensors|JSON object", .make = repeated_header },

    { .class = "S07", "F4, half a byte each", "1 " ONE("F4", "[3]", "0", "1"), "a: has dtype F4" },
    { .class = "S07", "F4 of an even number", "2 " ONE("F4", "[4]", "0", "2"), "a: has dtype F4" },
    { .class = "S07", "F6_E2M3", "3 " ONE("F6_E2M3", "[4]", "0", "3"), "a: has dtype F6_E2M3" },
    { .class = "S07", "F6_E3M2 that ends inside a byte", "1 " ONE("F6_E3M2", "[1]", "0", "1"), "a: has dtype F6_E3M2" },
    { .class = "S07", "complex numbers", "8 " ONE("C64", "[1]", "0", "8"), "a: has dtype C64" },
    { .class = "S07", "an unknown dtype", "4 " ONE("F31", "[1]", "0", "4"), "a: has the unknown dtype \"F31\"" },
    { .class = "S07", "a dtype of a thousand letters", "4 " ONE("F3232323232323232323232323232323232323232323232323232323232323232323232", "[1]", "0", "4"), "a: has the unknown dtype" },
    { .class = "S07", "a dtype that is a number", "4 {\"a\":{\"dtype\":32,\"shape\":[1],\"data_offsets\":[0,4]}}", "a string was expected|at byte" },

    { .class = "S08", "a length for 10^7 tensors", "600000000 600000010", "above the limit of 100000000", .make = length_only },
    { .class = "S08", "as many as 100 MB of header hold", "10000000 1", "model.safetensors|more than the 1048576 tensors|at byte", .make = many_tensors, .megabytes = 450 },
    { .class = "S08", "a million that are one", "1000000 0", "1: tensor appears twice", .make = many_tensors, .megabytes = 600 },
    { .class = "S08", "10^5, of which no model has any", "100000 1", "case", .make = many_tensors, .megabytes = 120 },
    { .class = "S08", "10^5 that are one", "100000 0", "1: tensor appears twice", .make = many_tensors },
    { .class = "S08", "100 MB of commas", "50000000 ,,", "JSON object|at byte 8", .make = repeated_header, .megabytes = 150 },
    { .class = "S08", "100 MB of spaces", "50000000   ", "JSON object|at byte 100000", .make = repeated_header, .megabytes = 150 },

    { .class = "S09", "10^8 brackets", "100000000 [", "JSON object|at byte 8", .make = repeated_header, .megabytes = 150 },
    { .class = "S09", "10^8 braces", "100000000 {", "a string was expected|at byte", .make = repeated_header, .megabytes = 150 },
    { .class = "S09", "an entry of 10^6 lists", "1 {\"a\":", "must be an object", .make = repeated_header },
    { .class = "S09", "10^7 brackets for a config", "10000000 [", "config.json: JSON nested deeper than 256|at byte 256", .make = repeated_config },
    { .class = "S09", "10^6 objects in each other for a config", "1000000 {\"a\":", "config.json: JSON nested deeper than 256", .make = repeated_config },
    { .class = "S09", "10^7 empty lists for a config", "10000000 [],", "config.json: more than 4194304 values", .make = repeated_config },
    { .class = "S09", "a config of 70 MB", "7000000 [1,2,3,4] ", "config.json: is 70000000 bytes long", .make = repeated_config },
    { .class = "S09", "10^8 brackets for a tokenizer", "100000000 [", "tokenizer.json: JSON nested deeper than 256", .make = repeated_tokenizer, .megabytes = 200 },

    { .class = "S10", "1e3", "1000 " ONE("U8", "[1000]", "0", "1e3"), "a whole number was expected|at byte" },
    { .class = "S10", "4.0", "4 " ONE("F32", "[1]", "0", "4.0"), "a whole number was expected" },
    { .class = "S10", "-0", "4 " ONE("F32", "[1]", "-0", "4"), "unsigned whole number|at byte" },
    { .class = "S10", "-4", "4 " ONE("F32", "[1]", "-4", "0"), "unsigned whole number" },
    { .class = "S10", "04", "4 " ONE("F32", "[1]", "0", "04"), "whole number" },
    { .class = "S10", "+4", "4 " ONE("F32", "[1]", "0", "+4"), "whole number" },
    { .class = "S10", "0x4", "4 " ONE("F32", "[1]", "0", "0x4"), "a list does not end" },
    { .class = "S10", "2^64", "8 " ONE("F32", "[2]", "0", "18446744073709551616"), "a number above 64 bits" },
    { .class = "S10", "a number of 40 digits", "8 " ONE("F32", "[2]", "0", "1000000000000000000000000000000000000000"), "a number above 64 bits" },
    { .class = "S10", "text", "8 " ONE("F32", "[2]", "0", "\"8\""), "whole number" },
    { .class = "S10", "three offsets", "4 {\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,4]}}", "[begin, end]" },

    { .class = "S11", "a list", "0 {\"__metadata__\":[]}", "__metadata__ must be an object of strings|at byte" },
    { .class = "S11", "a number in it", "0 {\"__metadata__\":{\"a\":1}}", "__metadata__ must be an object of strings" },
    { .class = "S11", "an object in it", "0 {\"__metadata__\":{\"a\":{}}}", "__metadata__ must be an object of strings" },
    { .class = "S11", "a null in it", "0 {\"__metadata__\":{\"a\":null}}", "__metadata__ must be an object of strings" },
    { .class = "S11", "a boolean for it", "0 {\"__metadata__\":true}", "__metadata__ must be an object of strings" },
    { .class = "S11", "text for it", "0 {\"__metadata__\":\"pt\"}", "__metadata__ must be an object of strings" },
    { .class = "S11", "an open end", "0 {\"__metadata__\":{\"a\":\"b\"", "does not end" },

    { .class = "S12", "a shard above the folder", "model-00001> ../model-00001", "plain file name", 3, index_edit },
    { .class = "S12", "an absolute shard", "\"model-00001> \"/etc/model-00001", "plain file name", 3, index_edit },
    { .class = "S12", "a shard in a folder", "\"model-00001> \"sub/model-00001", "plain file name", 3, index_edit },
    { .class = "S12", "a shard called dot dot", "\"model-00001-of-00002.safetensors> \"..", "plain file name", 3, index_edit },
    { .class = "S12", "a shard with a backslash", "\"model-00001> \"..\\\\model-00001", "plain file name", 3, index_edit },
    { .class = "S12", "a shard of no name", "\"model-00001-of-00002.safetensors> \"", "plain file name", 3, index_edit },
    { .class = "S12", "a shard that is not there", "model-00001-of-00002> model-00009-of-00002", "model-00009-of-00002.safetensors", 3, index_edit },
    { .class = "S12", "a tensor in another shard", "\"model.norm.weight\": \"model-00002> \"model.norm.weight\": \"model-00001", "model.norm.weight: is in|but the index says", 3, index_edit },
    { .class = "S12", "a tensor in no shard", "\"model.norm.weight\"> \"model.norm.other\"", "model.norm", 3, index_edit },
    { .class = "S12", "a number for a shard", "\"model.norm.weight\": \"model-00002-of-00002.safetensors\"> \"model.norm.weight\": 2", "model.norm.weight: its file must be a string", 3, index_edit },
    { .class = "S12", "no map", "\"weight_map\"> \"weights\"", "index.json: weight_map", 3, index_edit },
    { .class = "S12", "an empty index", "> ", "index.json: file is empty", 3, index_edit },
    { .class = "S12", "an empty map", "> {\"weight_map\": {}}", "index.json: weight_map", 3, index_edit },
    { .class = "S12", "a shard that links elsewhere", "../moved.safetensors", "outside its folder", 3, instead_of_shard },
    { .class = "S12", "a shard that links to a secret", "/etc/passwd", "outside its folder", 3, instead_of_shard },
    { .class = "S12", "a shard that links to a device", "/dev/zero", "outside its folder", 3, instead_of_shard },
    { .class = "S12", "a shard that links to itself", "model-00001-of-00002.safetensors", "model-00001-of-00002.safetensors", 1, instead_of_shard },
    { .class = "S12", "a shard that is a pipe", "pipe", "regular file", 3, instead_of_shard },
    { .class = "S12", "a shard that is a folder", "folder", "regular file", 3, instead_of_shard },
    { .class = "S12", "a shard that is gone", "none", "model-00001-of-00002.safetensors", 3, instead_of_shard },
    { .class = "S12", "a config that links to a secret", "config.json /etc/passwd", "config.json: links to a place outside its folder", 3, linked },
    { .class = "S12", "a tokenizer that links to a secret", "tokenizer.json /etc/passwd", "tokenizer.json: links to a place outside its folder", 3, linked },
    { .class = "S12", "a template that links to a secret", "chat_template.jinja /etc/passwd", "chat_template.jinja: links to a place outside its folder", 3, linked },
    { .class = "S12", "weights that link to a secret", "model.safetensors ../good/model.safetensors", "model.safetensors: links to a place outside its folder", 3, linked },
    { .class = "S12", "a folder of templates that is elsewhere", "../elsewhere", "secret.jinja: links to a place outside its folder", 3, linked_templates },
};
/* clang-format on */

/* --- S13: the file becomes shorter between two reads ------------------------------------------------------------ */

/* A third of the file is left, cut in the middle of a page. */
static void shrink(const char *path)
{
    az_stat st;

    assert_int_equal(az_stat_path(fx_run, path, &st, NULL), ADZE_OK);
    assert_int_equal(truncate(path, (off_t)(st.size_bytes / 3) | 1), 0);
}

static int64_t (*real_pread)(void *user, int fd, void *dst, size_t n, uint64_t at);
static int reads_left;

static int64_t shrinking_pread(void *user, int fd, void *dst, size_t n, uint64_t at)
{
    if (reads_left-- == 0) shrink(fx_path("case/model.safetensors"));
    return real_pread(user, fd, dst, n, at);
}

/* Streaming: whatever was read before, an error that names the file and where it ends, and no output. */
static void shrinks_while_converted(void **state)
{
    static const int after[] = { 8, 9, 10, 11, 12, 14 };

    (void)state;
    real_pread = fx_run->io.pread;
    for (size_t i = 0; i < AZ_COUNT(after); i++) {
        az_convert_opts opts = { .to = "gguf", .recipe = "q8_0" };
        adze_error err = { .pos = ADZE_NOPOS };
        adze_status rc;
        fx_copy();
        reads_left = after[i];
        fx_run->io.pread = shrinking_pread;
        rc = az_convert(fx_run, fx_path("case"), fx_path("out.gguf"), &opts, NULL, &err);
        fx_run->io.pread = real_pread;
        assert_true(reads_left < 0);
        if (rc != ADZE_EFORMAT || !strstr(err.path, "model.safetensors") || err.pos == ADZE_NOPOS)
            fail_msg("after %d reads: %d %s: %s", after[i], rc, err.path, err.msg);
        if (fx_count("out.gguf")) fail_msg("after %d reads: left output behind", after[i]);
    }
}

/* Mapped: no signal, but an error of the pass that met the end; the next pass fails as well. */
static void shrinks_while_mapped(void **state)
{
    static const struct {
        const char *file;
        int passes; /* before it shrinks; -1: before the session begins */
    } rows[] = { { "model.safetensors", -1 }, { "model.safetensors", 0 },
                 { "model.safetensors", 1 },  { "case.gguf", -1 },
                 { "case.gguf", 0 },          { "case.gguf", 2 } };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(rows); i++) {
        bool gguf = strcmp(rows[i].file, "case.gguf") == 0;
        char model[160], path[192];
        adze_error err = { .pos = ADZE_NOPOS };
        const int32_t token = 1;
        adze_session *s = NULL;
        adze_status rc;
        adze_model *m;
        float logits[300];

        fx_copy();
        snprintf(model, sizeof model, "%s/%s", fx_root, gguf ? "case.gguf" : "case");
        snprintf(path, sizeof path, "%s%s", model, gguf ? "" : "/model.safetensors");
        if (gguf)
            assert_int_equal(az_convert(fx_run, fx_path("case"), model, NULL, NULL, &err), ADZE_OK);
        assert_int_equal(adze_model_open(&m, fx_run, model, &err), ADZE_OK);
        if (rows[i].passes < 0) shrink(path);
        rc = adze_session_new(&s, fx_run, m, NULL, &err);
        for (int k = 0; k < rows[i].passes && rc == ADZE_OK; k++)
            rc = adze_session_eval(s, &token, 1, logits, &err);
        if (rows[i].passes >= 0) {
            assert_int_equal(rc, ADZE_OK);
            shrink(path);
            for (int k = 0; k < 2; k++) {
                err = (adze_error){ .pos = ADZE_NOPOS };
                rc = adze_session_eval(s, &token, 1, logits, &err);
                assert_int_equal(rc, ADZE_EFORMAT);
            }
        }
        if (rc != ADZE_EFORMAT || !strstr(err.path, rows[i].file) || !strstr(err.msg, "shorter"))
            fail_msg("row %zu: %d %s: %s", i, rc, err.path, err.msg);
        adze_session_free(s);
        adze_model_close(m);
        unlink(fx_path("case.gguf"));
    }
}

/* --- what must be read, and the same cut off at every byte --------------------------------------------------------- */

static const struct {
    const char *header;
    size_t data;
} fine[] = {
    { ONE("F32", "[2]", "0", "8"), 8 },
    { "{}\r\n \t", 0 },
    { ONE("I32", "[2,0]", "0", "0"), 0 },
    { ONE("F32", "[]", "0", "4"), 4 },
    { "{" T("a", "F32", "[1]", "4", "8") "," T("b", "F32", "[1]", "0", "4") "}", 8 },
    { "{\"__metadata__\":{\"format\":\"pt\",\"\\u00e9\":\"\\ud83d\\ude00\"}}", 0 },
};

static void cut(const char *model, const char *file, size_t size)
{
    for (size_t n = size; n-- > 0;) {
        adze_error err = { .pos = ADZE_NOPOS };
        adze_model *m;
        adze_status rc;
        assert_int_equal(truncate(file, (off_t)n), 0);
        rc = adze_model_open(&m, fx_run, model, &err);
        if ((rc != ADZE_EFORMAT && rc != ADZE_EUNSUP) || m || !err.msg[0] || !err.path[0])
            fail_msg("%s cut to %zu bytes: status %d %s", file, n, rc, err.msg);
    }
}

static void cut_everywhere(void **state)
{
    static const char *const docs[] = { "config.json", "tokenizer.json", "tokenizer_config.json",
                                        "generation_config.json" };
    char file[192], folder[160];
    size_t n;

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(fine); i++) {
        adze_error err = { .pos = ADZE_NOPOS };
        adze_model *m;
        FILE *f;
        snprintf(file, sizeof file, "%s/a.safetensors", fx_root);
        f = hs_create(file);
        hs_le(f, strlen(fine[i].header), 8);
        fputs(fine[i].header, f);
        assert_int_equal(fseeko(f, (off_t)fine[i].data, SEEK_CUR), 0);
        hs_close(f);
        if (adze_model_open(&m, fx_run, file, &err) < 0) fail_msg("%zu: %s", i, err.msg);
        adze_model_close(m);
        cut(file, file, 8 + strlen(fine[i].header) + fine[i].data);
    }
    for (size_t i = 0; i < AZ_COUNT(docs); i++) {
        char *text;
        fx_copy();
        snprintf(folder, sizeof folder, "%s/case", fx_root);
        snprintf(file, sizeof file, "%s/%s", folder, docs[i]);
        text = fx_read(file, &n);
        while (n && (text[n - 1] == '\n' || text[n - 1] == ' '))
            n--; /* without its last line break a document is still whole */
        az_free(fx_run, text);
        cut(folder, file, n);
    }
}

static const hs_table table = {
    cases, AZ_COUNT(cases), "S01", "S13", header, CONVERT, "inspect CASE/model.safetensors"
};

static void hostile_files(void **state)
{
    (void)state;
    hs_check_table(&table);
}

static void classes_are_complete(void **state)
{
    static const char *const shrunk[12] = { "S13", "S13", "S13", "S13", "S13", "S13",
                                            "S13", "S13", "S13", "S13", "S13", "S13" };

    (void)state;
    hs_check_classes(&table, shrunk, AZ_COUNT(shrunk));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_are_complete),    cmocka_unit_test(cut_everywhere),
        cmocka_unit_test(shrinks_while_converted), cmocka_unit_test(shrinks_while_mapped),
        cmocka_unit_test(hostile_files),
    };

    return cmocka_run_group_tests(tests, fx_start, fx_stop);
}
