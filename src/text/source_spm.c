/* tokenizer.model: SentencePiece's ModelProto. Field numbers: sentencepiece_model.proto (2025).
 *
 * The result has the model type "SentencePiece", which keeps that library's arithmetic, and one normalizer and one
 * decoder of the same name. Control pieces become special added tokens, so that text that spells one out is
 * that one token, as in transformers; SentencePiece itself takes them for plain text.
 */
#include "base/wire.h"
#include "text/base64.h"
#include "text/source.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

#include <math.h>
#include <string.h>

enum { MODEL_UNIGRAM = 1, MODEL_BPE = 2 };

typedef struct spm {
    adze_run *run;
    const az_tok_beside *beside;
    const char *path;
    adze_error *err;
    json_t *vocab, *added;
    int64_t model_type;
    bool byte_fallback, suffix, add_prefix, remove_extra, escape;
    const uint8_t *charsmap;
    size_t charsmap_n;
    const char *unk, *unk_text; /* piece and surface of the unknown token */
    size_t unk_n, unk_text_n;
    const char *bos, *eos; /* texts of the control pieces <s> and </s>, or NULL */
    int64_t bos_id, eos_id;
} spm;

static adze_status bad(const spm *s, uint64_t pos, const char *what)
{
    return az_fail(s->err, ADZE_EFORMAT, s->path, pos, "%s", what);
}

static adze_status add_control(spm *s, const char *text, size_t n)
{
    json_int_t id = (json_int_t)json_array_size(s->vocab) - 1;
    json_t *e = json_pack("{s:s%, s:b, s:b}", "content", text, n, "special", 1, "normalized", 0);

    if (!e || json_array_append_new(s->added, e))
        return az_fail_nomem(s->err, "reading a tokenizer.model");
    if (n == 3 && memcmp(text, "<s>", 3) == 0) {
        s->bos = "<s>";
        s->bos_id = id;
    }
    if (n == 5 && memcmp(text, "<bos>", 5) == 0) {
        s->bos = "<bos>";
        s->bos_id = id;
    }
    if (n == 4 && memcmp(text, "</s>", 4) == 0) {
        s->eos = "</s>";
        s->eos_id = id;
    }
    return ADZE_OK;
}

static adze_status read_piece(spm *s, const az_wire_field *outer)
{
    const char *text = NULL;
    int64_t type = AZ_TT_NORMAL;
    az_wire_field f;
    float score = 0;
    json_t *item;
    size_t n = 0;
    az_wire w;

    az_wire_sub(&w, outer);
    while (az_wire_next(&w, &f)) {
        if (f.number == 1 && f.type == AZ_WIRE_BYTES) {
            text = (const char *)f.data;
            n = f.n;
        }
        if (f.number == 2 && f.type == AZ_WIRE_32) score = az_wire_f32(&f);
        if (f.number == 3 && f.type == AZ_WIRE_VARINT)
            type = f.value > AZ_TT_BYTE ? 0 : (int64_t)f.value;
    }
    if (w.failed) return bad(s, w.base + w.at, "a piece is not a protobuf message");
    if (!n) return bad(s, outer->pos, "a piece has no text");
    if (az_utf8_prefix(text, n) != n) return bad(s, outer->pos, "a piece is not valid UTF-8");
    if (type < AZ_TT_NORMAL) return bad(s, outer->pos, "a piece has an unknown type");
    if (!isfinite(score)) return bad(s, outer->pos, "a piece's score is not a finite number");
    item = json_pack("[s%, f, I]", text, n, (double)score, (json_int_t)type);
    if (!item || json_array_append_new(s->vocab, item))
        return az_fail_nomem(s->err, "reading a tokenizer.model");
    if (type == AZ_TT_UNKNOWN) {
        s->unk = text;
        s->unk_n = n;
    }
    return type == AZ_TT_CONTROL ? add_control(s, text, n) : ADZE_OK;
}

static adze_status read_trainer(spm *s, const az_wire_field *outer)
{
    az_wire_field f;
    az_wire w;

    az_wire_sub(&w, outer);
    while (az_wire_next(&w, &f)) {
        if (f.number == 44 && f.type == AZ_WIRE_BYTES) {
            s->unk_text = (const char *)f.data;
            s->unk_text_n = f.n;
        }
        if (f.type != AZ_WIRE_VARINT) continue;
        if (f.number == 3) s->model_type = f.value > 4 ? 0 : (int64_t)f.value;
        if (f.number == 24) s->suffix = f.value != 0;
        if (f.number == 35) s->byte_fallback = f.value != 0;
    }
    return w.failed ? bad(s, w.base + w.at, "the trainer settings are not a protobuf message")
                    : ADZE_OK;
}

static adze_status read_normalizer(spm *s, const az_wire_field *outer)
{
    az_wire_field f;
    az_wire w;

    az_wire_sub(&w, outer);
    while (az_wire_next(&w, &f)) {
        if (f.number == 2 && f.type == AZ_WIRE_BYTES) {
            s->charsmap = f.data;
            s->charsmap_n = f.n;
        }
        if (f.type != AZ_WIRE_VARINT) continue;
        if (f.number == 3) s->add_prefix = f.value != 0;
        if (f.number == 4) s->remove_extra = f.value != 0;
        if (f.number == 5) s->escape = f.value != 0;
    }
    return w.failed ? bad(s, w.base + w.at, "the normalizer settings are not a protobuf message")
                    : ADZE_OK;
}

static adze_status read_proto(spm *s, const char *data, size_t n)
{
    adze_status rc = ADZE_OK;
    az_wire_field f;
    az_wire w;

    az_wire_init(&w, data, n, 0);
    while (rc == ADZE_OK && az_wire_next(&w, &f)) {
        if (f.type != AZ_WIRE_BYTES) continue;
        if (f.number == 1) rc = read_piece(s, &f);
        if (f.number == 2) rc = read_trainer(s, &f);
        if (f.number == 3) rc = read_normalizer(s, &f);
    }
    if (rc < 0) return rc;
    if (w.failed) return bad(s, w.at, "not a protobuf message");
    if (!json_array_size(s->vocab)) return bad(s, 0, "holds no pieces: not a SentencePiece model");
    if (s->model_type != MODEL_BPE && s->model_type != MODEL_UNIGRAM)
        return az_fail(s->err, ADZE_EUNSUP, s->path, ADZE_NOPOS,
                       "a SentencePiece model of type %d; only unigram and BPE are supported",
                       (int)s->model_type);
    return ADZE_OK;
}

/* T5 and its relatives end a text, Llama and its relatives begin it. */
static json_t *post_processor(const spm *s)
{
    static const char *const ends[] = { "T5", "MT5", "Pegasus", "BigBird", "Udop" };
    const char *class = az_json_str(s->beside->config, "tokenizer_class");

    for (size_t i = 0; class && i < AZ_COUNT(ends); i++)
        if (strncmp(class, ends[i], strlen(ends[i])) == 0)
            return az_tok_around(NULL, 0, s->eos, s->eos_id);
    if (!class && !s->bos) return az_tok_around(NULL, 0, s->eos, s->eos_id);
    return az_tok_around(s->bos, s->bos_id, NULL, 0);
}

static adze_status make_doc(const spm *s, json_t **out)
{
    const char *kind = s->model_type == MODEL_BPE ? "bpe" : "unigram";
    json_t *doc, *norm;
    bool legacy = false;
    az_buf map;

    az_buf_init(&map, s->run);
    az_base64_encode(&map, s->charsmap, s->charsmap_n);
    az_json_bool(s->beside->config, "legacy", &legacy);
    norm = json_pack("{s:s, s:b, s:b, s:b, s:b, s:b}", "type", "SentencePiece", "add_dummy_prefix",
                     (int)s->add_prefix, "prefix_always", (int)legacy, "remove_extra_whitespaces",
                     (int)s->remove_extra, "escape_whitespaces", (int)s->escape,
                     "treat_whitespace_as_suffix", (int)s->suffix);
    if (norm && map.size)
        json_object_set_new(norm, "precompiled_charsmap", json_stringn(map.data, map.size));
    doc =
        json_pack("{s:{s:s, s:s, s:b, s:O}, s:O, s:o, s:o, s:{s:s, s:b, s:b}}", "model", "type",
                  "SentencePiece", "model_type", kind, "byte_fallback", (int)s->byte_fallback,
                  "vocab", s->vocab, "added_tokens", s->added, "normalizer", norm, "post_processor",
                  post_processor(s), "decoder", "type", "SentencePiece", "add_dummy_prefix",
                  (int)s->add_prefix, "remove_extra_whitespaces", (int)s->remove_extra);
    if (doc && s->unk) {
        json_t *decoder = json_object_get(doc, "decoder");
        json_object_set_new(decoder, "unk_piece", json_stringn(s->unk, s->unk_n));
        json_object_set_new(decoder, "unk_surface", json_stringn(s->unk_text, s->unk_text_n));
    }
    *out = doc;
    if (!az_buf_ok(&map)) {
        json_decref(doc);
        *out = NULL;
    }
    az_buf_deinit(&map);
    return *out ? ADZE_OK : az_fail_nomem(s->err, "reading a tokenizer.model");
}

adze_status az_tok_from_spm(json_t **out, const char *data, size_t n, const az_tok_beside *b,
                            const char *path, adze_error *err)
{
    spm s = { .run = b->run,
              .beside = b,
              .path = path,
              .err = err,
              .vocab = json_array(),
              .added = json_array(),
              .model_type = MODEL_UNIGRAM,
              .add_prefix = true,
              .remove_extra = true,
              .escape = true,
              .unk_text = " \xe2\x81\x87 ",
              .unk_text_n = 5 };
    adze_status rc;

    *out = NULL;
    rc = s.vocab && s.added ? read_proto(&s, data, n)
                            : az_fail_nomem(err, "reading a tokenizer.model");
    if (rc == ADZE_OK) rc = az_tok_list_added(s.added, b, path, err);
    if (rc == ADZE_OK) rc = make_doc(&s, out);
    json_decref(s.vocab);
    json_decref(s.added);
    return rc;
}
