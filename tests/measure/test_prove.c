/* The proof: pairs that are the same model, and changes made on purpose, each of which must be found at its place. */
#include "prove_fixture.h"

/* ---- the same model ---- */

static bool is_written(const az_recipe *r)
{
    return az_codec_get(r->base) && az_codec_get(r->base)->pack && !strstr(r->name, "iq3") &&
           !strstr(r->name, "iq2") && !strstr(r->name, "iq1");
}

static void every_recipe_is_proven(void **state)
{
    size_t n = 0;

    (void)state;
    holds(source, path_of("bf16.gguf"), ALL_BUT_LOGITS, AZ_EQUAL);
    holds(source, path_of("q8_0.gguf"), ALL_BUT_LOGITS, AZ_EQUAL);
    for (const az_recipe *r = az_recipes; r->name; r++) {
        if (!is_written(r)) continue;
        n++;
        convert(source, "r.gguf", r->name, NULL);
        holds(source, path_of("r.gguf"), AZ_PROVE_WEIGHTS | AZ_PROVE_CONFIG, AZ_EQUAL);
    }
    assert_true(n >= 13);
}

static void other_formats_are_proven(void **state)
{
    (void)state;
    holds(source, source, ALL_BUT_LOGITS, AZ_EQUAL);
    convert(path_of("bf16.gguf"), "again.gguf", "q4_k_m", NULL);
    holds(path_of("bf16.gguf"), path_of("again.gguf"), ALL_BUT_LOGITS, AZ_EQUAL);
    convert(path_of("q8_0.gguf"), "wide.gguf", "f16", NULL);
    holds(path_of("q8_0.gguf"), path_of("wide.gguf"), ALL_BUT_LOGITS, AZ_EQUAL);
    convert(source, "folder", NULL, NULL);
    holds(source, path_of("folder"), ALL_BUT_LOGITS, AZ_EQUAL);
    convert(source, "mlx", "mlx-4bit", NULL);
    holds(source, path_of("mlx"), ALL_BUT_LOGITS, AZ_WITHIN);
    convert(path_of("bf16.gguf"), "back", "keep", NULL);
    holds(path_of("bf16.gguf"), path_of("back"), ALL_BUT_LOGITS, AZ_EQUAL);
    holds(source, path_of("back"), ALL_BUT_LOGITS, AZ_EQUAL);
}

/* ---- changed documents ---- */

static void change_rope(adze_model *m)
{
    assert_true(az_kv_put_f32(&m->kv, "llama.rope.freq_base", 10001));
}

static void change_eps(adze_model *m)
{
    assert_true(az_kv_put_f32(&m->kv, "llama.attention.layer_norm_rms_epsilon", 2e-5f));
}

static void change_context(adze_model *m)
{
    assert_true(az_kv_put_u32(&m->kv, "llama.context_length", 64));
}

static az_str *strings(adze_model *m, const char *key)
{
    const az_kv *kv = az_kv_find(&m->kv, key);

    assert_non_null(kv);
    return (az_str *)(uintptr_t)kv->v.arr.data;
}

static void swap(az_str *a, az_str *b)
{
    az_str c = *a;

    *a = *b;
    *b = c;
}

static void change_vocabulary(adze_model *m)
{
    az_str *s = strings(m, "tokenizer.ggml.tokens");

    swap(&s[1000], &s[1001]);
}

static void change_merges(adze_model *m)
{
    az_str *s = strings(m, "tokenizer.ggml.merges");

    swap(&s[700], &s[701]);
}

/* The first `from` in a string key becomes `to`, of the same length. */
static void edit(adze_model *m, const char *key, const char *from, const char *to)
{
    const az_kv *kv = az_kv_find(&m->kv, key);
    char *at = kv ? strstr((char *)(uintptr_t)kv->v.str.s, from) : NULL;

    if (!at) fail_msg("%s does not hold %s", key, from);
    assert_int_equal(strlen(from), strlen(to));
    memcpy(at, to, strlen(to));
}

static void change_added(adze_model *m)
{
    edit(m, AZ_TOKENIZER_PATTERN_KEY, "\"rstrip\":false", "\"rstrip\":true ");
}

static void change_pattern(adze_model *m)
{
    edit(m, AZ_TOKENIZER_PATTERN_KEY, "{1,3}", "{1,4}");
}

static void change_template(adze_model *m)
{
    edit(m, "tokenizer.chat_template", "add_generation_prompt", "add_generation_promqt");
}

static void change_eos(adze_model *m)
{
    assert_true(az_kv_put_u32(&m->kv, "tokenizer.ggml.eos_token_id", 5));
}

static void change_bos_flag(adze_model *m)
{
    bool now;

    assert_true(az_kv_bool(&m->kv, "tokenizer.ggml.add_bos_token", &now));
    assert_true(az_kv_put_bool(&m->kv, "tokenizer.ggml.add_bos_token", !now));
}

static void change_pre(adze_model *m)
{
    const char *now = az_kv_string(&m->kv, "tokenizer.ggml.pre");
    const char *other = strcmp(now, "gpt-2") == 0 ? "qwen2" : "gpt-2";

    assert_true(az_kv_put_str(&m->kv, "tokenizer.ggml.pre", other, strlen(other)));
}

static void change_pre_unknown(adze_model *m)
{
    assert_true(az_kv_put_str(&m->kv, "tokenizer.ggml.pre", "nothing-like-it", 15));
}

static void change_sampling(adze_model *m)
{
    static const char json[] = "{\"do_sample\": true, \"temperature\": 0.123}";

    assert_true(az_kv_put_str(&m->kv, "adze.generation_config", json, sizeof json - 1));
}

static void change_pad(adze_model *m)
{
    assert_true(az_kv_put_u32(&m->kv, "tokenizer.ggml.padding_token_id", 77));
}

static void lose_template(adze_model *m)
{
    az_kv_remove(&m->kv, "tokenizer.chat_template");
}

static void changed_documents_are_found(void **state)
{
    static const struct {
        void (*change)(adze_model *m);
        const char *part, *name, *where;
    } all[] = {
        { change_rope, "config", "rope base", "10001 here" },
        { change_rope, "config", "rotary frequencies", "frequency" },
        { change_eps, "config", "norm epsilon", "2e-05 here" },
        { change_context, "config", "context", "64 here" },
        { change_vocabulary, "tokens", "vocabulary", "id 1000 is" },
        { change_merges, "tokens", "merges", "merge 700 is" },
        { change_added, "tokens", "added tokens", "rstrip is false in the reference, true here" },
        { change_pattern, "tokens", "rules", "pre_tokenizer.pretokenizers[0].pattern.Regex" },
        { change_template, "template", "source", "tion_promqt" },
        { change_template, "template", "rendered", "one question" },
        { change_eos, "template", "special tokens", "eos is" },
        { change_bos_flag, "tokens", "ids in llama.cpp", "in llama.cpp" },
        { change_pad, "template", "special tokens", "pad is" },
        { change_pre, "tokens", "ids in llama.cpp", "in llama.cpp" },
        { change_pre_unknown, "tokens", "ids in llama.cpp", "refuses" },
        { change_sampling, "template", "generation settings", "temperature" },
        { lose_template, "template", "source", "this model has none" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        convert(path_of("bf16.gguf"), "c.gguf", "keep", all[i].change);
        found(source, path_of("c.gguf"), CHEAP, all[i].part, all[i].name, all[i].where);
    }
}

/* ---- changed bytes ---- */

static void one_bit_of_a_weight(void **state)
{
    const char *path = fresh("bf16.gguf");
    az_tensor t = tensor_of(path, "blk.3.ffn_up.weight");
    uint64_t at = t.at_bytes + (uint64_t)(5 * t.shape[1] + 9) * 2;
    uint16_t w;

    (void)state;
    get(path, at, &w, 2);
    w ^= 1;
    put(path, at, &w, 2);
    found(source, path, AZ_PROVE_WEIGHTS, "weights", "blk.3.ffn_up.weight", "row 5, column 9");
    convert(path, "q.gguf", "q4_k_m", NULL); /* and through a recipe */
    holds(path, path_of("q.gguf"), AZ_PROVE_WEIGHTS, AZ_EQUAL);
}

static void one_bit_of_a_code(void **state)
{
    const char *path = fresh("q8_0.gguf");
    az_tensor t = tensor_of(path, "blk.0.attn_v.weight");
    uint64_t at =
        t.at_bytes + t.size_bytes / (uint64_t)t.shape[0] * 7 + sizeof(az_block_q8_0) * 2 + 2 + 11;
    int8_t q;

    (void)state;
    get(path, at, &q, 1);
    q ^= 1;
    put(path, at, &q, 1);
    found(source, path, AZ_PROVE_WEIGHTS, "weights", "blk.0.attn_v.weight", "row 7, column 75");
}

static void a_wrong_block_scale(void **state)
{
    const char *path = fresh("q8_0.gguf");
    az_tensor t = tensor_of(path, "blk.4.ffn_up.weight");
    uint64_t at = t.at_bytes + t.size_bytes / (uint64_t)t.shape[0] * 100;
    az_f16 d;

    (void)state;
    get(path, at, &d, 2);
    d = az_f32_to_f16(az_f16_to_f32(d) * 2);
    put(path, at, &d, 2);
    found(source, path, AZ_PROVE_WEIGHTS, "weights", "blk.4.ffn_up.weight", "row 100, column ");
}

static void swapped_rows(void **state)
{
    const char *path = fresh("bf16.gguf");
    az_tensor t = tensor_of(path, "token_embd.weight");
    size_t row = (size_t)t.shape[1] * 2;
    char *a = malloc(row), *b = malloc(row);

    (void)state;
    get(path, t.at_bytes + 300 * row, a, row);
    get(path, t.at_bytes + 301 * row, b, row);
    put(path, t.at_bytes + 300 * row, b, row);
    put(path, t.at_bytes + 301 * row, a, row);
    free(a);
    free(b);
    found(source, path, AZ_PROVE_WEIGHTS, "weights", "token_embd.weight", "row 300, column 0");
}

/* Rows of q in the order of a checkpoint folder, as a converter that forgets the permutation leaves them. */
static void q_without_its_permutation(void **state)
{
    const char *path = fresh("bf16.gguf");
    az_tensor t = tensor_of(path, "blk.2.attn_q.weight");
    az_tensor s = tensor_of(source, "model.layers.2.self_attn.q_proj.weight");
    char *data = malloc((size_t)s.size_bytes);

    (void)state;
    assert_int_equal(s.type, AZ_BF16);
    get("demo/checkpoint/model.safetensors", s.at_bytes, data, (size_t)s.size_bytes);
    put(path, t.at_bytes, data, (size_t)t.size_bytes);
    free(data);
    found(source, path, AZ_PROVE_WEIGHTS, "weights", "blk.2.attn_q.weight", "row 1, column 0");
}

static void not_a_number(void **state)
{
    const char *path = fresh("bf16.gguf");
    az_tensor t = tensor_of(path, "blk.1.attn_norm.weight");
    float nan = NAN;
    az_f16 inf = 0x7c00;

    (void)state;
    put(path, t.at_bytes + 3 * 4, &nan, 4);
    found(source, path, AZ_PROVE_WEIGHTS, "weights", "blk.1.attn_norm.weight",
          "row 0, column 3 is NaN");
    copy_file(path, path_of("nan.gguf")); /* in both: still no model */
    found(path_of("nan.gguf"), path, AZ_PROVE_WEIGHTS, "weights", "blk.1.attn_norm.weight",
          "row 0, column 3 is NaN");
    path = fresh("q8_0.gguf");
    t = tensor_of(path, "blk.1.ffn_down.weight");
    put(path, t.at_bytes, &inf, 2);
    found(source, path, AZ_PROVE_WEIGHTS, "weights", "blk.1.ffn_down.weight", "row 0, column");
}

static void a_missing_tensor(void **state)
{
    static const char name[] = "blk.1.ffn_up.weight";
    const char *path = fresh("bf16.gguf");
    char head[1 << 18], *at = NULL;

    (void)state;
    get(path, 0, head, sizeof head);
    for (size_t i = 0; i + sizeof name < sizeof head && !at; i++)
        if (memcmp(head + i, name, sizeof name - 1) == 0) at = head + i;
    if (!at) { /* the vocabulary is longer than that */
        size_t n = 0;
        char *all = NULL;
        adze_error err;
        assert_int_equal(az_read_file(run, path, 1 << 28, &all, &n, &err), ADZE_OK);
        for (size_t i = 0; i + sizeof name < n && !at; i++)
            if (memcmp(all + i, name, sizeof name - 1) == 0) at = all + i;
        assert_non_null(at);
        put(path, (uint64_t)(at - all) + 11, "q", 1);
        az_free(run, all);
    } else {
        put(path, (uint64_t)(at - head) + 11, "q", 1);
    }
    found(source, path, AZ_PROVE_WEIGHTS, "weights", "tensors", "blk.1.ffn_up.weight");
}

/* ---- another encoder ---- */

/* q8_0 with scales of its own, as another program may choose them. */
static void another_encoder(void **state)
{
    const char *path = fresh("q8_0.gguf");
    az_tensor t = tensor_of(path, "blk.0.ffn_up.weight");
    size_t n = (size_t)t.size_bytes / sizeof(az_block_q8_0);
    az_tensor from = tensor_of(source, "model.layers.0.mlp.up_proj.weight");
    az_block_q8_0 *b = malloc((size_t)t.size_bytes);
    uint16_t *w = malloc(n * 64);
    az_proof *proof;
    const az_proof_item *it;

    (void)state;
    get("demo/checkpoint/model.safetensors", from.at_bytes, w, n * 64);
    get(path, t.at_bytes, b, (size_t)t.size_bytes);
    for (size_t i = 0; i < n; i++) {
        float d = az_f16_to_f32(az_f32_to_f16(az_f16_to_f32(b[i].d) * 1.02f));
        for (size_t k = 0; k < 32; k++)
            b[i].qs[k] = (int8_t)lrintf(az_bf16_to_f32(w[i * 32 + k]) / d);
        b[i].d = az_f32_to_f16(d);
    }
    put(path, t.at_bytes, b, (size_t)t.size_bytes);
    proof = prove(source, path, AZ_PROVE_WEIGHTS);
    it = item(proof, "weights", "blk.0.ffn_up.weight");
    assert_int_equal(it->verdict, AZ_WITHIN);
    assert_true(it->largest > 0.4 && it->largest <= it->bound);
    assert_true(az_proof_holds(proof));
    az_proof_free(proof);
    b[40].qs[3] = (int8_t)(b[40].qs[3] > 0 ? b[40].qs[3] - 20 : b[40].qs[3] + 20);
    put(path, t.at_bytes, b, (size_t)t.size_bytes);
    free(b);
    free(w);
    found(source, path, AZ_PROVE_WEIGHTS, "weights", "blk.0.ffn_up.weight", "row 5, column 3:");
}

/* ---- the program ---- */

static void program_says_so(void **state)
{
    json_t *j;
    json_error_t e;
    char digest[AZ_DIGEST_SIZE];
    adze_error err;

    (void)state;
    program_expect(&p, 0, "PROVEN", "\"$ADZE\" prove demo/checkpoint \"$T/q8_0.gguf\"");
    convert(path_of("bf16.gguf"), "rope.gguf", "keep", change_rope);
    program_expect(&p, 5, "rope base",
                   "\"$ADZE\" prove demo/checkpoint \"$T/rope.gguf\" --parts config");
    program_expect(&p, 0, "checkpoint       different", "\"$ADZE\" history | head -n 1");
    program_expect(&p, 0, "prove demo/checkpoint", "\"$ADZE\" history");
    program_expect(&p, 2, "--parts",
                   "\"$ADZE\" prove demo/checkpoint \"$T/q8_0.gguf\" --parts weight");
    program_expect(&p, 3, "bytes",
                   "head -c 2000000 \"$T/q8_0.gguf\" >\"$T/cut.gguf\"; \"$ADZE\" prove "
                   "demo/checkpoint \"$T/cut.gguf\"");
    program_expect(&p, 3, NULL, "\"$ADZE\" prove \"$T/none\" \"$T/q8_0.gguf\"");
    program_run(&p, "\"$ADZE\" convert demo/checkpoint \"$T/kept.gguf\" -r q4_0 --json");
    assert_int_equal(p.code, 0);
    j = json_load_file(path_of("kept.proof.json"), 0, &e);
    assert_non_null(j);
    assert_string_equal(json_string_value(json_object_get(j, "verdict")), "proven");
    assert_int_equal(az_digest_path(run, path_of("kept.gguf"), digest, &err), ADZE_OK);
    assert_string_equal(json_string_value(json_object_get(json_object_get(j, "model"), "digest")),
                        digest);
    assert_int_equal(az_digest_path(run, source, digest, &err), ADZE_OK);
    assert_string_equal(json_string_value(
                            json_object_get(json_object_get(j, "reference"), "digest")),
                        digest);
    json_decref(j);
    program_run(&p, "\"$ADZE\" convert demo/checkpoint \"$T/unproven.gguf\" -r q4_0 --no-prove");
    assert_int_equal(p.code, 0);
    assert_int_equal(access(path_of("unproven.proof.json"), F_OK), -1);
    program_expect(&p, 0, "proven", "\"$ADZE\" convert demo/checkpoint \"$T/dir\" --to hf");
    assert_int_equal(access(path_of("dir/proof.json"), F_OK), 0);
    assert_int_equal(az_digest_path(run, path_of("dir"), digest, &err), ADZE_OK);
    j = json_load_file(path_of("dir/proof.json"), 0, &e); /* which its own digest leaves out */
    assert_string_equal(json_string_value(json_object_get(json_object_get(j, "model"), "digest")),
                        digest);
    json_decref(j);
    /* without a registry digests are computed again */
    program_expect(&p, 0, "proven",
                   "ADZE_HOME=/proc/none \"$ADZE\" convert demo/checkpoint \"$T/q.gguf\" -r q4_0");
    j = json_load_file(path_of("q.proof.json"), 0, &e);
    assert_int_equal(az_digest_path(run, source, digest, &err), ADZE_OK);
    assert_string_equal(json_string_value(
                            json_object_get(json_object_get(j, "reference"), "digest")),
                        digest);
    json_decref(j);
    program_expect(&p, 0, "s-00001-of-0000",
                   "\"$ADZE\" convert demo/checkpoint \"$T/s.gguf\" --split-size 4M");
    program_expect(&p, 2, "--prove",
                   "\"$ADZE\" convert demo/checkpoint \"$T/x.gguf\" --prove half");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_recipe_is_proven),
        cmocka_unit_test(other_formats_are_proven),
        cmocka_unit_test(changed_documents_are_found),
        cmocka_unit_test(one_bit_of_a_weight),
        cmocka_unit_test(one_bit_of_a_code),
        cmocka_unit_test(a_wrong_block_scale),
        cmocka_unit_test(swapped_rows),
        cmocka_unit_test(q_without_its_permutation),
        cmocka_unit_test(not_a_number),
        cmocka_unit_test(a_missing_tensor),
        cmocka_unit_test(another_encoder),
        cmocka_unit_test(program_says_so),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
