/* Many sequences through one model at once: they join and leave between passes.
 *
 * A pass takes one row of each sequence that is writing, and fills up with chunks of prompts that are still read, in the order of
 * their arrival. A request is let in when a sequence is free and the cache has room for all that it may write, so that what has begun
 * can end. Whole pages of prompts and answers are remembered: a request that begins with the same tokens takes them over, where the
 * model's states allow it. A sequence's logits have the same bits as if it ran alone.
 */
#ifndef AZ_INFER_BATCH_H
#define AZ_INFER_BATCH_H

#include <adze/session.h>
#include <stdbool.h>

typedef struct az_batch az_batch;

/* Why a request left. Neither callback may call into the batch. */
typedef enum az_leave {
    AZ_LEAVE_DONE,   /* next() ended it */
    AZ_LEAVE_LENGTH, /* it wrote max_tokens */
    AZ_LEAVE_CANCEL
} az_leave;

typedef struct az_request {
    const int32_t *prompt; /* [n_prompt] copied */
    size_t n_prompt;
    size_t max_tokens; /* it may write; room is kept for them */
    /* The logits [vocab] that follow what there is; chooses the next token. False: the request ends, *token is not used. Called
     * by the thread that steps. */
    bool (*next)(void *user, const float *logits, int32_t *token);
    void (*left)(void *user, az_leave why); /* NULL: nobody asks */
    void *user;
} az_request;

typedef struct az_batch_opts {
    size_t chunk; /* rows of prompts in one pass at most; 0: as many as fit */
    bool forget;  /* do not remember pages */
    bool
        prompts_first; /* nobody writes while a prompt that was let in is unread: for work without an audience */
} az_batch_opts;

typedef struct az_batch_stats {
    size_t waiting, running;
    uint64_t passes, rows; /* evaluated */
    uint64_t prompt_tokens,
        recalled_tokens; /* of requests that were let in; the second were not evaluated again */
    uint64_t new_tokens;
} az_batch_stats;

/* s: made with opts.sequences; belongs to the batch while it lives. */
adze_status az_batch_new(az_batch **out, adze_session *s, const az_batch_opts *opts,
                         adze_error *err);
void az_batch_free(az_batch *b); /* requests that are left are dropped without a word */

/* Queue a request. ADZE_EINVAL: no or bad tokens, max_tokens 0; ADZE_EFIT: it could never run. */
adze_status az_batch_add(az_batch *b, const az_request *r, uint64_t *id, adze_error *err);
/* Let a request leave, waiting or running; false: it is not there. */
bool az_batch_cancel(az_batch *b, uint64_t id);
/* Let in who fits, then one pass. Nothing to do is ADZE_OK. On an error (ADZE_ECANCEL, a file that changed) nothing has moved and the
 * same step can be tried again; ADZE_EINVAL: next() chose what is no token, and its request has left. */
adze_status az_batch_step(az_batch *b, adze_error *err);
az_batch_stats az_batch_state(const az_batch *b);

#endif
