/* LMDB: one write transaction per batch, nothing synced, written through the map. */
#include "stores.h"

#include "tool.h"

#include <lmdb.h>
#include <stdlib.h>

#define MAP_BYTES ((size_t)32 << 30)

struct lm {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi db;
};

static void require(int error) {
    if (error != 0) {
        tool_fail("LMDB: %s", mdb_strerror(error));
    }
}

static void *lm_open(const char *directory) {
    struct lm *lm = calloc(1, sizeof *lm);
    if (lm == NULL) {
        tool_fail("no memory");
    }
    require(mdb_env_create(&lm->env));
    require(mdb_env_set_mapsize(lm->env, MAP_BYTES));
    require(mdb_env_open(lm->env, directory, MDB_NOSYNC | MDB_WRITEMAP | MDB_NORDAHEAD, 0600));
    require(mdb_txn_begin(lm->env, NULL, 0, &lm->txn));
    require(mdb_dbi_open(lm->txn, NULL, MDB_CREATE, &lm->db));
    require(mdb_txn_commit(lm->txn));
    return lm;
}

static void lm_begin(void *store) {
    struct lm *lm = store;
    require(mdb_txn_begin(lm->env, NULL, 0, &lm->txn));
}

static MDB_val val_of(struct text text) {
    return (MDB_val){text.size, (void *)(uintptr_t)text.data};
}

static bool lm_get(void *store, struct text key, struct buffer *value) {
    struct lm *lm = store;
    MDB_val wanted = val_of(key);
    MDB_val found;
    int error = mdb_get(lm->txn, lm->db, &wanted, &found);
    if (error == MDB_NOTFOUND) {
        return false;
    }
    require(error);
    buffer_append(value, found.mv_data, found.mv_size);
    return true;
}

static void lm_put(void *store, struct text key, struct text value) {
    struct lm *lm = store;
    MDB_val where = val_of(key);
    MDB_val what = val_of(value);
    require(mdb_put(lm->txn, lm->db, &where, &what, 0));
}

static void lm_commit(void *store) {
    struct lm *lm = store;
    require(mdb_txn_commit(lm->txn));
}

static void lm_close(void *store) {
    struct lm *lm = store;
    mdb_env_close(lm->env);
    free(lm);
}

const struct store store_lmdb = {
    "LMDB", lm_open, lm_begin, lm_get, lm_put, lm_commit, lm_close,
};
