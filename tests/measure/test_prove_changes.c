/* Artifacts that were damaged, in one way each: the proof must say `different`, name the item and the place; and
 * changes that mean nothing, which must stay proven. What was made with options is the same byte for byte. */
#include "prove_fixture.h"
#include "synth.h"

/* ---- a GGUF, read and written again by the test itself ---- */

enum { OTHER_FILE = 1000 }; /* a tensor's file: q4_0.gguf */

typedef struct rewriting {
    void (*change)(adze_model *m); /* NULL: nothing */
    bool keys_reversed, tensors_reversed;
    uint32_t alignment; /* 0: 32 */
} rewriting;

static void put_u32(FILE *f, uint32_t v)
{
    assert_int_equal(fwrite(&v, 4, 1, f), 1);
}

static void put_u64(FILE *f, uint64_t v)
{
    assert_int_equal(fwrite(&v, 8, 1, f), 1);
}

static void put_str(FILE *f, const char *s, size_t n)
{
    put_u64(f, n);
    assert_int_equal(fwrite(s, 1, n, f), n);
}

static void put_kv(FILE *f, const az_kv *kv)
{
    size_t size = az_kv_elem_bytes(kv->type);
    float single = (float)(kv->type == AZ_KV_F32 ? kv->v.f : 0);

    put_str(f, kv->key, strlen(kv->key));
    put_u32(f, kv->type);
    if (kv->type == AZ_KV_STR) {
        put_str(f, kv->v.str.s, kv->v.str.n);
    } else if (kv->type == AZ_KV_ARR) {
        put_u32(f, kv->elem);
        put_u64(f, kv->v.arr.n);
        for (size_t i = 0; kv->elem == AZ_KV_STR && i < kv->v.arr.n; i++)
            put_str(f, ((const az_str *)kv->v.arr.data)[i].s,
                    ((const az_str *)kv->v.arr.data)[i].n);
        if (kv->elem != AZ_KV_STR)
            fwrite(kv->v.arr.data, az_kv_elem_bytes(kv->elem), (size_t)kv->v.arr.n, f);
    } else if (kv->type == AZ_KV_F32) {
        fwrite(&single, 4, 1, f);
    } else {
        fwrite(&kv->v, size, 1, f);
    }
}

static void put_info(FILE *f, const az_tensor *t, uint64_t at)
{
    put_str(f, t->name, strlen(t->name));
    put_u32(f, (uint32_t)t->n_dims);
    for (int i = t->n_dims - 1; i >= 0; i--)
        put_u64(f, (uint64_t)t->shape[i]);
    put_u32(f, az_type_get(t->type)->gguf_id);
    put_u64(f, at);
}

static void pad(FILE *f, size_t align)
{
    while ((size_t)ftell(f) % align)
        fputc(0, f);
}

static void rewrite(const char *src, const char *dst, const rewriting *r)
{
    size_t align = r->alignment ? r->alignment : 32;
    uint64_t at = 0;
    adze_error err;
    adze_model *m = NULL;
    FILE *f = fopen(dst, "wb");

    assert_non_null(f);
    assert_int_equal(adze_model_open(&m, run, src, &err), ADZE_OK);
    if (r->change) r->change(m);
    if (r->alignment) assert_true(az_kv_put_u32(&m->kv, "general.alignment", r->alignment));
    fwrite("GGUF", 1, 4, f);
    put_u32(f, 3);
    put_u64(f, m->n_tensors);
    put_u64(f, m->kv.n);
    for (size_t i = 0; i < m->kv.n; i++)
        put_kv(f, &m->kv.items[r->keys_reversed ? m->kv.n - 1 - i : i]);
    for (size_t i = 0; i < m->n_tensors; i++) {
        const az_tensor *t = &m->tensors[r->tensors_reversed ? m->n_tensors - 1 - i : i];
        put_info(f, t, at);
        at += (t->size_bytes + align - 1) / align * align;
    }
    pad(f, align);
    for (size_t i = 0; i < m->n_tensors; i++) {
        const az_tensor *t = &m->tensors[r->tensors_reversed ? m->n_tensors - 1 - i : i];
        char *data = malloc((size_t)t->size_bytes);
        get(t->file == OTHER_FILE ? path_of("q4_0.gguf") : m->files[t->file].path, t->at_bytes,
            data, (size_t)t->size_bytes);
        fwrite(data, 1, (size_t)t->size_bytes, f);
        free(data);
        pad(f, align);
    }
    assert_int_equal(fclose(f), 0);
    adze_model_close(m);
}

/* ---- damage to keys ---- */

static az_str *tokens(adze_model *m)
{
    const az_kv *kv = az_kv_find(&m->kv, "tokenizer.ggml.tokens");

    assert_non_null(kv);
    return (az_str *)(uintptr_t)kv->v.arr.data;
}

static void put_text(adze_model *m, const char *key, const char *text)
{
    assert_true(az_kv_put_str(&m->kv, key, text, strlen(text)));
}

/* The first `from` in a string key becomes `to`. */
static void edit(adze_model *m, const char *key, const char *from, const char *to)
{
    const az_kv *kv = az_kv_find(&m->kv, key);
    char *text, *at = kv ? strstr(kv->v.str.s, from) : NULL;
    size_t n;

    if (!at) fail_msg("%s does not hold %s", key, from);
    n = (size_t)(at - kv->v.str.s);
    text = malloc(kv->v.str.n + strlen(to) + 1);
    memcpy(text, kv->v.str.s, n);
    strcpy(text + n, to);
    strcat(text, at + strlen(from));
    put_text(m, key, text);
    free(text);
}

static void token_text(adze_model *m)
{
    tokens(m)[2000] = (az_str){ "zzqqzz", 6 };
}

static void swapped_ids(adze_model *m)
{
    az_str a = tokens(m)[1500];

    tokens(m)[1500] = tokens(m)[1501];
    tokens(m)[1501] = a;
}

static void token_type(adze_model *m)
{
    const az_kv *kv = az_kv_find(&m->kv, "tokenizer.ggml.token_type");

    ((int32_t *)(uintptr_t)kv->v.arr.data)[2] = AZ_TT_NORMAL; /* <|system|> */
}

static void added_lost(adze_model *m)
{
    edit(m, AZ_TOKENIZER_PATTERN_KEY, "{\"id\":3,",
         "{\"id\":3,\"content\":\"\",\"was\":{}},{\"id\":3,");
    edit(m, AZ_TOKENIZER_PATTERN_KEY, "\"content\":\"<|user|>\"", "\"content\":\"\"");
}

static void merges_order(adze_model *m)
{
    const az_kv *kv = az_kv_find(&m->kv, "tokenizer.ggml.merges");
    az_str *s = (az_str *)(uintptr_t)kv->v.arr.data, a = s[100];

    s[100] = s[101];
    s[101] = a;
}

static void pre_name(adze_model *m)
{
    put_text(m, "tokenizer.ggml.pre", "gpt-2");
}

static void pattern(adze_model *m)
{
    edit(m, AZ_TOKENIZER_PATTERN_KEY, "{1,3}", "{1,2}");
}

static void normalizer_dropped(adze_model *m)
{
    edit(m, AZ_TOKENIZER_PATTERN_KEY, "\"normalizer\":{\"type\":\"NFC\"}", "\"normalizer\":null");
}

static void bos_id(adze_model *m)
{
    assert_true(az_kv_put_u32(&m->kv, "tokenizer.ggml.bos_token_id", 7));
}

static void eos_id(adze_model *m)
{
    assert_true(az_kv_put_u32(&m->kv, "tokenizer.ggml.eos_token_id", 1));
}

static void add_bos(adze_model *m)
{
    assert_true(az_kv_put_bool(&m->kv, "tokenizer.ggml.add_bos_token", false));
}

static void template_byte(adze_model *m)
{
    edit(m, "tokenizer.chat_template", "| trim", "| trin");
}

static void template_newline(adze_model *m)
{
    const az_kv *kv = az_kv_find(&m->kv, "tokenizer.chat_template");
    char *text = calloc(1, kv->v.str.n + 2);

    memcpy(text, kv->v.str.s, kv->v.str.n);
    text[kv->v.str.n] = '\n';
    put_text(m, "tokenizer.chat_template", text);
    free(text);
}

static void generation(adze_model *m)
{
    edit(m, "adze.generation_config", "0.5", "0.25");
}

static void rope_theta(adze_model *m)
{
    assert_true(az_kv_put_f32(&m->kv, "llama.rope.freq_base", 10002));
}

static void norm_eps(adze_model *m)
{
    assert_true(az_kv_put_f32(&m->kv, "llama.attention.layer_norm_rms_epsilon", 1e-6f));
}

/* Eight heads of 32 fit where four of 64 were. */
static void head_count(adze_model *m)
{
    assert_true(az_kv_put_u32(&m->kv, "llama.attention.head_count", 8) &&
                az_kv_put_u32(&m->kv, "llama.attention.head_count_kv", 4) &&
                az_kv_put_u32(&m->kv, "llama.attention.key_length", 32) &&
                az_kv_put_u32(&m->kv, "llama.attention.value_length", 32) &&
                az_kv_put_u32(&m->kv, "llama.rope.dimension_count", 32));
}

static void recipe_recorded(adze_model *m)
{
    assert_true(az_kv_put_u32(&m->kv, "general.file_type", 14)); /* q4_k_s */
}

static void recipe_changes(adze_model *m)
{
    az_str s = { "pure=yes", 8 };

    assert_true(az_kv_put_strs(&m->kv, "adze.recipe.changes", &s, 1));
}

static void tokenizer_type(adze_model *m)
{
    put_text(m, "tokenizer.ggml.model", "llama");
}

/* What only pads the vocabulary becomes a word. */
static void padding(adze_model *m)
{
    az_str *s = tokens(m);
    const az_kv *kv = az_kv_find(&m->kv, "tokenizer.ggml.tokens");

    for (size_t i = 0; i < kv->v.arr.n; i++)
        if (s[i].n > 4 && memcmp(s[i].s, "[PAD", 4) == 0) {
            s[i] = (az_str){ "qqzzqq", 6 };
            ((int32_t *)(uintptr_t)az_kv_find(&m->kv, "tokenizer.ggml.token_type")->v.arr.data)[i] =
                1;
            return;
        }
    fail_msg("nothing pads the vocabulary");
}

/* ---- damage to tensors ---- */

static az_tensor *tensor(adze_model *m, const char *name)
{
    for (size_t i = 0; i < m->n_tensors; i++)
        if (strcmp(m->tensors[i].name, name) == 0) return &m->tensors[i];
    fail_msg("no %s", name);
    return NULL;
}

static void swapped_tensors(adze_model *m)
{
    az_tensor *a = tensor(m, "blk.2.attn_k.weight"), *b = tensor(m, "blk.3.attn_k.weight");
    uint64_t at = a->at_bytes;

    a->at_bytes = b->at_bytes;
    b->at_bytes = at;
}

static void output_lost(adze_model *m)
{
    az_tensor *t = tensor(m, "output.weight");

    memmove(t, t + 1, (size_t)(m->tensors + m->n_tensors - t - 1) * sizeof *t);
    m->n_tensors--;
}

static void output_renamed(adze_model *m)
{
    tensor(m, "output.weight")->name = "outpux.weight";
}

/* An output matrix of its own where the reference has the embedding: another one's rows. */
static void output_untied(adze_model *m)
{
    az_tensor *all = az_arena_array(&m->arena, m->n_tensors + 1, sizeof *all);
    az_tensor t = *tensor(m, "token_embd.weight");
    uint64_t row = t.size_bytes / (uint64_t)t.shape[0];

    memcpy(all, m->tensors, m->n_tensors * sizeof *all);
    t.name = "output.weight";
    t.at_bytes += row; /* all of them one row further, the last one from what follows */
    all[m->n_tensors++] = t;
    m->tensors = all;
}

/* The same matrix a second time is no change. */
static void output_repeated(adze_model *m)
{
    output_untied(m);
    m->tensors[m->n_tensors - 1].at_bytes = tensor(m, "token_embd.weight")->at_bytes;
}

static void weight_byte(const char *path)
{
    az_tensor t = tensor_of(path, "blk.5.ffn_down.weight");
    uint8_t c;

    get(path, t.at_bytes + 144 * 6 + 20, &c, 1); /* a q4_k or q6_k block's codes */
    c ^= 0x10;
    put(path, t.at_bytes + 144 * 6 + 20, &c, 1);
}

static void transposed(const char *path)
{
    az_tensor t = tensor_of(path, "blk.1.attn_output.weight");
    size_t n = (size_t)t.shape[0];
    uint16_t *a = malloc(n * n * 2), *b = malloc(n * n * 2);

    assert_int_equal(t.shape[1], n);
    get(path, t.at_bytes, a, n * n * 2);
    for (size_t i = 0; i < n * n; i++)
        b[i % n * n + i / n] = a[i];
    put(path, t.at_bytes, b, n * n * 2);
    free(a);
    free(b);
}

static void nan_scale(const char *path)
{
    az_tensor t = tensor_of(path, "blk.6.ffn_up.weight");
    az_f16 nan = 0x7e00;

    put(path, t.at_bytes + 34 * 3, &nan, 2); /* of q8_0's fourth block */
}

/* q4_0 instead of q8_0 in the file that says q8_0 everywhere: the reference, encoded so. */
static void coarser_type(adze_model *m)
{
    az_tensor *t = tensor(m, "blk.4.attn_v.weight");
    az_tensor from = tensor_of(path_of("q4_0.gguf"), t->name);

    *t = from;
    t->name = "blk.4.attn_v.weight";
    t->file = OTHER_FILE;
}

/* ---- the table ---- */

static const struct {
    const char *what, *ref, *model;
    void (*keys)(adze_model *m);
    void (*bytes)(const char *path);
    unsigned parts;
    const char *part, *name, *where;
} damage[] = {
    { "one weight byte", "norm", "q4_k_m.gguf", NULL, weight_byte, AZ_PROVE_WEIGHTS, "weights",
      "blk.5.ffn_down.weight", "row " },
    { "swapped tensors", "norm", "bf16.gguf", swapped_tensors, NULL, AZ_PROVE_WEIGHTS, "weights",
      "blk.2.attn_k.weight", "row 0, column 0" },
    { "transposed", "norm", "bf16.gguf", NULL, transposed, AZ_PROVE_WEIGHTS, "weights",
      "blk.1.attn_output.weight", "row 0, column 1" },
    { "NaN scale", "norm", "q8_0.gguf", NULL, nan_scale, AZ_PROVE_WEIGHTS, "weights",
      "blk.6.ffn_up.weight", "row 0, column 96 is NaN" },
    { "one token's text", "norm", "bf16.gguf", token_text, NULL, CHEAP, "tokens", "tokenizer",
      "is not in the vocabulary" },
    { "swapped ids", "norm", "bf16.gguf", swapped_ids, NULL, CHEAP, "tokens", "vocabulary",
      "id 1500" },
    { "a control token that is none", "norm", "bf16.gguf", token_type, NULL, CHEAP, "tokens",
      "ids in llama.cpp", "<|system|>" },
    { "added token lost", "norm", "bf16.gguf", added_lost, NULL, CHEAP, "tokens", "added tokens",
      "<|user|>" },
    { "order of merges", "norm", "bf16.gguf", merges_order, NULL, CHEAP, "tokens", "merges",
      "merge 100" },
    { "pre name", "norm", "bf16.gguf", pre_name, NULL, CHEAP, "tokens", "ids in llama.cpp",
      "in llama.cpp" },
    { "pattern", "norm", "bf16.gguf", pattern, NULL, CHEAP, "tokens", "rules", "pattern.Regex" },
    { "normalizer dropped", "norm", "bf16.gguf", normalizer_dropped, NULL, CHEAP, "tokens", "rules",
      "normalizer" },
    { "normalizer dropped, in ids", "norm", "bf16.gguf", normalizer_dropped, NULL, CHEAP, "tokens",
      "ids", "combining marks" },
    { "bos id", "norm", "bf16.gguf", bos_id, NULL, CHEAP, "template", "special tokens",
      "bos is 1" },
    { "eos id", "norm", "bf16.gguf", eos_id, NULL, CHEAP, "template", "special tokens",
      "eos is 0" },
    { "add_bos", "norm", "bf16.gguf", add_bos, NULL, CHEAP, "tokens", "ids in llama.cpp", "empty" },
    { "template, one byte", "norm", "bf16.gguf", template_byte, NULL, CHEAP, "template", "source",
      "trin" },
    { "template, one byte, as written", "norm", "bf16.gguf", template_byte, NULL, CHEAP, "template",
      "rendered", "one question" },
    { "template, a newline more", "norm", "bf16.gguf", template_newline, NULL, CHEAP, "template",
      "source", "byte " },
    { "generation settings", "norm", "bf16.gguf", generation, NULL, CHEAP, "template",
      "generation settings", "temperature is 0.5 in the reference, 0.25 here" },
    { "rope theta", "norm", "bf16.gguf", rope_theta, NULL, CHEAP, "config", "rope base",
      "10002 here" },
    { "norm eps", "norm", "bf16.gguf", norm_eps, NULL, CHEAP, "config", "norm epsilon",
      "1e-06 here" },
    { "head count", "norm", "bf16.gguf", head_count, NULL, CHEAP, "config", "heads",
      "4 in the reference, 8 here" },
    { "output lost", "untied", "untied.gguf", output_lost, NULL, AZ_PROVE_WEIGHTS, "weights",
      "output.weight", "row " },
    { "output renamed", "untied", "untied.gguf", output_renamed, NULL, AZ_PROVE_WEIGHTS, "weights",
      "tensors", "outpux.weight" },
    { "output untied", "norm", "bf16.gguf", output_untied, NULL, AZ_PROVE_WEIGHTS, "weights",
      "output.weight", "row 0, column 0" },
    { "a coarser type", "norm", "q8_0.gguf", coarser_type, NULL, AZ_PROVE_WEIGHTS, "weights",
      "recipe", "blk.4.attn_v.weight is q4_0, q8_0" },
    { "another recipe recorded", "norm", "q4_k_m.gguf", recipe_recorded, NULL, AZ_PROVE_WEIGHTS,
      "weights", "recipe", "q4_k_s (general.file_type 14)" },
    { "changes that are none", "norm", "q4_k_m.gguf", recipe_changes, NULL, AZ_PROVE_WEIGHTS,
      "weights", "recipe", "adze.recipe.changes" },
    { "tokenizer type", "norm", "bf16.gguf", tokenizer_type, NULL, CHEAP, "tokens",
      "ids in llama.cpp", "tokenizer.ggml.model is \"llama\", the reference needs \"gpt2\"" },
    { "padding", "padded", "padded.gguf", padding, NULL, CHEAP, "tokens", "vocabulary", "id 4095" },
};

/* Copy the demo with a normalizer and settings, so that they can get lost; and one with ids that only pad. */
static void make_sources(void)
{
    program_run(
        &p,
        "cp -r demo/checkpoint \"$T/norm\" && cd \"$T/norm\" && "
        "sed -i 's/\"normalizer\": *null/\"normalizer\":{\"type\":\"NFC\"}/' tokenizer.json && "
        "grep -q NFC tokenizer.json && "
        "printf '{\"bos_token_id\":1,\"eos_token_id\":0,\"do_sample\":true,\"temperature\":0.5}' "
        ">generation_config.json");
    assert_int_equal(p.code, 0);
}

/* Its last token goes, the row of the embedding stays. */
static void make_padded(void)
{
    const char *path = path_of("padded/tokenizer.json"), *key;
    json_t *doc, *vocab, *merges, *id;
    json_error_t e;

    program_run(&p, "cp -r \"$T/norm\" \"$T/padded\"");
    doc = json_load_file(path, 0, &e);
    vocab = json_object_get(json_object_get(doc, "model"), "vocab");
    merges = json_object_get(json_object_get(doc, "model"), "merges");
    json_object_foreach(vocab, key, id)
    {
        if (json_integer_value(id) != 4095) continue;
        json_object_del(vocab, key);
        break;
    }
    json_array_remove(merges, json_array_size(merges) - 1);
    assert_int_equal(json_dump_file(doc, path, 0), 0);
    json_decref(doc);
    convert(path_of("padded"), "padded.gguf", "keep", NULL);
}

static void make_untied(void)
{
    synth_shape s = *synth_find("llama-tiny");
    adze_error err;

    s.name = "untied";
    s.tied = false;
    assert_int_equal(synth_write(run, &s, path_of("untied"), 1, 0, &err), ADZE_OK);
    convert(path_of("untied"), "untied.gguf", "f16", NULL);
}

static int make_all(void **state)
{
    int rc = set_up(state);

    make_sources();
    make_padded();
    make_untied();
    convert(path_of("norm"), "bf16.gguf", "keep", NULL);
    convert(path_of("norm"), "q8_0.gguf", "q8_0", NULL);
    convert(path_of("norm"), "q4_0.gguf", "q4_0", NULL);
    convert(path_of("norm"), "q4_k_m.gguf", "q4_k_m", NULL);
    return rc;
}

/* Does the proof fail, and the item that should say so name the place? Says what is wrong if not. */
static bool is_found(size_t i, const az_proof *proof)
{
    const az_proof_item *it = item(proof, damage[i].part, damage[i].name);

    if (!az_proof_holds(proof) && it && it->verdict == AZ_DIFFERENT && it->where &&
        (strstr(it->where, damage[i].where) || (it->detail && strstr(it->detail, damage[i].where))))
        return true;
    print_message("NOT FOUND: %s: %s %s at \"%s\"\n", damage[i].what, damage[i].part,
                  damage[i].name, damage[i].where);
    print(proof);
    return false;
}

static void damage_is_found(void **state)
{
    char path[128];
    size_t missed = 0;

    (void)state;
    snprintf(path, sizeof path, "%s", path_of("damaged.gguf"));
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        rewriting r = { .change = damage[i].keys };
        az_proof *proof;
        rewrite(path_of(damage[i].model), path, &r);
        if (damage[i].bytes) damage[i].bytes(path);
        proof = prove(path_of(damage[i].ref), path, damage[i].parts);
        missed += !is_found(i, proof);
        az_proof_free(proof);
    }
    assert_int_equal(missed, 0);
}

/* The same in folders, changed by a shell command. */
static void damage_in_folders_is_found(void **state)
{
    static const struct {
        const char *ref, *model, *command, *says;
    } all[] = {
        { "norm", "hf", "sed -i 's/\"rope_theta\": *10000.0/\"rope_theta\": 20000.0/' config.json",
          "10000 in the reference, 20000 here" },
        { "norm", "hf",
          "sed -i 's/\"temperature\":0.5/\"temperature\":0.6/' generation_config.json",
          "temperature is 0.5 in the reference, 0.6 here" },
        { "norm", "hf", "sed -i 's/| trim/|trim/' tokenizer_config.json", "\"'content'] | trim" },
        { "norm", "hf",
          "sed -i 's/\"eos_token\": *\"<|endoftext|>\"/\"eos_token\":\"<|end|>\"/' "
          "tokenizer_config.json",
          "eos is 0 \"<|endoftext|>\" in the reference, 5 \"<|end|>\" here" },
        { "norm", "hf", "sed -i 's/{\"type\":\"NFC\"}/null/' tokenizer.json",
          "normalizer: {\"type\":\"NFC\"} in the reference, nothing here" },
        { "norm", "hf", "printf '\\177' | dd of=model.safetensors bs=1 seek=9000001 conv=notrunc",
          "row " },
        { "norm", "mlx",
          "yes | head -c 99 | dd of=model.safetensors bs=1 seek=1200000 conv=notrunc", "row " },
        { "norm", "mlx",
          "sed -i 's/\"tie_word_embeddings\": *true/\"tie_word_embeddings\": false/' config.json",
          "lm_head" },
        { "window", "slides",
          "sed -i 's/\"sliding_window\": *64/\"sliding_window\": 32/' config.json",
          "64 in the reference, 32 here" },
    };
    char command[600];
    adze_error err;

    (void)state;
    assert_int_equal(synth_write(run, synth_find("mistral-tiny"), path_of("window"), 1, 0, &err),
                     ADZE_OK);
    convert(path_of("norm"), "hf", "keep", NULL);
    convert(path_of("norm"), "mlx", "mlx-4bit", NULL);
    convert(path_of("window"), "slides", "keep", NULL);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        snprintf(
            command, sizeof command,
            "rm -rf \"$T/d\"; cp -r \"$T/%s\" \"$T/d\"; (cd \"$T/d\" && %s) 2>/dev/null; diff -rq "
            "\"$T/%s\" \"$T/d\" >/dev/null && exit 99; "
            "\"$ADZE\" prove \"$T/%s\" \"$T/d\" --parts tokens,template,config,weights | tr -s ' "
            "\\n' ' '; "
            "\"$ADZE\" prove \"$T/%s\" \"$T/d\" --parts tokens,template,config,weights >/dev/null",
            all[i].model, all[i].command, all[i].model, all[i].ref, all[i].ref);
        program_expect(&p, 5, all[i].says, command);
    }
}

/* ---- what means nothing ---- */

static void rename_model(adze_model *m)
{
    put_text(m, "general.name", "Something Else 7B");
    put_text(m, "general.description", "another description");
    put_text(m, "some.key.of.its.owner", "x");
}

static void what_means_nothing_is_proven(void **state)
{
    static const struct {
        const char *what, *model;
        rewriting r;
    } all[] = {
        { "as it is", "q4_k_m.gguf", { NULL, false, false, 0 } },
        { "keys in another order", "q4_k_m.gguf", { NULL, true, false, 0 } },
        { "tensors in another order", "q4_k_m.gguf", { NULL, false, true, 0 } },
        { "an alignment of 128", "q4_k_m.gguf", { NULL, false, false, 128 } },
        { "an alignment of 8", "q8_0.gguf", { NULL, false, false, 8 } },
        { "a name and a description", "q8_0.gguf", { rename_model, false, false, 0 } },
        { "the embedding twice", "bf16.gguf", { output_repeated, false, false, 0 } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        print_message("%s\n", all[i].what);
        rewrite(path_of(all[i].model), path_of("same.gguf"), &all[i].r);
        holds(path_of("norm"), path_of("same.gguf"), ALL_BUT_LOGITS, AZ_ELSEWHERE);
    }
    program_expect(&p, 0, "PROVEN",
                   "\"$ADZE\" convert \"$T/norm\" \"$T/s.gguf\" -r q4_k_m --split-size 2M -q && "
                   "\"$ADZE\" prove \"$T/norm\" \"$T\"/s-00001-of-*.gguf --parts tokens,weights");
}

/* ---- made with options ---- */

static void what_was_asked_is_proven(void **state)
{
    static const char *const all[] = {
        "-r q4_k_m --imatrix \"$T/im.gguf\"",
        "-r q2_k --imatrix \"$T/im.gguf\"",
        "-r iq4_xs --imatrix \"$T/im.gguf\" --pure",
        "-r q4_k_m --pure",
        "-r q4_k_m --tensor-type ffn_down=q8_0 --tensor-type attn_k=f16",
        "-r q5_k_s --output-tensor-type q8_0",
        "-r q5_k_s --token-embedding-type q3_k",
        "-r q8_0 --override-kv llama.rope.freq_base=float:500000 --override-kv my.key=str:x",
        "-r q8_0 --override-kv tokenizer.ggml.add_bos_token=bool:false",
        "-r q8_0 --override-kv 'tokenizer.chat_template=str:{{ messages }}'",
    };
    char command[700];

    (void)state;
    program_expect(
        &p, 0, NULL,
        "\"$ADZE\" calibrate demo/checkpoint --text demo/heldout.txt --chunks 2 --chunk 64 "
        "-o \"$T/im.gguf\"");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const char *made = strstr(all[i], "--imatrix"), *keys = strstr(all[i], "--override-kv");
        snprintf(
            command, sizeof command,
            "rm -f \"$T/o.gguf\"; \"$ADZE\" convert demo/checkpoint \"$T/o.gguf\" --prove full %s",
            all[i]);
        program_expect(&p, 0, "proven", command);
        snprintf(command, sizeof command,
                 "\"$ADZE\" prove demo/checkpoint \"$T/o.gguf\" %s %s --json --parts "
                 "tokens,template,config,weights | grep -c '\"verdict\": \"within bound\"'",
                 made ? "--imatrix \"$T/im.gguf\"" : "", keys ? keys : "");
        program_expect(&p, 1, "0", command); /* byte for byte: grep finds none */
        if (!keys) continue;
        program_expect(
            &p, 5,
            strstr(all[i], "chat_template") ? "source"
            : strstr(all[i], "add_bos")     ? "flags that add a BOS"
                                            : "rope base",
            "\"$ADZE\" prove demo/checkpoint \"$T/o.gguf\" --json --parts tokens,config,template");
        program_expect(&p, 5, "has not the value that was asked for",
                       "\"$ADZE\" prove demo/checkpoint \"$T/o.gguf\" --parts config "
                       "--override-kv my.other=int:5");
    }
}

/* An added token that comes first keeps its id when a GGUF becomes a folder. */
static void first_added_tokens_keep_their_ids(void **state)
{
    (void)state;
    convert(path_of("bf16.gguf"), "folder", "keep", NULL);
    holds(path_of("norm"), path_of("folder"), ALL_BUT_LOGITS, AZ_EQUAL);
    program_expect(&p, 0, "1 2 ", "printf '<|system|>a' | \"$ADZE\" tokenize \"$T/folder\"");
}

/* ---- real frameworks, played by small ones ---- */

static void real_frameworks(void **state)
{
    (void)state;
    program_run(&p, "mkdir -p \"$T/none/tokenizers\" \"$T/other/tokenizers\" \"$T/bin\"; "
                    "echo 'raise ImportError(\"not here\")' >\"$T/none/tokenizers/__init__.py\"; "
                    "cat >\"$T/other/tokenizers/__init__.py\" <<'E'\n"
                    "import os\n"
                    "__version__ = '0'\n"
                    "print('noise')\n"
                    "class Tokenizer:\n"
                    "    @staticmethod\n"
                    "    def from_file(path):\n"
                    "        open(path).close()\n"
                    "        return Tokenizer()\n"
                    "    def no_truncation(self): pass\n"
                    "    def no_padding(self): pass\n"
                    "    def encode(self, text):\n"
                    "        how = os.environ['HOW']\n"
                    "        if how == 'throw': raise ValueError('will not')\n"
                    "        if how == 'exit': os._exit(3)\n"
                    "        self.ids = [7] * (1 if how == 'seven' else 9 * len(text) + 9000)\n"
                    "        return self\n"
                    "E\n"
                    "printf '#!/bin/sh\\necho \"[1, 5]\"\\n' >\"$T/bin/llama-tokenize\"; "
                    "chmod +x \"$T/bin/llama-tokenize\"");
    assert_int_equal(p.code, 0);
    program_expect(&p, 6, "no package tokenizers",
                   "PYTHONPATH=\"$T/none\" \"$ADZE\" prove demo/checkpoint demo/checkpoint --parts "
                   "tokens --with tokenizers");
    program_expect(
        &p, 5, "in tokenizers on the reference, [",
        "HOW=seven PYTHONPATH=\"$T/other\" \"$ADZE\" prove demo/checkpoint \"$T/bf16.gguf\" "
        "--json --parts tokens --with tokenizers");
    program_expect(
        &p, 5, "ValueError: will not",
        "HOW=throw PYTHONPATH=\"$T/other\" \"$ADZE\" prove demo/checkpoint \"$T/bf16.gguf\" "
        "--json --parts tokens --with tokenizers");
    program_expect(
        &p, 5, "bytes of ids for a text of",
        "HOW=many PYTHONPATH=\"$T/other\" \"$ADZE\" prove demo/checkpoint \"$T/bf16.gguf\" "
        "--json --parts tokens --with tokenizers");
    program_expect(
        &p, 5, "ids in tokenizers",
        "HOW=exit PYTHONPATH=\"$T/other\" \"$ADZE\" prove demo/checkpoint \"$T/bf16.gguf\" "
        "--json --parts tokens --with tokenizers");
    program_expect(
        &p, 0, "[.. 5] in the program",
        "PATH=\"$T/bin:$PATH\" \"$ADZE\" prove \"$T/norm\" \"$T/bf16.gguf\" --json --parts "
        "tokens --with llama.cpp");
    program_expect(&p, 6, "llama-tokenize is not in $PATH",
                   "PATH=/usr/bin:/bin \"$ADZE\" prove \"$T/norm\" \"$T/bf16.gguf\" --json --parts "
                   "tokens --with llama.cpp");
    program_expect(
        &p, 5, "the model is no GGUF",
        "\"$ADZE\" prove demo/checkpoint demo/checkpoint --json --parts tokens --with llama.cpp");
    program_expect(&p, 2, "--with",
                   "\"$ADZE\" prove demo/checkpoint demo/checkpoint --parts tokens --with spacy");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damage_is_found),
        cmocka_unit_test(damage_in_folders_is_found),
        cmocka_unit_test(what_means_nothing_is_proven),
        cmocka_unit_test(what_was_asked_is_proven),
        cmocka_unit_test(real_frameworks),
        cmocka_unit_test(first_added_tokens_keep_their_ids),
    };

    return cmocka_run_group_tests(tests, make_all, tear_down);
}
