/* ledger_state.h: the ledger's insides, shared by its files. Private to the ledger.
 *
 *   ledger.c   find, put, seal, commit, abort
 *   restore.c  blocks from the topic or the file become the ledger
 *   walk.c     every line, in the order of the log or of the keys */
#ifndef ACCRUED_LEDGER_STATE_H
#define ACCRUED_LEDGER_STATE_H

#include "accrued/entry.h"
#include "accrued/ledger.h"

#include "index.h"
#include "log.h"
#include "overlay.h"

/* A block of the open transaction: its bytes stand in ledger->sealed. */
struct sealed_block {
    size_t start;
    size_t size;
};

struct ledger {
    const struct programs *programs;
    struct block_log log;
    struct line_index index;
    struct overlay overlay;
    struct block_header head;             /* of the newest block; texts live in `names` */
    struct arena names;                   /* program ids */
    size_t restored_name_count;           /* of head.programs, how many stand in restored blocks */
    uint32_t *numbers;                    /* program index → number in head.programs */
    int indexes[BLOCK_PROGRAM_COUNT_MAX]; /* number → program index, −1: not configured */
    struct arena scratch;                 /* of the last state handed out */
    struct buffer key;
    struct buffer packed; /* the entry that is being put */
    struct buffer sealed;
    struct sealed_block *blocks;
    size_t block_count;
    size_t block_capacity;
    struct ledger_position sealed_position;
    struct ledger_rerate rerate;        /* as committed */
    struct ledger_rerate sealed_rerate; /* of the open transaction */
    bool is_rerate_news;                /* a block is wanted for it alone */
};

/* The entry at a position in the log. */
struct text ledger_entry_at(const struct ledger *ledger, uint64_t position);
/* The state behind an entry, in ledger->scratch. */
void ledger_unpack(struct ledger *ledger, struct text entry, struct line_state *ret_state);
/* Gives a program its number, a new one behind the others. */
uint32_t ledger_number_of(struct ledger *ledger, struct text program_id);
/* Numbers for all configured programs, and the way back. */
void ledger_bind_programs(struct ledger *ledger);
/* Points the index at every entry of a block that stands in the log at `position`. */
bool ledger_index_block(struct ledger *ledger, uint64_t position, const struct block_view *view);

/* Headers carry the block id that a re-rate walk has reached as big-endian bytes; 0: null. */
#define REACHED_SIZE 8
struct text reached_text(uint64_t reached, char to[REACHED_SIZE]);
uint64_t reached_of(struct text text);

#endif
