/* mapper.h: a map bound to a header; rows → billing lines. Private to ingest. Pure. */
#ifndef ACCRUED_INGEST_MAPPER_H
#define ACCRUED_INGEST_MAPPER_H

#include "accrued/ingest_map.h"
#include "accrued/line.h"
#include "row.h"

/* What the command line says about every row. Null: nothing. */
struct supplied {
    struct text customer_id;     /* folded; instead of the file's */
    struct text reseller_mpn_id; /* where a row has none */
    struct text invoice_id;      /* where a row has none */
    int32_t billing_period;      /* instead of the file's */
    bool has_billing_period;
    int64_t revision; /* of every line, unless < 0: then the row's revision_date */
};

struct bound {
    size_t columns[INGEST_SPELLINGS_MAX];
    size_t count;
};

struct mapper {
    const struct ingest_map *map;
    const struct supplied *supplied;
    size_t header_count; /* of the header when bound; 0: never */
    struct bound fields[INGEST_FIELD_COUNT];
    struct bound factors[INGEST_FIELD_COUNT]; /* usable when all are there */
    struct {
        bool is_field;
        enum ingest_field field;
        struct bound column;
    } identity[INGEST_IDENTITY_MAX];
    size_t identity_count;
    struct bound detail;
    struct bound skip;
};

void mapper_init(struct mapper *mapper, const struct ingest_map *map,
                 const struct supplied *supplied);
/* After the header has grown too. */
void mapper_bind(struct mapper *mapper, const struct header *header);
/* Has the file what the map must find? Once, after the first bind. false: *fault says what is
 * missing and what could help. */
bool mapper_check(const struct mapper *mapper, const struct header *header, struct fault *fault);

enum mapped {
    MAPPED_LINE,
    MAPPED_SKIPPED, /* not a charge before tax: the map's `skip` */
    MAPPED_DETAIL,  /* explains another row: the map's `detail` */
    MAPPED_BAD,
};

/* Why a row is bad. */
struct bad_row {
    struct text column; /* as the file spells it; null: the row as a whole */
    struct text value;
    char reason[REJECT_MESSAGE_SIZE_MAX];
};

/* *ret_line borrows from the row and the arena; line_id is still null. The identity goes into
 * `identity`. */
enum mapped mapper_take(struct mapper *mapper, const struct row *row, struct arena *arena,
                        struct billing_line *ret_line, struct buffer *identity,
                        struct bad_row *ret_bad);

#endif
