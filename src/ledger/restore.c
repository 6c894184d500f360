#include "ledger_state.h"

#include "accrued/require.h"

#include <stdlib.h>

/* May this block be taken in? */
static bool check_header(struct ledger *ledger, const struct block_header *header,
                         struct fault *fault) {
    if (header->partition != ledger->head.partition) {
        return fault_set(fault, "ledger block %llu belongs to partition %u, found in partition %u",
                         (unsigned long long)header->id, header->partition, ledger->head.partition);
    }
    if (header->partition_count != ledger->head.partition_count) {
        return fault_set(fault,
                         "the ledger was written for %u partitions of billing-lines, which now has "
                         "%u: a key's lines would be in another partition than their ledger",
                         header->partition_count, ledger->head.partition_count);
    }
    if (header->programs_revision > ledger->programs->revision) {
        return fault_set(fault,
                         "the ledger was written under programs.yaml revision %lld, this process "
                         "has revision %lld: deploy the newer file first",
                         (long long)header->programs_revision,
                         (long long)ledger->programs->revision);
    }
    for (size_t i = 0; i < header->programs.count; i++) {
        if (programs_find(ledger->programs, header->programs.items[i]) < 0) {
            return fault_set(fault,
                             "the ledger has entries of program %.*s, which programs.yaml lacks: "
                             "end it with `retired: true`, never by deleting it",
                             TEXT_ARGS(header->programs.items[i]));
        }
    }
    return true;
}

/* What check_header refuses, whoever puts programs in force has refused before. */
void ledger_take_programs(struct ledger *ledger, const struct programs *programs) {
    REQUIRE(ledger->overlay.count == 0 && programs->count <= PROGRAM_COUNT_MAX);
    REQUIRE(programs->revision >= ledger->head.programs_revision);
    for (size_t n = 0; n < ledger->head.programs.count; n++) {
        REQUIRE(programs_find(programs, ledger->head.programs.items[n]) >= 0);
    }
    uint32_t *numbers = realloc(ledger->numbers, (programs->count + 1) * sizeof *numbers);
    REQUIRE(numbers != NULL);
    ledger->numbers = numbers;
    ledger->programs = programs;
    ledger_bind_programs(ledger);
}

/* Every block's table begins with the tables of all blocks before it. */
static bool take_programs(struct ledger *ledger, const struct program_names *names) {
    struct program_names *known = &ledger->head.programs;
    if (names->count < ledger->restored_name_count) {
        return false;
    }
    for (size_t i = 0; i < ledger->restored_name_count; i++) {
        if (!text_equal(known->items[i], names->items[i])) {
            return false;
        }
    }
    /* What is configured but was never stored gets its numbers behind the stored ones. */
    known->count = ledger->restored_name_count;
    for (size_t i = known->count; i < names->count; i++) {
        if (ledger_number_of(ledger, names->items[i]) != i) {
            known->count = ledger->restored_name_count;
            ledger_bind_programs(ledger);
            return false;
        }
    }
    ledger->restored_name_count = names->count;
    ledger_bind_programs(ledger);
    return true;
}

/* A block that is whole in itself. */
static enum block_verdict take_whole(struct ledger *ledger, struct text block,
                                     const struct block_view *view, bool is_logged,
                                     uint64_t position, struct fault *fault) {
    const struct block_header *header = &view->header;
    if (header->id <= ledger->head.id) {
        fault_set(fault, "ledger block %llu follows block %llu: ids must go up",
                  (unsigned long long)header->id, (unsigned long long)ledger->head.id);
        return BLOCK_DOUBTFUL;
    }
    if (header->horizon < ledger->head.horizon) {
        fault_set(fault, "ledger block %llu has a horizon before that of the blocks before it",
                  (unsigned long long)header->id);
        return BLOCK_DOUBTFUL;
    }
    if (ledger->head.incarnation != 0 && header->incarnation != ledger->head.incarnation) {
        fault_set(fault, "ledger block %llu belongs to another ledger than the blocks before it",
                  (unsigned long long)header->id);
        return BLOCK_DOUBTFUL;
    }
    if (!ledger_read_entries(ledger, view)) {
        fault_set(fault, "ledger block %llu has malformed entries", (unsigned long long)header->id);
        return BLOCK_DOUBTFUL;
    }
    if (!check_header(ledger, header, fault)) {
        return BLOCK_REFUSED;
    }
    if (!take_programs(ledger, &header->programs)) {
        fault_set(fault, "ledger block %llu numbers its programs differently",
                  (unsigned long long)header->id);
        return BLOCK_DOUBTFUL;
    }
    uint64_t end = ledger->log.end;
    if (!is_logged && !log_append(&ledger->log, block, &position, fault)) {
        return BLOCK_REFUSED;
    }
    ledger_rest(ledger, end, ledger->log.end);
    ledger_index_block(ledger, position, block.size, view);
    struct program_names names = ledger->head.programs;
    ledger->head = *header;
    ledger->rerate = ledger_rerate_of(header);
    ledger->sealed_rerate = ledger->rerate;
    ledger->head.rerate_key = text_null();
    ledger->head.programs = names;
    ledger->horizon = header->horizon;
    return BLOCK_TAKEN;
}

enum block_verdict ledger_take_in(struct ledger *ledger, struct text block, bool is_logged,
                                  uint64_t position, struct fault *fault) {
    REQUIRE(ledger->overlay.count == 0);
    struct block_view view;
    return block_parse(block, &view, fault)
               ? take_whole(ledger, block, &view, is_logged, position, fault)
               : BLOCK_DOUBTFUL;
}

/* A block that the file had already. */
static bool is_known(const struct ledger *ledger, const struct block_header *header) {
    return ledger->loaded_id > 0 && header->id <= ledger->loaded_id &&
           header->incarnation == ledger->loaded_incarnation;
}

bool ledger_restore(struct ledger *ledger, struct text block, struct fault *fault) {
    if (ledger_is_broken(ledger, fault)) {
        return false;
    }
    REQUIRE(ledger->overlay.count == 0);
    struct block_view view;
    if (!block_parse(block, &view, fault)) {
        return false;
    }
    if (view.header.id >= ledger->loaded_id) {
        ledger->is_proven = true;
    }
    if (is_known(ledger, &view.header)) {
        return true;
    }
    ledger->is_marked = false;
    return take_whole(ledger, block, &view, false, 0, fault) == BLOCK_TAKEN;
}

/* The block with this id, if it came from the file and was not dropped, has other bytes. */
static bool is_rewritten(struct ledger *ledger, uint64_t id, struct text block) {
    const struct block_info *info = blocks_by_id(&ledger->table, id);
    struct text kept;
    return info != NULL && (info->size != block.size ||
                            (ledger_block_at(ledger, info->position, info->size, &kept) &&
                             memcmp(kept.data, block.data, block.size) != 0));
}

bool ledger_is_foreign(struct ledger *ledger, struct text block) {
    struct block_view view;
    struct fault unused;
    return ledger->loaded_id > 0 && block_parse(block, &view, &unused) &&
           (view.header.incarnation != ledger->loaded_incarnation ||
            (view.header.id <= ledger->loaded_id && is_rewritten(ledger, view.header.id, block)));
}
