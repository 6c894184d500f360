/* inquiries.h: a question about one line, put to the lane that has it. Room: lane.
 *
 * The page's thread must not touch a ledger: it leaves the question here, and the lane that owns
 * the customer's partition answers between two transactions. One question at a time; a round of a
 * lane pays one atomic read while there is none. The answer is HTML, made by the lane. Asking: one
 * thread. Answering: lanes. */
#ifndef ACCRUED_INQUIRIES_H
#define ACCRUED_INQUIRIES_H

#include "accrued/buffer.h"

#include <pthread.h>
#include <stdatomic.h>

#define INQUIRY_ID_SIZE_MAX 1024
#define INQUIRY_LANE_COUNT_MAX 256

enum inquiry_state {
    INQUIRY_NONE,
    INQUIRY_PUT,      /* waits for its lane */
    INQUIRY_TAKEN,    /* a lane is at it */
    INQUIRY_ANSWERED, /* and the answer has not been fetched */
};

struct inquiries {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    _Atomic uint64_t open; /* number of the question that waits for its lane; 0: none */
    /* Under the lock. */
    enum inquiry_state state;
    uint64_t number; /* of the last question */
    int64_t put_at_ms;
    char customer_id[INQUIRY_ID_SIZE_MAX]; /* folded */
    size_t customer_size;
    char line_id[INQUIRY_ID_SIZE_MAX]; /* folded */
    size_t line_size;
    size_t lane_count;
    bool has_declined[INQUIRY_LANE_COUNT_MAX]; /* lanes that do not own the partition */
    struct buffer answer;
};

void inquiries_init(struct inquiries *inquiries, size_t lane_count);
/* Nobody asks and no lane runs any more. */
void inquiries_release(struct inquiries *inquiries);

enum inquiry_result {
    INQUIRY_DONE,     /* the answer was appended */
    INQUIRY_LATER,    /* it has been put; ask again, with the same ids */
    INQUIRY_BUSY,     /* another question is at it */
    INQUIRY_GIVEN_UP, /* no lane took it in INQUIRY_MS_MAX; it is withdrawn */
};
/* A lane that waits for the world (Redis, the broker) takes no question. */
#define INQUIRY_MS_MAX 5000

/* Puts the question unless it has been put before. Whoever puts it waits for the answer, at most
 * that long; whoever comes back for it does not wait. Ids are folded, of 1 to INQUIRY_ID_SIZE_MAX
 * bytes. */
enum inquiry_result inquiries_ask(struct inquiries *inquiries, struct text customer_id,
                                  struct text line_id, int64_t patience_ms, struct buffer *to);

/* For lanes. Is there a question that this lane has not seen? */
static inline bool inquiries_are_new(const struct inquiries *inquiries, uint64_t seen) {
    uint64_t open = atomic_load_explicit(&inquiries->open, memory_order_relaxed);
    return open != 0 && open != seen;
}

struct inquiry {
    uint64_t number;
    char customer_id[INQUIRY_ID_SIZE_MAX];
    size_t customer_size;
    char line_id[INQUIRY_ID_SIZE_MAX];
    size_t line_size;
};
/* The open question, without taking it. false: there is none any more. */
bool inquiries_look(struct inquiries *inquiries, struct inquiry *ret_inquiry);
/* The partition is another lane's, or another process's. A lane that was built anew may say so
 * twice. */
void inquiries_decline(struct inquiries *inquiries, uint64_t number, size_t lane);
/* false: it has been withdrawn, or another lane was faster. */
bool inquiries_take(struct inquiries *inquiries, uint64_t number);
void inquiries_answer(struct inquiries *inquiries, uint64_t number, struct text html);

#endif
