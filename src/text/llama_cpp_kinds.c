/* Three tokenizers that are not quite those of the libraries they are named after. Rules: llama-vocab.cpp and
 * unicode.cpp of 2026-08-18.
 *
 * SentencePiece BPE: the whole stretch is merged by the score of what a merge makes, no piece is taken apart again,
 * and what is no token becomes its bytes. Unigram: character map by longest match, user-defined tokens score 0,
 * spaces as llama.cpp writes them. WordPiece: accents go by the first character of the decomposition, every mark is
 * an accent, words start with U+2581, no limit on their length. Characters are those of Unicode 15.1.
 */
#include "text/llama_cpp_kinds.h"
#include "base/check.h"
#include "text/normalize_bert.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

#include <float.h>
#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

struct az_llama_kind {
    const char *model;
    int32_t bos, eos, unk, sep; /* where no key names them */
    bool add_bos, add_eos, always, add_prefix;
    adze_status (*init)(az_llama_vocab *v, const adze_model *m, adze_error *err);
    adze_status (*encode)(const az_llama_vocab *v, const char *s, size_t n, bool first, az_buf *out,
                          adze_error *err);
};

static const char mark[] = "\xe2\x96\x81";

static adze_status nomem(adze_error *err)
{
    return az_fail_nomem(err, "reading a tokenizer as llama.cpp does");
}

static void put_id(az_buf *out, int32_t id)
{
    az_buf_put(out, &id, sizeof id);
}

size_t az_llama_character(const char *s, size_t n)
{
    unsigned char c = (unsigned char)s[0];
    size_t len = c < 0x80 ? 1 : c < 0xc0 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf8 ? 4 : 0;

    if (len > n) return 0;
    for (size_t i = 1; i < len; i++)
        if (((unsigned char)s[i] & 0xc0) != 0x80) return 0;
    return len;
}

/* Length by the first byte alone, as its tables have it. */
static size_t step(const char *s, size_t n)
{
    unsigned char c = (unsigned char)s[0];
    size_t len = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

    return len < n ? len : n;
}

/* ---- SentencePiece BPE ---- */

typedef struct symbol {
    size_t at;
    int32_t prev, next;
    uint32_t n; /* 0: merged into another */
} symbol;

typedef struct bigram {
    float score;
    int32_t left, right;
    uint32_t n;
} bigram;

typedef struct merging {
    const az_llama_vocab *v;
    const char *s;
    symbol *sym;
    bigram *heap; /* the best first; [3 * symbols]: every merge adds at most two */
    size_t n_heap;
} merging;

static bool before(const bigram *a, const bigram *b)
{
    return a->score > b->score || (!(a->score < b->score) && a->left < b->left);
}

static void push(merging *g, bigram b)
{
    size_t i = g->n_heap++;

    for (; i && before(&b, &g->heap[(i - 1) / 2]); i = (i - 1) / 2)
        g->heap[i] = g->heap[(i - 1) / 2];
    g->heap[i] = b;
}

static bigram pop(merging *g)
{
    bigram top = g->heap[0], last = g->heap[--g->n_heap];
    size_t i = 0, k;

    while ((k = 2 * i + 1) < g->n_heap) {
        if (k + 1 < g->n_heap && before(&g->heap[k + 1], &g->heap[k])) k++;
        if (!before(&g->heap[k], &last)) break;
        g->heap[i] = g->heap[k];
        i = k;
    }
    g->heap[i] = last;
    return top;
}

static void try_pair(merging *g, int32_t left, int32_t right)
{
    const symbol *a = &g->sym[left], *b;
    int32_t id;

    if (left < 0 || right < 0) return;
    b = &g->sym[right];
    if ((size_t)a->n + b->n > g->v->longest) return;
    id = az_index_find(&g->v->names, g->s + a->at, (size_t)a->n + b->n);
    if (id >= 0) push(g, (bigram){ g->v->scores[id], left, right, a->n + b->n });
}

static void merge_all(merging *g)
{
    while (g->n_heap) {
        bigram b = pop(g);
        symbol *l = &g->sym[b.left], *r = &g->sym[b.right];
        if (!l->n || !r->n || l->n + r->n != b.n) continue;
        l->n += r->n;
        r->n = 0;
        l->next = r->next;
        if (r->next >= 0) g->sym[r->next].prev = b.left;
        if (l->prev >= 0) try_pair(g, l->prev, b.left);
        if (l->next >= 0) try_pair(g, b.left, l->next);
    }
}

/* <0x0A>, or the byte itself. */
static int32_t byte_id(const az_llama_vocab *v, unsigned char c)
{
    char text[8], self = (char)c;
    int32_t id;

    snprintf(text, sizeof text, "<0x%02X>", (unsigned)c);
    id = az_index_find(&v->names, text, 6);
    return id >= 0 ? id : az_index_find(&v->names, &self, 1);
}

static void put_symbol(const az_llama_vocab *v, const char *s, size_t n, az_buf *out)
{
    int32_t id = n <= v->longest ? az_index_find(&v->names, s, n) : -1;

    if (id >= 0) put_id(out, id);
    for (size_t i = 0; i < n && id < 0; i++)
        put_id(out, byte_id(v, (unsigned char)s[i]));
}

static adze_status merge_text(const az_llama_vocab *v, const char *s, size_t n, az_buf *out,
                              adze_error *err)
{
    merging g = { .v = v, .s = s };
    size_t count = 0;

    if (!n) return ADZE_OK;
    if (n > INT32_MAX) return az_fail(err, ADZE_EUNSUP, NULL, ADZE_NOPOS, "a text of over 2 GiB");
    g.sym = az_calloc(v->run, n, sizeof *g.sym);
    g.heap = az_calloc(v->run, 3 * n, sizeof *g.heap);
    for (size_t at = 0, len; at < n && g.sym && g.heap; at += len, count++) {
        len = step(s + at, n - at);
        g.sym[count] = (symbol){ at, (int32_t)count - 1, at + len == n ? -1 : (int32_t)count + 1,
                                 (uint32_t)len };
    }
    for (size_t i = 1; i < count; i++)
        try_pair(&g, (int32_t)i - 1, (int32_t)i);
    merge_all(&g);
    for (int32_t i = count ? 0 : -1; i >= 0; i = g.sym[i].next)
        put_symbol(v, s + g.sym[i].at, g.sym[i].n, out);
    az_free(v->run, g.sym);
    az_free(v->run, g.heap);
    return count ? ADZE_OK : nomem(err);
}

static adze_status spm_init(az_llama_vocab *v, const adze_model *m, adze_error *err)
{
    (void)v;
    (void)m;
    (void)err;
    return ADZE_OK;
}

static adze_status spm_encode(const az_llama_vocab *v, const char *s, size_t n, bool first,
                              az_buf *out, adze_error *err)
{
    adze_status rc;
    az_buf b;

    az_buf_init(&b, v->run);
    if (v->add_prefix && first) az_buf_puts(&b, mark);
    for (size_t i = 0; i < n; i++)
        if (s[i] == ' ')
            az_buf_puts(&b, mark);
        else
            az_buf_putc(&b, s[i]);
    rc = az_buf_ok(&b) ? merge_text(v, b.data, b.size, out, err) : nomem(err);
    az_buf_deinit(&b);
    return rc;
}

/* ---- Unigram ---- */

static bool type_is(const az_llama_vocab *v, size_t id, int type)
{
    return v->types ? v->types[id] == type : type == AZ_TT_NORMAL;
}

/* A trie of the tokens of some types (bits 1 << type); 0: of all. */
static adze_status index_tokens(const az_llama_vocab *v, unsigned types, az_trie *t,
                                adze_error *err)
{
    az_trie_key *keys = az_calloc(v->run, v->n + 1, sizeof *keys);
    size_t n = 0;
    adze_status rc;

    if (!keys) return nomem(err);
    for (size_t id = 0; id < v->n; id++) {
        int32_t type = v->types ? v->types[id] : AZ_TT_NORMAL;
        if (!types || (type >= 0 && type <= AZ_TT_BYTE && types >> type & 1))
            keys[n++] = (az_trie_key){ v->text[id], (int32_t)id };
    }
    rc = az_trie_init(t, v->run, keys, n, err);
    az_free(v->run, keys);
    return rc;
}

static adze_status ugm_init(az_llama_vocab *v, const adze_model *m, adze_error *err)
{
    const az_kv *map = az_kv_find(&m->kv, "tokenizer.ggml.precompiled_charsmap");
    const unsigned user = 1u << AZ_TT_USER, kept = user | 1u << AZ_TT_NORMAL | 1u << AZ_TT_UNUSED;
    float least = FLT_MAX;
    adze_status rc = ADZE_OK;

    for (size_t id = 0; id < v->n; id++)
        if (type_is(v, id, AZ_TT_NORMAL) && v->scores[id] < least) least = v->scores[id];
    v->unk_score = least - 10;
    if (map && (map->type != AZ_KV_ARR || (map->elem != AZ_KV_U8 && map->elem != AZ_KV_I8)))
        return az_fail_name(err, ADZE_EFORMAT, m->path, map->key, ADZE_NOPOS,
                            "is not an array of bytes");
    if (map)
        rc = az_charsmap_read(&v->map, &v->arena, map->v.arr.data, (size_t)map->v.arr.n, m->path,
                              map->key, err);
    if (rc == ADZE_OK) rc = index_tokens(v, kept, &v->words, err);
    return rc == ADZE_OK ? index_tokens(v, user, &v->user, err) : rc;
}

/* What the text at s becomes, and how much of it that takes. */
static az_str mapped(const az_llama_vocab *v, const char *s, size_t n, size_t *used)
{
    const char *to;

    if (az_trie_longest(&v->user, s, n, used) >= 0) return (az_str){ s, *used };
    to = az_charsmap_longest(&v->map, s, n, used);
    if (to) return (az_str){ to, strlen(to) };
    *used = az_llama_character(s, n);
    if (*used) return (az_str){ s, *used };
    *used = 1;
    return (az_str){ "\xef\xbf\xbd", 3 };
}

static void ugm_normalize(const az_llama_vocab *v, const char *s, size_t n, az_buf *out)
{
    bool word = false, put = false;

    for (size_t at = 0, used; at < n; at += used) {
        az_str p = mapped(v, s + at, n - at, &used);
        for (size_t i = 0; i < p.n; i++) {
            bool space = p.s[i] == ' ';
            if (space ? !v->remove_extra : !word && ((v->add_prefix && !put) || v->remove_extra))
                az_buf_puts(out, mark);
            if (!space) {
                put = put || !word;
                az_buf_putc(out, p.s[i]);
            }
            word = !space;
        }
    }
}

typedef struct best {
    double score;
    size_t from;
    int32_t id;
} best;

static void challenge(best *b, double score, size_t from, int32_t id)
{
    if (score > b->score) *b = (best){ score, from, id };
}

static void find_best(const az_llama_vocab *v, const char *s, size_t n, best *b)
{
    for (size_t i = 0; i <= n; i++)
        b[i] = (best){ i ? -DBL_MAX : 0, 0, v->unk };
    for (size_t at = 0, len; at < n; at += len) {
        bool whole = false;
        int32_t node = 0;
        len = step(s + at, n - at);
        for (size_t i = at;
             i < n && (node = az_trie_step(&v->words, node, (unsigned char)s[i])) >= 0; i++) {
            int32_t id = v->words.nodes[node].value;
            if (id < 0) continue;
            whole = whole || i + 1 - at == len;
            challenge(&b[i + 1],
                      b[at].score +
                          (type_is(v, (size_t)id, AZ_TT_USER) ? 0.0 : (double)v->scores[id]),
                      at, id);
        }
        if (!whole) challenge(&b[at + len], b[at].score + (double)v->unk_score, at, v->unk);
    }
}

static adze_status ugm_encode(const az_llama_vocab *v, const char *s, size_t n, bool first,
                              az_buf *out, adze_error *err)
{
    size_t k = 0;
    int32_t *ids;
    az_buf norm;
    best *b;

    (void)first;
    az_buf_init(&norm, v->run);
    ugm_normalize(v, s, n, &norm);
    b = az_calloc(v->run, norm.size + 1, sizeof *b);
    ids = az_calloc(v->run, norm.size + 1, sizeof *ids);
    if (az_buf_ok(&norm) && b && ids && norm.size) {
        find_best(v, norm.data, norm.size, b);
        for (size_t at = norm.size; at; at = b[at].from)
            if (!(k && ids[k - 1] == v->unk && b[at].id == v->unk)) ids[k++] = b[at].id;
        while (k)
            put_id(out, ids[--k]);
    }
    if (!az_buf_ok(&norm) || !b || !ids) {
        az_free(v->run, b);
        b = NULL;
    }
    az_free(v->run, ids);
    az_buf_deinit(&norm);
    if (!b) return nomem(err);
    az_free(v->run, b);
    return ADZE_OK;
}

/* ---- WordPiece ---- */

static const struct {
    uint32_t first, last;
} controls[] = { /* Unicode's Cc, Cf, Co and Cs */
                 { 0x0, 0x1f },        { 0x7f, 0x9f },        { 0xad, 0xad },
                 { 0x600, 0x605 },     { 0x61c, 0x61c },      { 0x6dd, 0x6dd },
                 { 0x70f, 0x70f },     { 0x890, 0x891 },      { 0x8e2, 0x8e2 },
                 { 0x180e, 0x180e },   { 0x200b, 0x200f },    { 0x202a, 0x202e },
                 { 0x2060, 0x2064 },   { 0x2066, 0x206f },    { 0xd800, 0xf8ff },
                 { 0xfeff, 0xfeff },   { 0xfff9, 0xfffb },    { 0x110bd, 0x110bd },
                 { 0x110cd, 0x110cd }, { 0x13430, 0x1343f },  { 0x1bca0, 0x1bca3 },
                 { 0x1d173, 0x1d17a }, { 0xe0001, 0xe0001 },  { 0xe0020, 0xe007f },
                 { 0xf0000, 0xffffd }, { 0x100000, 0x10fffd }
};

static bool is_control(uint32_t c)
{
    for (size_t i = 0; i < AZ_COUNT(controls) && c >= controls[i].first; i++)
        if (c <= controls[i].last) return true;
    return false;
}

/* The first character of its decomposition: a Hangul syllable keeps its leading consonant only. */
static uint32_t base_of(uint32_t c)
{
    utf8proc_int32_t d[32];
    int bound = 0;

    if (c < 0x80 || c > 0x10ffff) return c;
    return utf8proc_decompose_char((utf8proc_int32_t)c, d, 32, UTF8PROC_DECOMPOSE, &bound) > 0
               ? (uint32_t)d[0]
               : c;
}

static adze_status wpm_init(az_llama_vocab *v, const adze_model *m, adze_error *err)
{
    v->lower = true;
    az_kv_bool(&m->kv, "tokenizer.ggml.normalizer.lowercase", &v->lower);
    v->strip = v->lower;
    az_kv_bool(&m->kv, "tokenizer.ggml.normalizer.strip_accents", &v->strip);
    return index_tokens(v, 0, &v->words, err);
}

/* The longest tokens that make up a word; one unknown token where they do not. */
static void put_word(const az_llama_vocab *v, az_buf *word, az_buf *out)
{
    size_t was = out->size, at = 0, len = 0;
    int32_t id = 0;

    if (word->size == sizeof mark - 1) return;
    while (at < word->size &&
           (id = az_trie_longest(&v->words, word->data + at, word->size - at, &len)) >= 0) {
        put_id(out, id);
        at += len;
    }
    if (id < 0) {
        out->size = was;
        put_id(out, v->unk);
    }
    word->size = sizeof mark - 1;
}

static void put_character(const az_llama_vocab *v, uint32_t c, az_buf *word, az_buf *out)
{
    unsigned class;
    bool alone;
    char text[4];

    if (v->strip) c = base_of(c);
    class = az_uc_class_of(c);
    if (class & AZ_UC_NEW) class = 0;
    if (class & AZ_UC_SPACE) {
        put_word(v, word, out);
        return;
    }
    if (!c || c == 0xfffd || is_control(c) || (v->strip && class & AZ_UC_M)) return;
    alone = class & AZ_UC_P || (c < 0x7f && class & AZ_UC_S) || az_is_chinese(c);
    if (v->lower) c = (uint32_t)utf8proc_tolower((utf8proc_int32_t)c);
    if (alone) put_word(v, word, out);
    az_buf_put(word, text, az_utf8_put(text, c));
    if (alone) put_word(v, word, out);
}

static adze_status wpm_encode(const az_llama_vocab *v, const char *s, size_t n, bool first,
                              az_buf *out, adze_error *err)
{
    adze_status rc;
    az_buf word;

    (void)first;
    az_buf_init(&word, v->run);
    az_buf_puts(&word, mark);
    for (size_t at = 0, len; at < n && az_buf_ok(&word) && az_buf_ok(out); at += len ? len : 1) {
        size_t used;
        len = az_llama_character(s + at, n - at);
        if (len) put_character(v, az_utf8_next(s + at, len, &used), &word, out);
    }
    if (az_buf_ok(&word) && az_buf_ok(out)) put_word(v, &word, out);
    rc = az_buf_ok(&word) ? ADZE_OK : nomem(err);
    az_buf_deinit(&word);
    return rc;
}

/* ---- the kinds ---- */

static const az_llama_kind kinds[] = {
    { "llama", 1, 2, 0, -1, true, false, false, true, spm_init, spm_encode },
    { "t5", -1, 1, 2, -1, false, true, false, false, ugm_init, ugm_encode },
    { "bert", 101, -1, 100, 102, true, false, true, false, wpm_init, wpm_encode },
};

static const az_llama_kind *kind_of(const char *model)
{
    for (size_t i = 0; model && i < AZ_COUNT(kinds); i++)
        if (strcmp(kinds[i].model, model) == 0) return &kinds[i];
    return NULL;
}

bool az_llama_kind_known(const char *model)
{
    return kind_of(model) != NULL;
}

/* An id outside the vocabulary is not taken. */
static int32_t special(const az_llama_vocab *v, const adze_model *m, const char *key, int32_t id)
{
    int64_t given;

    if (id >= 0 && (size_t)id >= v->n) id = -1;
    if (az_kv_int(&m->kv, key, &given) && given >= 0 && (uint64_t)given < v->n) id = (int32_t)given;
    return id;
}

static adze_status read_scores(az_llama_vocab *v, const adze_model *m, adze_error *err)
{
    const az_kv *kv = az_kv_find(&m->kv, "tokenizer.ggml.scores");

    v->scores = az_arena_array(&v->arena, v->n + 1, sizeof *v->scores);
    if (!v->scores) return nomem(err);
    if (!kv) return ADZE_OK;
    if (kv->type != AZ_KV_ARR || kv->elem != AZ_KV_F32 || kv->v.arr.n < v->n)
        return az_fail_name(err, ADZE_EFORMAT, m->path, kv->key, ADZE_NOPOS,
                            "is not one 32-bit float per token");
    memcpy(v->scores, kv->v.arr.data, v->n * sizeof *v->scores);
    return ADZE_OK;
}

static adze_status read_keys(az_llama_vocab *v, const adze_model *m, adze_error *err)
{
    const az_llama_kind *k = v->kind;

    v->bos = special(v, m, "tokenizer.ggml.bos_token_id", k->bos);
    v->eos = special(v, m, "tokenizer.ggml.eos_token_id", k->eos);
    v->unk = special(v, m, "tokenizer.ggml.unknown_token_id", k->unk);
    v->sep = special(v, m, "tokenizer.ggml.seperator_token_id", k->sep);
    v->add_bos = k->add_bos;
    v->add_eos = k->add_eos;
    v->add_prefix = k->add_prefix;
    az_kv_bool(&m->kv, "tokenizer.ggml.add_bos_token", &v->add_bos);
    az_kv_bool(&m->kv, "tokenizer.ggml.add_eos_token", &v->add_eos);
    az_kv_bool(&m->kv, "tokenizer.ggml.add_space_prefix", &v->add_prefix);
    az_kv_bool(&m->kv, "tokenizer.ggml.remove_extra_whitespaces", &v->remove_extra);
    return k->init(v, m, err);
}

adze_status az_llama_vocab_init(az_llama_vocab *v, adze_run *run, const adze_model *m, az_str *text,
                                const int32_t *types, size_t n, adze_error *err)
{
    const char *model = az_kv_string(&m->kv, "tokenizer.ggml.model");
    adze_status rc;

    *v = (az_llama_vocab){
        .run = run, .kind = kind_of(model), .text = text, .types = types, .n = n
    };
    az_arena_init(&v->arena, run);
    for (size_t i = 0; i < n; i++)
        if (text[i].n > v->longest) v->longest = text[i].n;
    rc = az_index_init(&v->names, run, text, n, err);
    for (size_t i = 0; i < n && rc == ADZE_OK; i++)
        if (az_index_find(&v->names, text[i].s, text[i].n) != (int32_t)i)
            rc = az_fail_name(err, ADZE_EFORMAT, m->path, "tokenizer.ggml.tokens", ADZE_NOPOS,
                              "llama.cpp refuses the file: token %zu appears twice", i);
    if (rc == ADZE_OK) rc = read_scores(v, m, err);
    return rc == ADZE_OK ? read_keys(v, m, err) : rc;
}

void az_llama_vocab_deinit(az_llama_vocab *v)
{
    if (!v->run) return;
    az_index_deinit(&v->names);
    if (v->words.run) az_trie_deinit(&v->words);
    if (v->user.run) az_trie_deinit(&v->user);
    az_arena_deinit(&v->arena);
}

adze_status az_llama_vocab_encode(const az_llama_vocab *v, const char *s, size_t n, bool first,
                                  az_buf *out, adze_error *err)
{
    return v->kind->encode(v, s, n, first, out, err);
}

bool az_llama_vocab_around(const az_llama_vocab *v, bool front, int32_t *id)
{
    bool add = v->kind->always || (front ? v->add_bos : v->add_eos);

    *id = !add ? -1 : front ? v->bos : v->kind->always ? v->sep : v->eos;
    return !add || *id >= 0;
}
