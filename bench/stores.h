/* stores.h: general key-value stores behind one face, to hold the ledger against.
 *
 * Each is set up as the ledger uses a store: what is written in a batch becomes durable elsewhere
 * (Kafka), so no write-ahead log is synced. One thread. */
#ifndef ACCRUED_BENCH_STORES_H
#define ACCRUED_BENCH_STORES_H

#include "accrued/buffer.h"

struct store {
    const char *name;
    void *(*open)(const char *directory);
    void (*begin)(void *store);
    /* Appends the value. false: not there. */
    bool (*get)(void *store, struct text key, struct buffer *value);
    void (*put)(void *store, struct text key, struct text value);
    void (*commit)(void *store);
    void (*close)(void *store);
};

extern const struct store store_rocksdb;
extern const struct store store_lmdb;

#endif
