/* adze: running a model with the native engine: tokens in, logits or text out. */
#ifndef ADZE_SESSION_H
#define ADZE_SESSION_H

#include <stddef.h>
#include <stdint.h>
#include <adze/error.h>
#include <adze/model.h>
#include <adze/run.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct adze_tokenizer adze_tokenizer;
typedef struct adze_session adze_session;

/** Tokenizer of a model; *out is NULL on failure. Free with adze_tokenizer_free. Thread-safe to use. */
ADZE_API adze_status adze_tokenizer_new(adze_tokenizer **out, adze_run *run, const adze_model *m,
                                        adze_error *err);
ADZE_API void adze_tokenizer_free(adze_tokenizer *t);

/** What its user must know about how it was read, such as a splitting of text that had to be assumed; borrowed; NULL: nothing. */
ADZE_API const char *adze_tokenizer_warning(const adze_tokenizer *t);

/** Number of ids, the added ones counted. */
ADZE_API size_t adze_tokenizer_vocab(const adze_tokenizer *t);

/**
 * Text to token ids.
 *
 * @param text         [n] bytes, any content.
 * @param add_special  non-zero: add what the post-processor adds (such as a BOS).
 * @param ids          receives a new array of *n_ids ids; free with adze_tokens_free.
 * @return ADZE_OK, ADZE_ENOMEM, or ADZE_EUNSUP when a pattern hits its match limit.
 */
ADZE_API adze_status adze_tokenize(const adze_tokenizer *t, const char *text, size_t n,
                                   int add_special, int32_t **ids, size_t *n_ids, adze_error *err);
ADZE_API void adze_tokens_free(const adze_tokenizer *t, int32_t *ids);

/**
 * Bytes that one token stands for (may be part of a UTF-8 character); special tokens give their text.
 *
 * @return pointer to *n bytes, borrowed; NULL for an id out of range.
 */
ADZE_API const char *adze_token_bytes(const adze_tokenizer *t, int32_t id, size_t *n);

/**
 * Token ids back to text, by the rules of the tokenizer's decoder.
 *
 * @param ids           [n] ids; one out of range is ADZE_EINVAL.
 * @param skip_special  non-zero: leave control tokens out.
 * @param text          receives *n_text bytes (NUL added) that may not be UTF-8 where byte tokens are not; free with
 *                      adze_text_free.
 * @return ADZE_OK, ADZE_EINVAL, ADZE_ENOMEM.
 */
ADZE_API adze_status adze_detokenize(const adze_tokenizer *t, const int32_t *ids, size_t n,
                                     int skip_special, char **text, size_t *n_text,
                                     adze_error *err);
ADZE_API void adze_text_free(const adze_tokenizer *t, char *text);

/** Non-zero for control tokens such as BOS, which generated text leaves out. */
ADZE_API int adze_token_is_special(const adze_tokenizer *t, int32_t id);

/* What keys and values are kept in. q8_0 takes 0.53 and q4_0 0.28 of f16's bytes, at some loss (docs/speed.md). */
typedef enum adze_kv {
    ADZE_KV_AUTO, /* f32 where all of the model's matrices are f32, else f16 */
    ADZE_KV_F16,
    ADZE_KV_F32,
    ADZE_KV_Q8_0,
    ADZE_KV_Q4_0
} adze_kv;

/* Zero-initialise, then set what matters. */
typedef struct adze_session_opts {
    size_t context;      /* longest sequence in tokens; 0: the model's own limit, at most 4096 */
    size_t batch;        /* tokens evaluated at once; 0: 256 */
    int threads;         /* 0: the run's */
    adze_kv kv;          /* ADZE_EUNSUP where the model's heads do not divide into blocks of 32 */
    size_t sequences;    /* that a batch may run side by side; 0: 1 */
    size_t cache_tokens; /* that all of them together may hold; 0: sequences times context */
} adze_session_opts;

/**
 * Prepare a model for inference. All memory of the decode path is taken here.
 *
 * @param m  stays open while the session lives; several sessions may share it.
 * @return ADZE_OK; ADZE_EUNSUP for an architecture or weight type the engine does not run; ADZE_EFORMAT
 *         when tensors contradict the config; ADZE_EFIT when memory does not suffice; ADZE_ENOMEM.
 */
ADZE_API adze_status adze_session_new(adze_session **out, adze_run *run, adze_model *m,
                                      const adze_session_opts *opts, adze_error *err);
ADZE_API void adze_session_free(adze_session *s);

/** Tokens that still fit; eval beyond it is an error, never a silent shift. */
ADZE_API size_t adze_session_room(const adze_session *s);
/** Tokens evaluated so far. */
ADZE_API size_t adze_session_pos(const adze_session *s);
/** Width of the logits. */
ADZE_API size_t adze_session_vocab(const adze_session *s);
/** Forget everything after the first n tokens (n <= position). ADZE_EUNSUP where a state of the model (a
 *  convolution's) cannot be cut there; 0 and the position itself always work. */
ADZE_API adze_status adze_session_rewind(adze_session *s, size_t n, adze_error *err);

/**
 * Append tokens to a session and get the logits that follow the last one.
 *
 * @param tokens  [n] ids in [0, vocab).
 * @param n       1 .. adze_session_room(s).
 * @param logits  [vocab] f32, written on success. NULL: skip the output matmul.
 * @return ADZE_OK; ADZE_EINVAL for a bad token or n; the position is unchanged on error.
 *
 * Threads: one call at a time per session; sessions on one model run in parallel.
 * Numbers: for one instruction set, bit-identical for any thread count and any chunking of the prompt.
 */
ADZE_API adze_status adze_session_eval(adze_session *s, const int32_t *tokens, size_t n,
                                       float *logits, adze_error *err);

/** As adze_session_eval with the logits after each token: [n][vocab] f32. */
ADZE_API adze_status adze_session_eval_all(adze_session *s, const int32_t *tokens, size_t n,
                                           float *logits, adze_error *err);

/** Width of a model's hidden states and embeddings. */
ADZE_API size_t adze_session_width(const adze_session *s);

/**
 * Embeddings of texts by an encoder (bert, xlm-roberta): pooled and normalized as the model says.
 *
 * @param ids    [count] texts, each [n[i]] ids in [0, vocab), 1 .. the session's context of them.
 * @param out    [count][adze_session_width(s)] f32, written on success.
 * @return ADZE_OK; ADZE_EUNSUP when the model is no encoder; ADZE_EFIT when a text is too long; ADZE_EINVAL for
 *         a bad token or an empty text; ADZE_ENOMEM; ADZE_ECANCEL.
 *
 * Threads: one call at a time per session.
 * Numbers: a text's bits do not depend on the others, nor on the number of threads.
 */
ADZE_API adze_status adze_session_embed(adze_session *s, const int32_t *const *ids, const size_t *n,
                                        size_t count, float *out, adze_error *err);

/* Sampling settings; adze_sampling_defaults fills them from the model's generation_config. */
typedef struct adze_sampling {
    int do_sample;            /* 0: greedy, lowest id among equals */
    float temperature;        /* > 0 */
    int top_k;                /* 0: off; ties with the k-th value are kept */
    float top_p;              /* 1: off */
    float min_p;              /* 0: off */
    float repetition_penalty; /* 1: off; over prompt and output */
    uint64_t seed;
} adze_sampling;

ADZE_API void adze_sampling_defaults(adze_sampling *s, const adze_model *m);

typedef struct adze_generate_opts {
    adze_sampling sampling;
    size_t max_tokens;       /* 0: until the context is full */
    const char *const *stop; /* [n_stop] strings that end generation; not printed */
    size_t n_stop;
    int ignore_eos;
    /* Tokens to guess at most, from what followed the last time that the text went like this, and to check in one pass; 0: none.
     * The text is the same, bit for bit. ADZE_EUNSUP where a state of the model cannot be rolled back. */
    size_t speculate;
    /* Called with each piece of finished text (whole UTF-8 characters); return non-zero to stop. */
    int (*on_text)(void *user, const char *text, size_t n);
    /* Called with each token that is chosen, the one that ends the text included; may be NULL. */
    void (*on_token)(void *user, int32_t token);
    void *user;
    /* [n_before] tokens that the session holds already, for the repetition penalty; may be NULL. */
    const int32_t *before;
    size_t n_before;
} adze_generate_opts;

typedef enum adze_finish {
    ADZE_FINISH_EOS,
    ADZE_FINISH_STOP,
    ADZE_FINISH_LENGTH,
    ADZE_FINISH_USER
} adze_finish;

typedef struct adze_generate_result {
    size_t prompt_tokens, new_tokens;
    double prefill_s, decode_s;
    adze_finish finish;
    size_t guessed_tokens, accepted_tokens; /* of opts.speculate */
} adze_generate_result;

/**
 * Continue a prompt, streaming text to opts->on_text.
 *
 * @param prompt  [n_prompt] ids, appended to the session.
 * @param result  may be NULL.
 * @return ADZE_OK; ADZE_EFIT when the prompt does not fit, or the context ends before max_tokens (what was
 *         generated has been delivered, and result says how much); ADZE_EINVAL for an empty prompt or a
 *         sampling setting out of range; ADZE_ECANCEL; errors of adze_session_eval.
 *
 * End-of-sequence ids are all of generation_config's, else config's or the GGUF's; their text is not
 * delivered. Bytes that are not UTF-8 are delivered as U+FFFD.
 */
ADZE_API adze_status adze_generate(adze_session *s, const adze_tokenizer *t, const int32_t *prompt,
                                   size_t n_prompt, const adze_generate_opts *opts,
                                   adze_generate_result *result, adze_error *err);

#ifdef __cplusplus
}
#endif
#endif
