/* A byte-level BPE vocabulary of any size: 256 bytes, then every pair of bytes, then pairs followed by a
 * byte, common letters first; the last ids are control tokens. Each merge makes a new, unique token. */
#include "synth.h"

#include "base/buf.h"

#include <stdio.h>
#include <string.h>

static const char llama3_pattern[] =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}{1,3}|"
    " ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+";
static const char qwen2_pattern[] =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}|"
    " ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+";

/* Bytes in the order in which merges use them. */
static void byte_order(unsigned char *order)
{
    static const char first[] =
        " etaoinshrdlucmfwypvbgkjqxz\nETAOINSHRDLUCMFWYPVBGKJQXZ.,0123456789";
    bool used[256] = { false };
    size_t n = 0;

    for (const char *p = first; *p; p++) {
        order[n++] = (unsigned char)*p;
        used[(unsigned char)*p] = true;
    }
    for (int b = 0; b < 256; b++)
        if (!used[b]) order[n++] = (unsigned char)b;
}

/* JSON text of the character that stands for a byte in the byte-level alphabet. */
static void put_byte(az_buf *b, unsigned char byte)
{
    unsigned cp = byte;

    if (byte < 0x21)
        cp = 0x100u + byte;
    else if (byte >= 0x7f && byte <= 0xa0)
        cp = 0x121u + byte - 0x7f;
    else if (byte == 0xad)
        cp = 0x143;
    if (cp == '"' || cp == '\\')
        az_buf_printf(b, "\\%c", (char)cp);
    else if (cp < 0x80)
        az_buf_putc(b, (char)cp);
    else
        az_buf_printf(b, "%c%c", (char)(0xc0 | cp >> 6), (char)(0x80 | (cp & 63)));
}

/* Bytes of learned token k (0 is the first after the single bytes); returns how many. */
static int token_bytes(const unsigned char *order, int k, unsigned char *out)
{
    if (k < 65536) {
        /* pairs by the larger of the two ranks, so that common letters come first */
        int n = 0, i, j;
        while ((n + 1) * (n + 1) <= k)
            n++;
        i = k - n * n;
        j = i <= n ? i : n;
        i = i <= n ? n : i - n - 1;
        out[0] = order[i];
        out[1] = order[j];
        return 2;
    }
    k -= 65536;
    token_bytes(order, k / 256, out);
    out[2] = order[k % 256];
    return 3;
}

static void put_model(az_buf *b, const unsigned char *order, int learned)
{
    unsigned char t[3];

    az_buf_puts(b, "  \"model\": {\"type\": \"BPE\", \"dropout\": null, \"unk_token\": null, "
                   "\"continuing_subword_prefix\": null, \"end_of_word_suffix\": null, "
                   "\"fuse_unk\": false, \"byte_fallback\": false, \"ignore_merges\": false,\n"
                   "   \"vocab\": {");
    for (int i = 0; i < 256; i++) {
        az_buf_puts(b, i ? ", \"" : "\"");
        put_byte(b, (unsigned char)i);
        az_buf_printf(b, "\": %d", i);
    }
    for (int k = 0; k < learned; k++) {
        int n = token_bytes(order, k, t);
        az_buf_puts(b, ", \"");
        for (int i = 0; i < n; i++)
            put_byte(b, t[i]);
        az_buf_printf(b, "\": %d", 256 + k);
    }
    az_buf_puts(b, "},\n   \"merges\": [");
    for (int k = 0; k < learned; k++) {
        int n = token_bytes(order, k, t);
        az_buf_puts(b, k ? ", [\"" : "[\"");
        for (int i = 0; i + 1 < n; i++)
            put_byte(b, t[i]);
        az_buf_puts(b, "\", \"");
        put_byte(b, t[n - 1]);
        az_buf_puts(b, "\"]");
    }
    az_buf_puts(b, "]}\n");
}

/* Text of control token i: 0 begins a text, 1 ends it. */
static const char *special(const synth_shape *s, int i, char *buf, size_t size)
{
    static const char *const usual[] = { "<|begin_of_text|>", "<|end_of_text|>" };
    static const char *const phi3[] = { "<s>", "<|endoftext|>", "</s>", "<unk>" };
    bool is_phi3 = strcmp(s->arch, "phi3") == 0; /* llama.cpp asks a model called phi3 for these */
    int named = is_phi3 ? 4 : 2;

    if (i < named) return is_phi3 ? phi3[i] : usual[i];
    snprintf(buf, size, "<|reserved_special_token_%d|>", i - named);
    return buf;
}

static void put_added(az_buf *b, const synth_shape *s)
{
    char buf[48];

    az_buf_puts(b, "  \"added_tokens\": [");
    for (int i = 0; i < s->special; i++)
        az_buf_printf(
            b,
            "%s\n   {\"id\": %d, \"content\": \"%s\", \"single_word\": false, \"lstrip\": "
            "false, \"rstrip\": false, \"normalized\": false, \"special\": true}",
            i ? "," : "", s->vocab - s->special + i, special(s, i, buf, sizeof buf));
    az_buf_puts(b, "],\n");
}

static void put_pipeline(az_buf *b, const synth_shape *s)
{
    bool qwen = strcmp(s->arch, "qwen2") == 0;
    const char *bos = special(s, 0, NULL, 0);

    az_buf_printf(b,
                  "  \"normalizer\": %s,\n  \"pre_tokenizer\": {\"type\": \"Sequence\", "
                  "\"pretokenizers\": [{\"type\": \"Split\", \"pattern\": {\"Regex\": \"%s\"}, "
                  "\"behavior\": \"Isolated\", \"invert\": false}, {\"type\": \"ByteLevel\", "
                  "\"add_prefix_space\": false, \"trim_offsets\": true, \"use_regex\": false}]},\n",
                  qwen ? "{\"type\": \"NFC\"}" : "null", qwen ? qwen2_pattern : llama3_pattern);
    if (qwen)
        az_buf_puts(b, "  \"post_processor\": null,\n");
    else
        az_buf_printf(
            b,
            "  \"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": "
            "[{\"SpecialToken\": {\"id\": \"%s\", \"type_id\": 0}}, {\"Sequence\": "
            "{\"id\": \"A\", \"type_id\": 0}}], \"pair\": [{\"Sequence\": {\"id\": \"A\", "
            "\"type_id\": 0}}, {\"Sequence\": {\"id\": \"B\", \"type_id\": 1}}], "
            "\"special_tokens\": {\"%s\": {\"id\": \"%s\", \"ids\": [%d], \"tokens\": "
            "[\"%s\"]}}},\n",
            bos, bos, bos, s->vocab - s->special, bos);
    az_buf_puts(b, "  \"decoder\": {\"type\": \"ByteLevel\", \"add_prefix_space\": true, "
                   "\"trim_offsets\": true, \"use_regex\": true},\n");
}

static void put_config(az_buf *b, const synth_shape *s)
{
    az_buf_puts(b, "{\"tokenizer_class\": \"PreTrainedTokenizerFast\",\n");
    if (strcmp(s->arch, "qwen2") != 0)
        az_buf_printf(b, " \"bos_token\": \"%s\",\n", special(s, 0, NULL, 0));
    az_buf_printf(b,
                  " \"eos_token\": \"%s\", \"model_max_length\": %d,\n"
                  " \"chat_template\": \"{%% for m in messages %%}{{ m.role }}: {{ m.content }}\\n"
                  "{%% endfor %%}{%% if add_generation_prompt %%}assistant:{%% endif %%}\"}\n",
                  special(s, 1, NULL, 0), s->context);
}

static adze_status write_buf(adze_run *run, const char *dir, const char *name, const az_buf *b,
                             adze_error *err)
{
    char *path = az_path_join(run, dir, name);
    adze_status rc = path && az_buf_ok(b) ? az_write_file(run, path, b->data, b->size, err)
                                          : az_fail_nomem(err, "making a tokenizer");

    az_free(run, path);
    return rc;
}

adze_status synth_write_tokenizer(adze_run *run, const synth_shape *s, const char *dir,
                                  adze_error *err)
{
    unsigned char order[256];
    adze_status rc;
    az_buf b;

    az_buf_init(&b, run);
    byte_order(order);
    az_buf_puts(&b, "{\"version\": \"1.0\", \"truncation\": null, \"padding\": null,\n");
    put_added(&b, s);
    put_pipeline(&b, s);
    put_model(&b, order, s->vocab - s->special - 256);
    az_buf_puts(&b, "}\n");
    rc = write_buf(run, dir, "tokenizer.json", &b, err);
    az_buf_clear(&b);
    put_config(&b, s);
    if (rc == ADZE_OK) rc = write_buf(run, dir, "tokenizer_config.json", &b, err);
    az_buf_deinit(&b);
    return rc;
}
