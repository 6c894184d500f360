/* What should have been published, by a bookkeeping of its own: lines in the order of their
 * partition, the winning revision, three rates, sums. Nothing of src/rate, src/ledger/posting.c or
 * the encoders is used; messages are read by read.c. */
#include "oracle.h"

#include "reload.h"

#include "accrued/hash.h"
#include "accrued/ledger.h"
#include "accrued/metrics.h"
#include "accrued/require.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A look-up happens before accrued_at is taken, in up to three round trips, each of 200 ms if Redis
 * is slow; what it found right when it began it uses. */
#define STALE_SLACK_MS 650
/* From the beginning of a round to accrued_at: offsets and ranges that are asked for in vain, a
 * batch that commits before a chunk is rated again. */
#define ROUND_MS_MAX 15000

struct key_events {
    struct accrual_read *events;
    size_t count;
    size_t capacity;
};

struct book {
    struct key_events published[WORLD_LINES_MAX][WORLD_PROGRAMS][WORLD_PARTNERS_MAX];
    struct key_events expected[WORLD_LINES_MAX][WORLD_PROGRAMS][WORLD_PARTNERS_MAX];
    unsigned *transactions; /* of each: a bit per revision that all its accruals may be of */
    size_t transaction_count;
    size_t transaction_capacity;
};

/* A line as it stands. */
struct line_book {
    bool is_known;
    struct fed fed;
    int64_t offset;
    int64_t cumulative[WORLD_PROGRAMS][WORLD_PARTNERS_MAX];
    int64_t sequence[WORLD_PROGRAMS][WORLD_PARTNERS_MAX];
};

static void add(struct key_events *to, const struct accrual_read *event) {
    to->events = sim_grown(to->events, to->count, &to->capacity, sizeof *to->events);
    to->events[to->count++] = *event;
}

/* What a partner earns, in millionths, given what reference data says. */
static int64_t earned(const struct fed *fed, int program, int partner, int customer_payload,
                      int partner_payload, int revision) {
    /* By tests/sim/programs-N.yaml: millionths of a cent's hundredth. */
    static const int64_t rates[WORLD_REVISIONS + 1][WORLD_PROGRAMS] = {
        {0}, {400, 10000, 1000}, {500, 10000, 0}, {300, 20000, 2000}};
    int64_t amount = fed->cents * rates[revision][program];
    const struct customer_value *customer =
        customer_payload == PAYLOAD_MISSING ? NULL : &world.customer_values[customer_payload];
    bool is_active = partner_payload == 1;
    if (fed->is_void) {
        return 0;
    }
    switch ((enum world_program)program) {
    case PROGRAM_SALE: return fed->reseller == partner && is_active ? amount : 0;
    case PROGRAM_ADMIN:
        return customer != NULL && (customer->administrators >> partner & 1U) != 0 &&
                       partner_payload != PAYLOAD_MISSING
                   ? amount
                   : 0;
    case PROGRAM_DIGITAL:
        return customer != NULL && customer->digital == partner && is_active ? amount : 0;
    }
    return 0;
}

static const struct redis_key *customer_key(int line) {
    char id[16];
    char name[48];
    world_customer_name(world_customer_of(line), id);
    (void)snprintf(name, sizeof name, "accrued:customer:%s", id);
    return redis_find(name);
}

static const struct redis_key *partner_key(int partner) {
    char id[16];
    char name[48];
    world_partner_name(partner, id);
    (void)snprintf(name, sizeof name, "accrued:partner:%s", id);
    return redis_find(name);
}

/* How much older than a fresh value one may be while Redis is away; its age is told when a look-up
 * begins, which then asks in vain. */
static int64_t stale_ms(void) {
    const struct config *config = &world.config;
    int64_t more_ms = config->reference.stale_max_ms - config->reference.fresh_ms;
    return !world.serves_stale ? 0 : (more_ms > 0 ? more_ms : 0) + 2 * config->redis.timeout_ms;
}

/* Was version i of the key in force at any time of the window? */
static bool is_within(const struct redis_key *key, size_t i, int64_t from_ms, int64_t to_ms) {
    return key->versions[i].from_ms <= to_ms &&
           (i + 1 == key->count || key->versions[i + 1].from_ms >= from_ms);
}

static bool is_line(const struct log *log, size_t offset) {
    return log->records[offset].kind == RECORD_DATA &&
           log->records[offset].fate == FATE_COMMITTED && !world.fed[log->number][offset].is_bad &&
           !world.fed[log->number][offset].is_closed;
}

static void expect_event(struct book *book, struct line_book *standing, int program, int partner,
                         const struct fed *terms, int64_t amount, int64_t cumulative) {
    struct accrual_read event = {
        .sequence = ++standing->sequence[program][partner],
        .currency = terms->currency,
        .period = terms->period,
        .amount = amount,
        .cumulative = cumulative,
        .revision = standing->fed.revision,
    };
    standing->cumulative[program][partner] = cumulative;
    add(&book->expected[standing->fed.line][program][partner], &event);
}

/* The next record of a line, with reference data that never changes. */
static void expect_line(struct book *book, struct line_book *standing, const struct fed *fed,
                        int64_t offset) {
    if (standing->is_known && fed->revision < standing->fed.revision) {
        return;
    }
    struct fed before = standing->fed;
    bool moves =
        standing->is_known && (before.currency != fed->currency || before.period != fed->period);
    standing->is_known = true;
    standing->fed = *fed;
    standing->offset = offset;
    int customer = customer_key(fed->line)->versions[0].payload;
    for (int program = 0; program < WORLD_PROGRAMS; program++) {
        for (int partner = 0; partner < world.partner_count; partner++) {
            int64_t target = earned(fed, program, partner, customer,
                                    partner_key(partner)->versions[0].payload, 1);
            int64_t old = standing->cumulative[program][partner];
            if (moves && old != 0) {
                expect_event(book, standing, program, partner, &before, -old, 0);
                old = 0;
            }
            if (target != old) {
                expect_event(book, standing, program, partner, fed, target - old, target);
            }
        }
    }
}

static void read_published(struct book *book) {
    for (int32_t p = 0; p < world.accruals->partition_count; p++) {
        const struct log *log = &world.accruals->logs[p];
        for (size_t i = 0; i < log->count; i++) {
            if (log->records[i].kind == RECORD_DATA && log->records[i].fate == FATE_COMMITTED) {
                struct accrual_read event;
                accrual_read(&log->records[i], &event);
                add(&book->published[event.line][event.program][event.partner], &event);
            }
        }
    }
}

static const char *describe(int line, int program, int partner) {
    static char text[80];
    (void)snprintf(text, sizeof text, "line-%d (partition %d), program %d, partner %d", line,
                   world_home(world_customer_of(line)), program, 1000 + partner);
    return text;
}

/* Sequences 1, 2, 3 …, and every amount leads from one cumulative to the next. */
static void check_chain(int line, int program, int partner, const struct key_events *published) {
    int64_t sums[2][2] = {{0}};
    for (size_t i = 0; i < published->count; i++) {
        const struct accrual_read *event = &published->events[i];
        if (event->sequence != (int64_t)i + 1) {
            sim_fail("%s: sequence %lld where %zu is due", describe(line, program, partner),
                     (long long)event->sequence, i + 1);
        }
        int64_t *sum = &sums[event->currency][event->period];
        *sum += event->amount;
        if (*sum != event->cumulative) {
            sim_fail("%s: amounts add up to %lld, the cumulative of sequence %lld is %lld",
                     describe(line, program, partner), (long long)*sum, (long long)event->sequence,
                     (long long)event->cumulative);
        }
    }
}

/* Is there a line at the source that the accrual names, and is it this one? */
static void check_source(int line, int program, int partner, const struct accrual_read *event) {
    const struct log *log = &world.input->logs[world_home(world_customer_of(line))];
    if (event->source_partition != log->number || event->source_offset < 0 ||
        event->source_offset >= (int64_t)log->count ||
        !is_line(log, (size_t)event->source_offset)) {
        sim_fail("%s: from [%d] at %lld, where no line stands", describe(line, program, partner),
                 event->source_partition, (long long)event->source_offset);
    }
    const struct fed *fed = &world.fed[log->number][event->source_offset];
    if (fed->line != line || fed->revision != event->revision) {
        sim_fail("%s: from offset %lld, which is line-%d revision %lld",
                 describe(line, program, partner), (long long)event->source_offset, fed->line,
                 (long long)fed->revision);
    }
}

struct window {
    int64_t from_ms;
    int64_t to_ms;
};

/* A bit for each revision of the programs under which it is right. */
static unsigned was_in_force(const struct fed *fed, int program, int partner,
                             const struct accrual_read *event, struct window window,
                             unsigned revisions) {
    unsigned right = 0;
    const struct redis_key *customer = customer_key(fed->line);
    const struct redis_key *other = partner_key(partner);
    for (size_t c = 0; c < customer->count; c++) {
        if (!is_within(customer, c, window.from_ms, window.to_ms)) {
            continue;
        }
        uint64_t ended[2] = {customer->versions[c].hash, 0};
        if (event->cumulative == 0 && event->reference_hash == hash64(ended, sizeof ended, 0)) {
            right |= revisions;
        }
        for (size_t p = 0; p < other->count; p++) {
            uint64_t standing[2] = {customer->versions[c].hash, other->versions[p].hash};
            if (!is_within(other, p, window.from_ms, window.to_ms) ||
                event->reference_hash != hash64(standing, sizeof standing, 0)) {
                continue;
            }
            for (int r = 1; r <= WORLD_REVISIONS; r++) {
                bool is_right = event->cumulative == earned(fed, program, partner,
                                                            customer->versions[c].payload,
                                                            other->versions[p].payload, r);
                right |= is_right ? revisions & 1U << r : 0;
            }
        }
    }
    return right;
}

/* A lane takes what a reload brought at the beginning of a round. */
static unsigned revisions_of(const struct accrual_read *event, struct window window) {
    int64_t round_ms =
        ROUND_MS_MAX +
        sim_process_stood_ms(event->process, window.to_ms - ROUND_MS_MAX, window.to_ms);
    return reload_revisions_within(event->process, window.to_ms - round_ms, window.to_ms);
}

/* Programs are swapped between transactions: all of one are of the same. */
static void check_one_edition(struct book *book, const struct accrual_read *event, unsigned right) {
    while (event->transaction >= book->transaction_count) {
        book->transactions = sim_grown(book->transactions, book->transaction_count,
                                       &book->transaction_capacity, sizeof *book->transactions);
        book->transactions[book->transaction_count++] = ~0U;
    }
    unsigned *revisions = &book->transactions[event->transaction];
    *revisions &= right;
    if (right != 0 && *revisions == 0) {
        sim_fail("line-%d, sequence %lld: a transaction of p%d has accruals under different "
                 "programs",
                 event->line, (long long)event->sequence, event->process->number);
    }
}

/* Was what an accrual was rated with in force when it was? */
static void check_reference(struct book *book, int line, int program, int partner,
                            const struct accrual_read *event) {
    const struct log *log = &world.input->logs[world_home(world_customer_of(line))];
    struct window window = {.to_ms = event->accrued_at_ms - SIM_WALL_START_MS};
    window.from_ms = window.to_ms - world.config.reference.fresh_ms - STALE_SLACK_MS;
    window.from_ms -= stale_ms();
    /* A value holds for the look-up that found it right, however long that takes (enrich.h). */
    window.from_ms -= sim_process_stood_ms(event->process, window.from_ms, window.to_ms) +
                      redis_stalled_ms(window.from_ms, window.to_ms);
    unsigned revisions = revisions_of(event, window);
    unsigned right = 0;
    if (event->is_rerate) {
        /* Its time is taken before the look-up, and it names the request. */
        window.to_ms = event->produced_ms;
        for (size_t i = 0; i < log->count; i++) {
            const struct fed *fed = &world.fed[log->number][i];
            right |= is_line(log, i) && fed->line == line && fed->revision == event->revision
                         ? was_in_force(fed, program, partner, event, window, revisions)
                         : 0;
        }
    } else {
        check_source(line, program, partner, event);
        right = was_in_force(&world.fed[log->number][event->source_offset], program, partner, event,
                             window, revisions);
    }
    check_one_edition(book, event, right);
    if (right == 0) {
        sim_fail("%s: sequence %lld, accrued at %lld ms to %lld, was rated with reference data "
                 "or programs that were not in force since %lld ms",
                 describe(line, program, partner), (long long)event->sequence,
                 (long long)window.to_ms, (long long)event->cumulative, (long long)window.from_ms);
    }
}

static void check_same(int line, int program, int partner, const struct key_events *published,
                       const struct key_events *expected) {
    size_t count = published->count < expected->count ? published->count : expected->count;
    for (size_t i = 0; i < count; i++) {
        const struct accrual_read *is = &published->events[i];
        const struct accrual_read *due = &expected->events[i];
        if (is->amount != due->amount || is->cumulative != due->cumulative ||
            is->currency != due->currency || is->period != due->period ||
            is->revision != due->revision) {
            sim_fail("%s: sequence %zu is %lld to %lld of revision %lld, due is %lld to %lld of "
                     "revision %lld",
                     describe(line, program, partner), i + 1, (long long)is->amount,
                     (long long)is->cumulative, (long long)is->revision, (long long)due->amount,
                     (long long)due->cumulative, (long long)due->revision);
        }
    }
    if (published->count != expected->count) {
        sim_fail("%s: %zu accruals, due are %zu", describe(line, program, partner),
                 published->count, expected->count);
    }
}

/* Under the newest programs, or, as long as not all is rated again, any. */
static bool is_worth(const struct line_book *standing, int program, int partner,
                     int customer_payload, int partner_payload, int64_t cumulative, bool last) {
    for (int r = last ? world.revision : 1; r <= world.revision; r++) {
        if (cumulative ==
            earned(&standing->fed, program, partner, customer_payload, partner_payload, r)) {
            return true;
        }
    }
    return false;
}

/* Where reference data changed: the last state is one of those that the line may have had. */
static void check_end(const struct line_book *standing, int program, int partner,
                      const struct key_events *published, bool last) {
    int line = standing->fed.line;
    const struct accrual_read *end =
        published->count > 0 ? &published->events[published->count - 1] : NULL;
    int64_t cumulative = end != NULL ? end->cumulative : 0;
    if (cumulative != 0 &&
        (end->currency != standing->fed.currency || end->period != standing->fed.period)) {
        sim_fail("%s: ends in another currency or period than its line",
                 describe(line, program, partner));
    }
    const struct redis_key *customer = customer_key(line);
    const struct redis_key *other = partner_key(partner);
    /* A closed line stays as it was. */
    last = last && !(world.is_closing && standing->fed.period == 0);
    int64_t from_ms =
        last ? sim_now() : standing->fed.fed_ms - world.config.reference.fresh_ms - stale_ms();
    for (size_t c = 0; c < customer->count; c++) {
        for (size_t p = 0; p < other->count; p++) {
            if (is_within(customer, c, from_ms, sim_now()) &&
                is_within(other, p, from_ms, sim_now()) &&
                is_worth(standing, program, partner, customer->versions[c].payload,
                         other->versions[p].payload, cumulative, last)) {
                return;
            }
        }
    }
    sim_fail("%s: ends at %lld, which its revision %lld never was worth",
             describe(line, program, partner), (long long)cumulative,
             (long long)standing->fed.revision);
}

static void follow_lines(struct book *book, struct line_book *standings) {
    for (int32_t p = 0; p < world.partition_count; p++) {
        const struct log *log = &world.input->logs[p];
        for (size_t i = 0; i < log->count; i++) {
            if (is_line(log, i)) {
                const struct fed *fed = &world.fed[p][i];
                struct line_book *standing = &standings[fed->line];
                if (world.is_static) {
                    expect_line(book, standing, fed, (int64_t)i);
                } else if (!standing->is_known || fed->revision >= standing->fed.revision) {
                    standing->is_known = true;
                    standing->fed = *fed;
                    standing->offset = (int64_t)i;
                }
            }
        }
    }
}

/* Every bad record is a dead letter, once, and there are no others. */
static void check_letters(void) {
    size_t due = 0;
    for (int32_t p = 0; p < world.partition_count; p++) {
        const struct log *log = &world.input->logs[p];
        for (size_t i = 0; i < log->count; i++) {
            if (log->records[i].kind == RECORD_DATA && log->records[i].fate == FATE_COMMITTED &&
                (world.fed[p][i].is_bad || world.fed[p][i].is_closed)) {
                size_t count = letters_from(&world.letters->logs[0], p, (int64_t)i);
                /* The ledger has no block of a batch that held nothing else: where offsets were set
                 * back behind it, it comes again. */
                if (count != 1 && (count == 0 || !world.is_set_back)) {
                    sim_fail("the %s record at [%d] %zu is a dead letter %zu times",
                             world.fed[p][i].is_bad ? "bad" : "closed", p, i, count);
                }
                due += count;
            }
        }
    }
    size_t letters = 0;
    for (size_t i = 0; i < world.letters->logs[0].count; i++) {
        const struct record *record = &world.letters->logs[0].records[i];
        letters += record->kind == RECORD_DATA && record->fate == FATE_COMMITTED;
    }
    if (letters != due) {
        sim_fail("%zu dead letters, due are %zu", letters, due);
    }
}

struct ledger_check {
    const struct book *book;
    const struct line_book *standings;
    size_t count;
};

static int number_in(struct text text, const char *prefix) {
    size_t size = strlen(prefix);
    return text.size > size && memcmp(text.data, prefix, size) == 0 ? atoi(text.data + size) : -1;
}

static bool check_state(void *context, const struct line_state *state) {
    struct ledger_check *check = context;
    char name[32];
    (void)snprintf(name, sizeof name, "%.*s", TEXT_ARGS(state->line.line_id));
    int line = number_in(text_of(name), "line-");
    REQUIRE(line >= 0 && line < world.line_count);
    const struct line_book *standing = &check->standings[line];
    check->count++;
    if (!standing->is_known || state->line.revision != standing->fed.revision ||
        state->line.is_void != standing->fed.is_void || state->origin_offset != standing->offset) {
        sim_fail("the ledger has line-%d at revision %lld of offset %lld, due is %lld of %lld",
                 line, (long long)state->line.revision, (long long)state->origin_offset,
                 (long long)standing->fed.revision, (long long)standing->offset);
    }
    int64_t sums[WORLD_PROGRAMS][WORLD_PARTNERS_MAX] = {{0}};
    for (size_t i = 0; i < state->earner_count; i++) {
        const struct earner *earner = &state->earners[i];
        (void)snprintf(name, sizeof name, "%.*s", TEXT_ARGS(earner->partner_mpn_id));
        int partner = atoi(name) - 1000;
        int program = (int)program_read(world_programs()->items[earner->program_index].id);
        const struct key_events *published = &check->book->published[line][program][partner];
        sums[program][partner] = (int64_t)earner->cumulative.units;
        if (earner->sequence != published->count) {
            sim_fail("%s: the ledger is at sequence %u, published are %zu",
                     describe(line, program, partner), earner->sequence, published->count);
        }
    }
    for (int program = 0; program < WORLD_PROGRAMS; program++) {
        for (int partner = 0; partner < world.partner_count; partner++) {
            const struct key_events *published = &check->book->published[line][program][partner];
            int64_t due =
                published->count > 0 ? published->events[published->count - 1].cumulative : 0;
            if (sums[program][partner] != due) {
                sim_fail("%s: the ledger has %lld, published are %lld",
                         describe(line, program, partner), (long long)sums[program][partner],
                         (long long)due);
            }
        }
    }
    return true;
}

/* The ledger as a new owner would restore it. */
static void check_ledgers(const struct book *book, const struct line_book *standings) {
    struct ledger_check check = {book, standings, 0};
    for (int32_t p = 0; p < world.partition_count; p++) {
        struct ledger *ledger =
            ledger_open(world_programs(), (uint32_t)p, (uint32_t)world.partition_count);
        const struct log *log = &world.ledger->logs[p];
        for (size_t i = 0; i < log->count; i++) {
            const struct record *record = &log->records[i];
            struct fault fault;
            /* A tombstone says of a block only that it is not needed any more. */
            if (record->kind == RECORD_DATA && record->fate == FATE_COMMITTED &&
                record->value.data != NULL && !ledger_restore(ledger, record->value, &fault)) {
                sim_fail("the ledger of [%d] cannot be restored: %s", p, fault.text);
            }
        }
        (void)ledger_each(ledger, check_state, &check);
        ledger_free(ledger);
    }
    size_t due = 0;
    for (int line = 0; line < world.line_count; line++) {
        due += standings[line].is_known;
    }
    if (check.count != due) {
        sim_fail("the ledgers have %zu lines, due are %zu", check.count, due);
    }
}

bool oracle_requests_are_served(void) {
    int64_t end = log_high(&world.requests->logs[0]);
    for (int32_t p = 0; p < world.partition_count && end > 0; p++) {
        const struct log *log = &world.ledger->logs[p];
        int64_t served = end; /* where nothing was ever rated */
        for (size_t i = log->count; i-- > 0;) {
            const struct record *record = &log->records[i];
            struct block_view view;
            struct fault fault;
            if (record->kind == RECORD_DATA && record->fate == FATE_COMMITTED &&
                record->value.data != NULL && block_parse(record->value, &view, &fault)) {
                served = view.header.rerate_offset;
                break;
            }
        }
        if (served < end) {
            return false;
        }
    }
    return true;
}

/* The process's own books: every line that was committed has exactly one outcome. */
static void check_conserved(void *context, const char *labels, const struct metric *difference) {
    (void)context;
    if (metric_value(difference) != 0) {
        sim_fail("%s: lines in and outcomes differ by %lld", labels,
                 (long long)metric_value(difference));
    }
}

void oracle_check(bool last) {
    metrics_each("accrued_conservation_difference_lines", check_conserved, NULL);
    struct book *book = calloc(1, sizeof *book);
    struct line_book *standings = calloc(WORLD_LINES_MAX, sizeof *standings);
    REQUIRE(book != NULL && standings != NULL);
    read_published(book);
    follow_lines(book, standings);
    size_t count = 0;
    for (int line = 0; line < world.line_count; line++) {
        for (int program = 0; program < WORLD_PROGRAMS; program++) {
            for (int partner = 0; partner < world.partner_count; partner++) {
                const struct key_events *published = &book->published[line][program][partner];
                count += published->count;
                check_chain(line, program, partner, published);
                for (size_t i = 0; i < published->count; i++) {
                    check_reference(book, line, program, partner, &published->events[i]);
                }
                if (world.is_static) {
                    check_same(line, program, partner, published,
                               &book->expected[line][program][partner]);
                } else if (standings[line].is_known) {
                    check_end(&standings[line], program, partner, published, last);
                }
            }
        }
    }
    check_letters();
    check_ledgers(book, standings);
    oracle_check_sums();
    sim_trace("oracle: %zu accruals, all right", count);
}
