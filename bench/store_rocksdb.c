/* RocksDB: a write batch per transaction, bloom filters, a block cache, no write-ahead log. */
#include "stores.h"

#include "tool.h"

#include <rocksdb/c.h>
#include <stdlib.h>

#define BLOCK_CACHE_BYTES (512U << 20)
#define MEMTABLE_BYTES (64U << 20)
#define BLOOM_BITS 10

struct rocks {
    rocksdb_t *db;
    rocksdb_options_t *options;
    rocksdb_readoptions_t *reading;
    rocksdb_writeoptions_t *writing;
    rocksdb_writebatch_t *batch;
};

static void require(char *error) {
    if (error != NULL) {
        tool_fail("RocksDB: %s", error);
    }
}

static void *rocks_open(const char *directory) {
    struct rocks *rocks = calloc(1, sizeof *rocks);
    if (rocks == NULL) {
        tool_fail("no memory");
    }
    rocks->options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(rocks->options, 1);
    rocksdb_options_increase_parallelism(rocks->options, 2);
    rocksdb_options_set_write_buffer_size(rocks->options, MEMTABLE_BYTES);
    rocksdb_options_set_compression(rocks->options, rocksdb_lz4_compression);
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_filter_policy(
        table, rocksdb_filterpolicy_create_bloom_full(BLOOM_BITS));
    rocksdb_block_based_options_set_block_cache(table, rocksdb_cache_create_lru(BLOCK_CACHE_BYTES));
    rocksdb_options_set_block_based_table_factory(rocks->options, table);
    rocks->reading = rocksdb_readoptions_create();
    rocks->writing = rocksdb_writeoptions_create();
    rocksdb_writeoptions_disable_WAL(rocks->writing, 1);
    rocks->batch = rocksdb_writebatch_create();
    char *error = NULL;
    rocks->db = rocksdb_open(rocks->options, directory, &error);
    require(error);
    return rocks;
}

static void rocks_begin(void *store) {
    struct rocks *rocks = store;
    rocksdb_writebatch_clear(rocks->batch);
}

static bool rocks_get(void *store, struct text key, struct buffer *value) {
    struct rocks *rocks = store;
    char *error = NULL;
    rocksdb_pinnableslice_t *found =
        rocksdb_get_pinned(rocks->db, rocks->reading, key.data, key.size, &error);
    require(error);
    if (found == NULL) {
        return false;
    }
    size_t size = 0;
    const char *bytes = rocksdb_pinnableslice_value(found, &size);
    buffer_append(value, bytes, size);
    rocksdb_pinnableslice_destroy(found);
    return true;
}

static void rocks_put(void *store, struct text key, struct text value) {
    struct rocks *rocks = store;
    rocksdb_writebatch_put(rocks->batch, key.data, key.size, value.data, value.size);
}

static void rocks_commit(void *store) {
    struct rocks *rocks = store;
    char *error = NULL;
    rocksdb_write(rocks->db, rocks->writing, rocks->batch, &error);
    require(error);
}

static void rocks_close(void *store) {
    struct rocks *rocks = store;
    rocksdb_close(rocks->db);
    rocksdb_writebatch_destroy(rocks->batch);
    rocksdb_writeoptions_destroy(rocks->writing);
    rocksdb_readoptions_destroy(rocks->reading);
    rocksdb_options_destroy(rocks->options);
    free(rocks);
}

const struct store store_rocksdb = {
    "RocksDB", rocks_open, rocks_begin, rocks_get, rocks_put, rocks_commit, rocks_close,
};
