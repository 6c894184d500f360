#include "ledger_state.h"

#include "accrued/require.h"

#include <stdlib.h>

uint32_t ledger_number_of(struct ledger *ledger, struct text program_id) {
    struct program_names *names = &ledger->head.programs;
    for (size_t i = 0; i < names->count; i++) {
        if (text_equal(names->items[i], program_id)) {
            return (uint32_t)i;
        }
    }
    REQUIRE(names->count < BLOCK_PROGRAM_COUNT_MAX);
    names->items[names->count] = arena_copy(&ledger->names, program_id);
    return (uint32_t)names->count++;
}

void ledger_bind_programs(struct ledger *ledger) {
    for (size_t i = 0; i < ledger->programs->count; i++) {
        ledger->numbers[i] = ledger_number_of(ledger, ledger->programs->items[i].id);
    }
    for (size_t n = 0; n < ledger->head.programs.count; n++) {
        ledger->indexes[n] = programs_find(ledger->programs, ledger->head.programs.items[n]);
    }
}

/* A ledger without blocks. */
static void begin(struct ledger *ledger) {
    ledger->head = (struct block_header){
        .partition = ledger->head.partition,
        .partition_count = ledger->head.partition_count,
        .record_timestamp_ms = -1,
        .rerate_offset = -1,
    };
    ledger->restored_name_count = 0;
    ledger->rerate = (struct ledger_rerate){.offset = -1};
    ledger->sealed_rerate = ledger->rerate;
    ledger->horizon = 0;
    ledger->sweep = 0;
    ledger->swept = 0;
    ledger->scan = 0;
    ledger->loaded_id = 0;
    ledger->loaded_incarnation = 0;
    ledger->mark = -1;
    ledger->newest_from = -1;
    ledger->is_proven = true;
    ledger->is_marked = false;
    ledger_bind_programs(ledger);
}

struct ledger *ledger_open(const struct programs *programs, uint32_t partition,
                           uint32_t partition_count) {
    REQUIRE(partition < partition_count);
    REQUIRE(programs->count <= PROGRAM_COUNT_MAX);
    struct ledger *ledger = calloc(1, sizeof *ledger);
    REQUIRE(ledger != NULL);
    ledger->programs = programs;
    log_init(&ledger->log);
    blocks_init(&ledger->table);
    index_init(&ledger->index);
    overlay_init(&ledger->overlay);
    arena_init(&ledger->names);
    arena_init(&ledger->scratch);
    buffer_init(&ledger->key);
    buffer_init(&ledger->packed);
    buffer_init(&ledger->entry);
    buffer_init(&ledger->block);
    buffer_init(&ledger->sealed);
    ledger->numbers = calloc(programs->count + 1, sizeof ledger->numbers[0]);
    REQUIRE(ledger->numbers != NULL);
    ledger->head.partition = partition;
    ledger->head.partition_count = partition_count;
    begin(ledger);
    return ledger;
}

void ledger_forget(struct ledger *ledger) {
    REQUIRE(ledger->overlay.count == 0);
    ledger->found_at = 0;
    ledger->block_at = 0;
    index_release(&ledger->index);
    blocks_clear(&ledger->table);
    arena_clear(&ledger->names);
    begin(ledger);
}

void ledger_free(struct ledger *ledger) {
    if (ledger == NULL) {
        return;
    }
    log_release(&ledger->log);
    blocks_release(&ledger->table);
    free(ledger->victims);
    free(ledger->read);
    index_release(&ledger->index);
    overlay_release(&ledger->overlay);
    arena_release(&ledger->names);
    arena_release(&ledger->scratch);
    buffer_release(&ledger->key);
    buffer_release(&ledger->packed);
    buffer_release(&ledger->entry);
    buffer_release(&ledger->block);
    buffer_release(&ledger->sealed);
    free(ledger->numbers);
    free(ledger->blocks);
    free(ledger);
}

/* Finds a key's entry by the index: ledger->found. false: there is none, or it cannot be read. */
static bool index_lookup(struct ledger *ledger, uint64_t hash, struct text key) {
    struct index_probe probe = index_find(&ledger->index, hash);
    uint64_t position = 0;
    struct text entry;
    ledger->found_at = 0; /* also where no entry is read */
    while (index_next(&probe, &position) && ledger_entry_at(ledger, position, &entry)) {
        if (text_starts_with(entry, key)) {
            ledger->found = entry;
            ledger->found_at = position;
            return true;
        }
    }
    return false;
}

void ledger_unpack(struct ledger *ledger, struct text entry, struct line_state *ret_state) {
    arena_clear(&ledger->scratch);
    bool parsed = entry_parse(entry, ledger->indexes, ledger->head.programs.count, &ledger->scratch,
                              ret_state);
    REQUIRE(parsed);
}

bool ledger_find_key(struct ledger *ledger, struct ledger_key key, struct line_state *ret_state) {
    size_t item = 0;
    if (overlay_find(&ledger->overlay, key.hash, key.bytes, &item)) {
        ledger_unpack(ledger, overlay_entry(&ledger->overlay, item), ret_state);
        return true;
    }
    if (!index_lookup(ledger, key.hash, key.bytes)) {
        return false;
    }
    ledger_unpack(ledger, ledger->found, ret_state);
    return true;
}

/* Where the last search ended, if it was for this key: the commit need not read it again. */
static struct overlay_origin origin_of(const struct ledger *ledger, struct text key) {
    if (ledger->found_at == 0 || !text_starts_with(ledger->found, key)) {
        return (struct overlay_origin){0};
    }
    size_t stored_size = ledger_stored_size(ledger->found);
    REQUIRE(stored_size <= UINT32_MAX);
    return (struct overlay_origin){ledger->found_at, (uint32_t)stored_size};
}

void ledger_put_key(struct ledger *ledger, struct ledger_key key, const struct line_state *state) {
    REQUIRE(ledger->block_count == 0); /* not between seal and commit */
    /* The state may borrow texts from the overlay, which moves when it grows. */
    buffer_clear(&ledger->packed);
    entry_append_state(&ledger->packed, state, ledger->numbers);
    struct text packed = buffer_text(&ledger->packed);
    buffer_append_text(&ledger->overlay.bytes, key.bytes);
    buffer_append_text(&ledger->overlay.bytes, packed);
    overlay_add(&ledger->overlay, key.hash, key.bytes, key.bytes.size + packed.size,
                origin_of(ledger, key.bytes));
}

void ledger_put_packed(struct ledger *ledger, struct overlay_origin origin) {
    struct text entry = buffer_text(&ledger->packed);
    struct text key = ledger_key_in(entry);
    buffer_append_text(&ledger->overlay.bytes, entry);
    overlay_add(&ledger->overlay, entry_key_hash(key), key, entry.size, origin);
}

size_t ledger_pending_count(const struct ledger *ledger) {
    return ledger->overlay.count;
}

struct ledger_position ledger_position(const struct ledger *ledger) {
    return (struct ledger_position){ledger->head.next_offset, ledger->head.record_timestamp_ms,
                                    ledger->head.record_hash};
}

struct ledger_rerate ledger_rerate(const struct ledger *ledger) {
    return ledger->rerate;
}

void ledger_set_rerate(struct ledger *ledger, struct ledger_rerate rerate, bool always) {
    REQUIRE(ledger->block_count == 0);
    REQUIRE(rerate.offset >= ledger->rerate.offset);
    ledger->sealed_rerate = rerate;
    ledger->is_news = always;
}

int32_t ledger_horizon(const struct ledger *ledger) {
    return ledger->head.horizon;
}

void ledger_set_horizon(struct ledger *ledger, int32_t month) {
    REQUIRE(ledger->block_count == 0);
    if (month > ledger->head.horizon) {
        ledger->head.horizon = month;
        ledger->is_news = true;
    }
}

static void put_u64be(char *to, uint64_t value) {
    for (size_t i = 0; i < sizeof value; i++) {
        to[i] = (char)(value >> (8 * (sizeof value - 1 - i)) & 0xff);
    }
}

static uint64_t get_u64be(const char *from) {
    uint64_t value = 0;
    for (size_t i = 0; i < sizeof value; i++) {
        value = value << 8 | (uint8_t)from[i];
    }
    return value;
}

struct text reached_text(struct ledger_rerate rerate, char to[REACHED_SIZE]) {
    if (rerate.reached == 0 && rerate.unrated == 0) {
        return text_null();
    }
    put_u64be(to, rerate.reached);
    put_u64be(to + sizeof(uint64_t), (uint64_t)rerate.head);
    put_u64be(to + 2 * sizeof(uint64_t), rerate.unrated);
    return (struct text){to, REACHED_SIZE};
}

struct ledger_rerate ledger_rerate_of(const struct block_header *header) {
    struct ledger_rerate rerate = {.offset = header->rerate_offset};
    struct text text = header->rerate_key;
    if (text.size == REACHED_SIZE) {
        rerate.reached = get_u64be(text.data);
        rerate.head = (int64_t)get_u64be(text.data + sizeof(uint64_t));
        rerate.unrated = get_u64be(text.data + 2 * sizeof(uint64_t));
    }
    return rerate;
}

bool ledger_seal(struct ledger *ledger, struct ledger_position position, uint64_t new_incarnation,
                 size_t block_size_max, ledger_emit emit, void *context) {
    REQUIRE(ledger->block_count == 0);
    if (ledger->is_broken) {
        return false; /* lines may have been taken for new that are not */
    }
    if (ledger->overlay.count == 0 && !ledger->is_news && ledger->victim_count == 0) {
        return true;
    }
    REQUIRE(position.next_offset >= ledger->head.next_offset);
    if (ledger->head.incarnation == 0) {
        ledger->head.incarnation = new_incarnation;
    }
    struct ledger_position before = ledger_position(ledger);
    ledger->head.next_offset = position.next_offset;
    ledger->head.record_timestamp_ms = position.record_timestamp_ms;
    ledger->head.record_hash = position.record_hash;
    if (ledger->programs->revision > ledger->head.programs_revision) {
        ledger->head.programs_revision = ledger->programs->revision;
    }
    char reached[REACHED_SIZE];
    ledger->head.rerate_offset = ledger->sealed_rerate.offset;
    ledger->head.rerate_key = reached_text(ledger->sealed_rerate, reached);
    buffer_clear(&ledger->sealed);
    uint64_t first_id = ledger->head.id + 1;
    ledger_pack(ledger, block_size_max);
    ledger->sealed_position = position;
    /* Until the commit the head says what is committed. */
    ledger->head.next_offset = before.next_offset;
    ledger->head.record_timestamp_ms = before.record_timestamp_ms;
    ledger->head.record_hash = before.record_hash;
    ledger->head.rerate_offset = ledger->rerate.offset;
    ledger->head.rerate_key = text_null();
    for (size_t i = 0; i < ledger->block_count; i++) {
        struct text block = {(const char *)ledger->sealed.data + ledger->blocks[i].start,
                             ledger->blocks[i].size};
        if (!emit(context, first_id + i, block)) {
            return false;
        }
    }
    for (size_t i = 0; i < ledger->victim_count; i++) {
        if (!emit(context, ledger->victims[i].id, text_null())) {
            return false;
        }
    }
    return true;
}

static void drop_pending(struct ledger *ledger) {
    ledger->found_at = 0;
    ledger->block_count = 0;
    ledger->victim_count = 0;
    ledger->sealed_rerate = ledger->rerate;
    ledger->head.horizon = ledger->horizon;
    ledger->sweep = ledger->swept;
    ledger->is_news = false;
    overlay_clear(&ledger->overlay);
}

/* The sealed blocks become the log's end. false: the file cannot be written. */
static bool append_sealed(struct ledger *ledger, struct fault *fault) {
    for (size_t i = 0; i < ledger->block_count; i++) {
        struct text block = {(const char *)ledger->sealed.data + ledger->blocks[i].start,
                             ledger->blocks[i].size};
        uint64_t position = 0;
        if (!log_append(&ledger->log, block, &position, fault)) {
            return false;
        }
        ledger->is_marked = false;
        ledger_index_sealed(ledger, position, &ledger->blocks[i]);
    }
    for (size_t i = 0; i < ledger->victim_count; i++) {
        uint64_t position = ledger->victims[i].position;
        uint64_t before = blocks_drop(&ledger->table, position);
        if (!log_drop(&ledger->log, position, before, fault)) {
            return false;
        }
    }
    return true;
}

void ledger_commit(struct ledger *ledger) {
    struct fault fault;
    REQUIRE(!ledger->is_broken);
    REQUIRE(ledger->overlay.count == 0 || ledger->block_count > 0);
    if (!append_sealed(ledger, &fault)) {
        ledger_break(ledger, &fault);
    }
    if (ledger->block_count > 0) {
        ledger->head.next_offset = ledger->sealed_position.next_offset;
        ledger->head.record_timestamp_ms = ledger->sealed_position.record_timestamp_ms;
        ledger->head.record_hash = ledger->sealed_position.record_hash;
        ledger->rerate = ledger->sealed_rerate;
        ledger->head.rerate_offset = ledger->rerate.offset;
        ledger->sweep = ledger->head.horizon > ledger->horizon ? 0 : ledger->sweep;
        ledger->horizon = ledger->head.horizon;
    }
    ledger->swept = ledger->sweep;
    drop_pending(ledger);
}

bool ledger_is_broken(const struct ledger *ledger, struct fault *ret_fault) {
    if (ledger->is_broken) {
        *ret_fault = ledger->broken;
    }
    return ledger->is_broken;
}

void ledger_abort(struct ledger *ledger) {
    drop_pending(ledger);
}

size_t ledger_room(const struct ledger *ledger) {
    return overlay_room(&ledger->overlay) + ledger->sealed.capacity;
}

void ledger_give_room(struct ledger *ledger) {
    REQUIRE(ledger->overlay.count == 0 && ledger->block_count == 0);
    overlay_release(&ledger->overlay);
    buffer_release(&ledger->sealed);
}

size_t ledger_line_count(const struct ledger *ledger) {
    return ledger->index.count;
}

size_t ledger_byte_count(const struct ledger *ledger) {
    return (size_t)ledger->log.bytes + ledger->index.capacity * sizeof ledger->index.slots[0];
}

uint64_t ledger_last_block_id(const struct ledger *ledger) {
    return ledger->head.id;
}
