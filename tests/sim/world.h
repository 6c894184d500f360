/* world.h: what goes in, what reference data says when, and what has been decided to go wrong. */
#ifndef ACCRUED_SIM_WORLD_H
#define ACCRUED_SIM_WORLD_H

#include "broker.h"
#include "redis.h"

#include "accrued/programs.h"

#define WORLD_LINES_MAX 48
#define WORLD_CUSTOMERS_MAX 8
#define WORLD_PARTNERS_MAX 5
#define WORLD_PROGRAMS 3
#define WORLD_REVISIONS 3
enum world_program { PROGRAM_SALE, PROGRAM_ADMIN, PROGRAM_DIGITAL };

/* A record of the input, as the world knows it. */
struct fed {
    bool is_bad;    /* it must become a dead letter */
    bool is_closed; /* … because its line's period is closed */
    int line;
    int64_t revision;
    bool is_void;
    int64_t cents;
    int reseller; /* −1: none */
    int currency; /* 0, 1 */
    int period;   /* months since the first */
    int64_t fed_ms;
};

/* A customer's value: a bit per administrator, and the digital partner (−1: none). */
#define PAYLOAD_MISSING (-1)
struct customer_value {
    uint32_t administrators;
    int digital;
};
/* A partner's: is its MPN active? */

struct world {
    int instance_count;
    int32_t partition_count;
    int line_count;
    int customer_count;
    int partner_count;
    int lane_count;
    int sums_count;          /* processes that add up balances, numbered behind the others */
    bool has_static_members; /* group.instance.id */
    bool is_reloaded;        /* the programs change now and then */
    int revision;            /* of the programs, the newest that any machine has */
    bool has_files;          /* ledgers are mirrored on their machines */
    bool is_static;          /* reference data does not change while lines flow */
    bool is_requested; /* every change is followed by a request to rate again what it concerns */
    bool ends_with_request; /* all is rated again at the end, instead of fed again */
    bool is_closing;        /* … and before that the first period closes */
    bool is_set_back;       /* the group's offsets, between the two */
    bool serves_stale;      /* reference data may be old while Redis is away */
    struct config config;
    struct programs programs[WORLD_REVISIONS + 1]; /* by revision, from 1 on */
    struct catalog catalog;
    struct topic *input;
    struct topic *accruals;
    struct topic *forgone;
    struct topic *letters;
    struct topic *ledger;
    struct topic *requests;
    struct topic *sums; /* accrual-balances */
    char *sums_group;
    struct fed *fed[SIM_PARTITIONS_MAX]; /* by offset; only where the record is data */
    size_t fed_capacity[SIM_PARTITIONS_MAX];
    struct customer_value *customer_values; /* by payload of a redis_version */
    size_t customer_value_count;
    size_t customer_value_capacity;
};
extern struct world world;

void world_load(void); /* once, in the parent: configuration and programs */
/* The newest programs that were in force. */
const struct programs *world_programs(void);
void world_run(void); /* one seed; fails by sim_fail */

int world_customer_of(int line);
void world_line_name(int line, char to[16]);
void world_customer_name(int customer, char to[16]);
void world_partner_name(int partner, char to[16]);
int32_t world_home(int customer);

/* oracle.c: is everything that was published right? `last`: nothing changes any more, and every
 * line has been rated since reference data changed last. */
void oracle_check(bool last);
/* Have all requests been served, as far as the ledgers' blocks say? */
bool oracle_requests_are_served(void);

#endif
