/* ledger_state.h: the ledger's insides, shared by its files. Private to the ledger.
 *
 *   ledger.c   find, put, seal, commit, abort
 *   reading.c  entries and blocks of the log, in place or read from its file
 *   indexing.c what is in the log becomes the index
 *   pack.c     the open transaction's entries become blocks
 *   restore.c  blocks from the topic become the ledger
 *   file.c     … from the local file, and what is doubtful in it
 *   clean.c    blocks of which little is needed are written anew and dropped
 *   walk.c     every line, in the order of the log or of the keys */
#ifndef ACCRUED_LEDGER_STATE_H
#define ACCRUED_LEDGER_STATE_H

#include "accrued/entry.h"
#include "accrued/ledger.h"

#include "blocks.h"
#include "index.h"
#include "log.h"
#include "overlay.h"

/* A block of the open transaction: its bytes stand in ledger->sealed. */
struct sealed_block {
    uint64_t id;
    size_t start;
    size_t size;
    size_t entries_at; /* behind `start` */
    size_t first_item; /* of the overlay; its entries stand in their order */
    size_t item_count;
};

/* A block whose needed entries have been copied into the open transaction. */
struct victim {
    uint64_t id;
    uint64_t position;
};

/* An entry of a block that is being taken in. */
struct read_entry {
    uint64_t hash;
    uint32_t at;     /* behind the block's first entry */
    uint32_t before; /* so many bytes say its size */
    uint32_t size;
};

struct ledger {
    const struct programs *programs;
    struct block_log log;
    struct block_table table;
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
    struct buffer entry;  /* … that was read last from a file */
    struct buffer block;  /* the same of a block, … */
    uint64_t block_at;    /* … which stands here; 0: none */
    struct text found;    /* the entry that a search ended with, … */
    uint64_t found_at;    /* … and its place; 0: none, or it may not be the newest any more */
    struct buffer sealed;
    struct read_entry *read;
    size_t read_count;
    size_t read_capacity;
    struct sealed_block *blocks;
    size_t block_count;
    size_t block_capacity;
    struct ledger_position sealed_position;
    struct ledger_rerate rerate;        /* as committed */
    struct ledger_rerate sealed_rerate; /* of the open transaction */
    bool is_news;                       /* of the header: a block is wanted for it alone */
    int32_t horizon;                    /* as committed */
    uint64_t sweep; /* closed lines in blocks before this position have become stubs, or stand among
                       too many others */
    uint64_t swept; /* `sweep` as committed */
    struct victim *victims; /* blocks that the open transaction cleans away */
    size_t victim_count;
    size_t victim_capacity;
    uint64_t scan;      /* of the file: what is before has been taken in */
    uint64_t loaded_id; /* newest block that came from the file; 0: none */
    uint64_t loaded_incarnation;
    int64_t mark;        /* all its blocks stand below, −1: unknown */
    int64_t newest_from; /* … and the newest of them at or behind it */
    bool is_proven;      /* the topic has shown a block that the file's newest leads to */
    bool is_marked;      /* nothing was appended since */
    bool is_broken;      /* the file could not be written, or not be read */
    struct fault broken;
};

/* pack.c: all pending entries into ledger->sealed and ledger->blocks. Block ids go up and are never
 * used again, aborted ones included. */
void ledger_pack(struct ledger *ledger, size_t block_size_max);

/* reading.c: the entry at a position in the log, until the next one is read. false: the file cannot
 * be read, the ledger is broken. */
bool ledger_entry_at(struct ledger *ledger, uint64_t position, struct text *ret_entry);
/* A block, until another one is read. false as above. */
bool ledger_block_at(struct ledger *ledger, uint64_t position, size_t size, struct text *ret_block);
bool ledger_parse_block(struct ledger *ledger, const struct block_info *info,
                        struct block_view *ret_view);
struct text ledger_key_in(struct text entry);
/* The bytes of an entry with its size in front. */
size_t ledger_stored_size(struct text entry);
/* While much is taken in, up to a place: what is mapped of the file counts as memory of ours. */
void ledger_rest(const struct ledger *ledger, uint64_t before, uint64_t now);
/* The file cannot be used any more. Returns false. */
bool ledger_break(struct ledger *ledger, const struct fault *fault);
/* The state behind an entry, in ledger->scratch. */
void ledger_unpack(struct ledger *ledger, struct text entry, struct line_state *ret_state);
/* Gives a program its number, a new one behind the others. */
uint32_t ledger_number_of(struct ledger *ledger, struct text program_id);
/* Numbers for all configured programs, and the way back. */
void ledger_bind_programs(struct ledger *ledger);
/* indexing.c: does the block hold as many whole entries as it says? They stand in ledger->read. */
bool ledger_read_entries(struct ledger *ledger, const struct block_view *view);
/* Points the index at every entry of the block read last, which stands in the log at `position`. */
void ledger_index_block(struct ledger *ledger, uint64_t position, size_t size,
                        const struct block_view *view);
/* The same for a block that was sealed here: its entries and their hashes stand in the overlay. */
void ledger_index_sealed(struct ledger *ledger, uint64_t position,
                         const struct sealed_block *block);
/* Appends an entry that stands packed in ledger->packed to the open transaction; it replaces the
 * one at a place in the log. */
void ledger_put_packed(struct ledger *ledger, struct overlay_origin origin);
/* Forgets everything that the log held. */
void ledger_forget(struct ledger *ledger);

/* restore.c: takes in a block. With `is_logged` it stands in the log already, at `position`. */
enum block_verdict {
    BLOCK_TAKEN,
    BLOCK_DOUBTFUL, /* damaged, out of order, of another ledger: a file's is cut off here */
    BLOCK_REFUSED,  /* the configuration does not fit it: nothing may go on */
};
enum block_verdict ledger_take_in(struct ledger *ledger, struct text block, bool is_logged,
                                  uint64_t position, struct fault *fault);

/* Headers carry how far a re-rate walk has come as three big-endian numbers: the block id that it
 * has reached, its head, the lines that it could not rate. Nothing reached, nothing unrated: null.
 */
#define REACHED_SIZE 24
struct text reached_text(struct ledger_rerate rerate, char to[REACHED_SIZE]);

#endif
