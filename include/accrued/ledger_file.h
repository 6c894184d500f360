/* ledger_file.h: a ledger's local file, looked at from outside. Room: ledger. Read-only.
 *
 * For people and tools: `accrued ledger`. Reads through pread and takes no lock, so a worker may
 * have the file; what it writes meanwhile may look like damage, then is_in_use says to read again.
 * Frames come in the order of the file. One thread. Layout: docs/ledger.md. */
#ifndef ACCRUED_LEDGER_FILE_H
#define ACCRUED_LEDGER_FILE_H

#include "accrued/block.h"
#include "accrued/posting.h"

struct ledger_file;

struct ledger_file_facts {
    uint32_t format_version;
    uint32_t partition;
    uint32_t partition_count;
    uint64_t size_bytes; /* as a directory shows it: most of it may be holes */
    uint64_t disk_bytes; /* that it takes */
    bool is_in_use;      /* a worker has it */
};

/* NULL: *fault says why it is not a ledger file that this build reads. */
struct ledger_file *ledger_file_open(const char *path, struct ledger_file_facts *ret_facts,
                                     struct fault *fault);
void ledger_file_close(struct ledger_file *file);
/* Begins at the first frame again. */
void ledger_file_rewind(struct ledger_file *file);

enum ledger_frame_kind { LEDGER_FRAME_BLOCK, LEDGER_FRAME_MARK, LEDGER_FRAME_FREED };
/* "block", "mark", "freed" */
const char *ledger_frame_kind_name(enum ledger_frame_kind kind);

struct ledger_frame {
    enum ledger_frame_kind kind;
    uint64_t place; /* in the file */
    uint64_t size;  /* with its header */
    int64_t mark;   /* LEDGER_FRAME_MARK: offset of the topic */
    struct block_view block;
    /* Entries of the block that are their line's newest; 0 before ledger_file_learn. */
    size_t live_count;
    uint64_t live_bytes;
};

/* Blocks are valid until the next call. LEDGER_FILE_DOUBT: *fault names the place; a worker would
 * cut the file there. */
enum ledger_file_step { LEDGER_FILE_FRAME, LEDGER_FILE_END, LEDGER_FILE_DOUBT };
enum ledger_file_step ledger_file_next(struct ledger_file *file, struct ledger_frame *ret_frame,
                                       struct fault *fault);

/* Reads the file once, up to its end or a doubt, and remembers which entries are the newest of
 * their lines (24 bytes a line and more). Then begins at the first frame again. */
void ledger_file_learn(struct ledger_file *file);
size_t ledger_file_line_count(const struct ledger_file *file);

/* An entry of the block that ledger_file_next gave last. program_index counts in the block's own
 * table of programs. */
struct ledger_file_entry {
    struct line_state state;
    uint64_t place;
    size_t size;
    bool is_newest;
};
/* Takes the next one. `cursor` begins as cursor_of the block's entries; the state borrows from the
 * block and the arena. false: there is none. */
bool ledger_file_entry(const struct ledger_file *file, const struct ledger_frame *frame,
                       struct cursor *cursor, struct arena *arena,
                       struct ledger_file_entry *ret_entry);

#endif
