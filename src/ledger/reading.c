/* What stands in the log: in place where it is in memory, else read. A file is not mapped for it,
 * as a look-up far from the one before would map and let go of 64 KiB for 200 bytes. */
#include "ledger_state.h"

#include "accrued/require.h"

/* Holds nearly every entry; a longer one is read again. */
#define ENTRY_READ_SIZE 512
/* Entries that are taken in are compared with older ones anywhere in the file. Every page that was
 * let go of comes back then, at a hundred times what a comparison costs: it is done seldom. */
#define REST_BYTES (UINT64_C(256) << 20)

bool ledger_break(struct ledger *ledger, const struct fault *fault) {
    if (!ledger->is_broken) {
        ledger->is_broken = true;
        ledger->broken = *fault;
    }
    return false;
}

/* Somebody else writes to the file, or the disk does not keep what was written. */
static bool break_at(struct ledger *ledger, uint64_t position, const char *what) {
    struct fault fault;
    REQUIRE(ledger->log.path != NULL);
    fault_set(
        &fault,
        "ledger file %s: at byte %llu is no %s any more; the topic has everything: remove the "
        "file, and start again",
        ledger->log.path, (unsigned long long)position, what);
    return ledger_break(ledger, &fault);
}

bool ledger_entry_at(struct ledger *ledger, uint64_t position, struct text *ret_entry) {
    size_t room = LOG_WINDOW_SIZE - position % LOG_WINDOW_SIZE;
    bool is_whole = log_is_at_hand(&ledger->log) || room <= ENTRY_READ_SIZE;
    size_t size = is_whole ? room : ENTRY_READ_SIZE;
    ledger->found_at = 0;
    for (int attempt = 0; attempt < 2; attempt++) {
        struct fault fault;
        struct text bytes;
        if (!log_read(&ledger->log, position, size, &ledger->entry, &bytes, &fault)) {
            return ledger_break(ledger, &fault);
        }
        struct cursor from = cursor_of(bytes.data, bytes.size);
        uint64_t entry_size = cursor_varint(&from);
        size_t before = bytes.size - cursor_left(&from);
        if (from.bad || entry_size == 0 || entry_size > room - before) {
            break;
        }
        if (entry_size <= cursor_left(&from)) {
            *ret_entry = (struct text){(const char *)from.data, (size_t)entry_size};
            return true;
        }
        size = before + (size_t)entry_size;
    }
    return break_at(ledger, position, "entry");
}

bool ledger_block_at(struct ledger *ledger, uint64_t position, size_t size,
                     struct text *ret_block) {
    bool is_at_hand = log_is_at_hand(&ledger->log);
    if (!is_at_hand && ledger->block_at == position && ledger->block.size == size) {
        *ret_block = buffer_text(&ledger->block);
        return true;
    }
    struct fault fault;
    ledger->block_at = 0;
    if (!log_read(&ledger->log, position, size, &ledger->block, ret_block, &fault)) {
        return ledger_break(ledger, &fault);
    }
    ledger->block_at = is_at_hand ? 0 : position;
    return true;
}

bool ledger_parse_block(struct ledger *ledger, const struct block_info *info,
                        struct block_view *ret_view) {
    struct text block;
    struct fault unused;
    return ledger_block_at(ledger, info->position, info->size, &block) &&
           (block_parse(block, ret_view, &unused) || break_at(ledger, info->position, "block"));
}

void ledger_rest(const struct ledger *ledger, uint64_t before, uint64_t now) {
    if (before / REST_BYTES != now / REST_BYTES) {
        log_rest(&ledger->log);
    }
}

struct text ledger_key_in(struct text entry) {
    struct text key;
    bool found = entry_key(entry, &key);
    REQUIRE(found);
    return key;
}

size_t ledger_stored_size(struct text entry) {
    size_t size = entry.size + 1;
    for (size_t rest = entry.size; rest >= 0x80; rest >>= 7) {
        size++;
    }
    return size;
}
