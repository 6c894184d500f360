/* explanation.h: why a line yields what it yields, or nothing, as facts. Room: encode. Pure.
 *
 * Holds together what the ledger has, what the rules give today and how they came to it (trace.h),
 * and what has been published; explanation_json.c writes it for tools, the observe room for people.
 * Everything is borrowed. Rules: accrual-model.md §6 and §7. */
#ifndef ACCRUED_EXPLANATION_H
#define ACCRUED_EXPLANATION_H

#include "accrued/buffer.h"
#include "accrued/posting.h"
#include "accrued/trace.h"

/* A place in a topic; partition −1: a line of the file `topic`. */
struct explained_place {
    struct text topic;
    int32_t partition;
    int64_t offset;
};

/* One published record of the line. */
struct explained_delta {
    struct explained_place place;
    bool is_forgone;
    struct text program_id;
    struct text partner_mpn_id; /* null: no_link */
    struct text reason;         /* NEW_LINE … or the forgone reason */
    struct text rerate_id;
    struct text billing_period;
    struct text currency;
    int64_t sequence; /* 0: forgone */
    int64_t line_revision;
    struct measure measure;
    struct rate rate;
    struct amount amount;
    struct amount cumulative; /* accruals */
    struct explained_place source;
    bool has_provenance; /* accrued_at, source and reference_hash: not in the offline form */
    int64_t accrued_at_ms;
    uint64_t reference_hash;
};

/* A dead letter that may be of the line. */
struct explained_letter {
    struct explained_place place;
    struct explained_place source; /* where it had come in; topic null: not said */
    struct text code;
    struct text message;
    int64_t revision; /* −1: it cannot be decoded */
    bool was_replayed;
};

/* What became of a record of the line in the input. */
enum explained_fate {
    FATE_WAITS,      /* it has not been processed */
    FATE_STANDS,     /* the ledger has this one */
    FATE_SUPERSEDED, /* another revision, or the same one from elsewhere, won */
};
const char *explained_fate_name(enum explained_fate fate);

/* A record of the line in the input. */
struct explained_record {
    struct explained_place place;
    int64_t revision;
    bool is_void;
    enum explained_fate fate;
};

/* One (program, partner): what the ledger has beside what the rules give today. */
struct explained_earner {
    struct text program_id;
    struct text partner_mpn_id;
    const struct earner *earner;        /* NULL: the ledger has nothing */
    const struct target *target;        /* NULL: the rules give nothing */
    bool agrees;                        /* rating the line again would publish nothing for it */
    bool is_sought;                     /* its deltas have been looked for */
    const struct explained_delta *last; /* its last published accrual; NULL: none was found */
    uint64_t reference_hash_now;        /* what that accrual would carry if it were made today */
};

/* The same line under other rules. */
struct explained_other {
    const char *programs; /* file names */
    const char *catalog;
    const struct programs *rules;
    const struct rating *rating; /* NULL: bad under these rules, reject says why */
    struct reject reject;
};

struct explanation {
    struct text customer_id; /* null: only the line is known, and the ledger has none */
    struct text line_id;
    struct text input_topic;
    int32_t partition;              /* of the input; −1: offline, or not known */
    const struct line_state *state; /* NULL: the ledger has no such line */
    struct text ledger;             /* the topic, the file, or null offline */
    uint64_t block_id;              /* that holds the line's newest entry; 0: not known */
    int64_t next_offset; /* of the input: what is below is in the ledger; −1: not known */
    int32_t horizon;     /* billing periods before it are closed; 0: none */
    const struct texts *customers; /* more than one has such a line: name one */

    const struct programs *programs;
    const struct catalog *catalog;
    const struct reference *customer; /* its value in the store; NULL: not looked up */
    const struct rating *rating;      /* with its trace; NULL: not rated */
    bool is_bad;                      /* the rules cannot rate it today: reject says why */
    struct reject reject;

    struct explained_earner *earners; /* by program, then partner */
    size_t earner_count;
    struct texts unconfigured; /* programs that the ledger knows and the file does not */

    bool deltas_were_sought;
    const struct explained_delta *deltas; /* in the order of the topics' partitions */
    size_t delta_count;
    bool letters_were_sought;
    const struct explained_letter *letters;
    size_t letter_count;
    bool records_were_sought;
    const struct explained_record *records;
    size_t record_count;

    const struct explained_other *other; /* NULL: no other rules */
};

/* After state, rating (with targets) and deltas: pairs what the ledger has with what the rules give
 * in explanation->earners, which live in the arena. `posting` is what rating the line again would
 * publish; `partners` has every partner of state and rating. */
void explanation_pair(struct explanation *explanation, const struct posting *posting,
                      struct partner_lookup partners, struct arena *arena);

/* Would rating the line again publish anything? */
bool explanation_agrees(const struct explanation *explanation);

/* One JSON object, without a newline. */
void explanation_append_json(struct buffer *to, const struct explanation *explanation);

#endif
