/* The group coordinator: members, static ones too, generations, cooperative-sticky assignment,
 * offsets. */
#include "broker.h"

#include "accrued/require.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS_MAX 2
#define MEMBERS_MAX 256
#define PENDING_MAX 64
#define PRODUCERS_MAX 512

struct member {
    uint64_t id;                        /* 0: a free place */
    char instance[GROUP_INSTANCE_SIZE]; /* "": a dynamic one */
    uint32_t owned;
    uint32_t assigned;
    bool has_joined; /* this rebalance */
    int64_t seen_ms;
    int32_t owned_since; /* the generation under which it says it owns them */
    group_joined joined;
    void *client;
};

enum group_state { GROUP_STABLE, GROUP_PREPARING };

struct pending {
    int64_t producer;
    struct group_offset offset;
};

struct group {
    char id[64];
    enum group_state state;
    int32_t generation;
    int32_t partition_count;
    int64_t session_timeout_ms;
    int64_t rebalance_timeout_ms;
    int64_t deadline_ms;
    uint64_t rebalance; /* serial */
    struct member members[MEMBERS_MAX];
    uint64_t next_member;
    int64_t committed[SIM_PARTITIONS_MAX];
    struct pending pending[PENDING_MAX];
    size_t pending_count;
    struct known_epoch epochs[PRODUCERS_MAX];
    size_t epoch_count;
};

static struct group *groups[GROUPS_MAX];
static size_t group_count;
static uint64_t next_member = 1;

struct group *group_new(const char *id, int32_t partition_count, int64_t session_timeout_ms,
                        int64_t rebalance_timeout_ms) {
    REQUIRE(group_count < GROUPS_MAX);
    struct group *group = calloc(1, sizeof *group);
    REQUIRE(group != NULL);
    groups[group_count++] = group;
    (void)snprintf(group->id, sizeof group->id, "%s", id);
    group->partition_count = partition_count;
    group->session_timeout_ms = session_timeout_ms;
    group->rebalance_timeout_ms = rebalance_timeout_ms;
    for (size_t i = 0; i < SIM_PARTITIONS_MAX; i++) {
        group->committed[i] = -1;
    }
    return group;
}

struct group *group_of(const char *id) {
    for (size_t i = 0; i < group_count; i++) {
        if (strcmp(groups[i]->id, id) == 0) {
            return groups[i];
        }
    }
    sim_fail("simulation: no group %s", id);
}

static struct member *find(struct group *group, uint64_t id) {
    for (size_t i = 0; id != 0 && i < MEMBERS_MAX; i++) {
        if (group->members[i].id == id) {
            return &group->members[i];
        }
    }
    return NULL;
}

/* Who holds the place of a static member. */
static struct member *find_instance(struct group *group, const char *instance) {
    for (size_t i = 0; instance[0] != '\0' && i < MEMBERS_MAX; i++) {
        if (group->members[i].id != 0 && strcmp(group->members[i].instance, instance) == 0) {
            return &group->members[i];
        }
    }
    return NULL;
}

/* Whoever is not in the group: another has its place, or nobody. */
static rd_kafka_resp_err_t who_is_that(struct group *group, const char *instance) {
    return find_instance(group, instance) != NULL ? RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID
                                                  : RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID;
}

static size_t member_count(const struct group *group) {
    size_t count = 0;
    for (size_t i = 0; i < MEMBERS_MAX; i++) {
        count += group->members[i].id != 0;
    }
    return count;
}

/* Who should have each partition: owners keep what they have up to their share. */
static void balance(struct group *group, struct member *targets[]) {
    size_t members = member_count(group);
    size_t partitions = (size_t)group->partition_count;
    size_t counts[MEMBERS_MAX] = {0};
    size_t larger_left = partitions % members;
    for (size_t p = 0; p < partitions; p++) {
        targets[p] = NULL;
        struct member *owner = NULL;
        for (size_t i = 0; i < MEMBERS_MAX; i++) {
            struct member *member = &group->members[i];
            if (member->id != 0 && (member->owned >> p & 1U) != 0 &&
                (owner == NULL || member->owned_since > owner->owned_since)) {
                owner = member;
            }
        }
        if (owner == NULL) {
            continue;
        }
        size_t at = (size_t)(owner - group->members);
        bool fits = counts[at] < partitions / members;
        if (!fits && counts[at] == partitions / members && larger_left > 0) {
            fits = true;
            larger_left--;
        }
        if (fits) {
            targets[p] = owner;
            counts[at]++;
        }
    }
    for (size_t p = 0; p < partitions; p++) {
        for (size_t i = 0; targets[p] == NULL && i < MEMBERS_MAX; i++) {
            size_t least = SIZE_MAX;
            for (size_t n = 0; n < MEMBERS_MAX; n++) {
                if (group->members[n].id != 0 && counts[n] < least) {
                    least = counts[n];
                }
            }
            if (group->members[i].id != 0 && counts[i] == least) {
                targets[p] = &group->members[i];
                counts[i]++;
            }
        }
    }
}

/* Cooperative: what another member still owns is given only after that one has let go. */
static void assign(struct group *group) {
    struct member *targets[SIM_PARTITIONS_MAX];
    balance(group, targets);
    for (size_t i = 0; i < MEMBERS_MAX; i++) {
        group->members[i].assigned = 0;
    }
    for (size_t p = 0; p < (size_t)group->partition_count; p++) {
        bool held = false;
        for (size_t i = 0; i < MEMBERS_MAX; i++) {
            const struct member *member = &group->members[i];
            held =
                held || (member->id != 0 && member != targets[p] && (member->owned >> p & 1U) != 0);
        }
        if (!held) {
            targets[p]->assigned |= UINT32_C(1) << p;
        }
    }
}

static void complete(void *context, uint64_t serial) {
    struct group *group = context;
    if (group->state != GROUP_PREPARING || serial != group->rebalance) {
        return;
    }
    bool all_joined = true;
    for (size_t i = 0; i < MEMBERS_MAX; i++) {
        struct member *member = &group->members[i];
        if (member->id != 0 && !member->has_joined) {
            if (sim_now() < group->deadline_ms) {
                all_joined = false;
            } else {
                sim_trace("member %llu has not joined in time", (unsigned long long)member->id);
                member->id = 0;
            }
        }
    }
    if (!all_joined) {
        return;
    }
    group->state = GROUP_STABLE;
    group->generation++;
    if (member_count(group) == 0) {
        return;
    }
    assign(group);
    for (size_t i = 0; i < MEMBERS_MAX; i++) {
        struct member *member = &group->members[i];
        if (member->id != 0) {
            member->has_joined = false;
            member->seen_ms = sim_now();
            sim_trace("%s: generation %d: member %llu has %#x", group->id, group->generation,
                      (unsigned long long)member->id, member->assigned);
            member->joined(member->client, member->id, group->generation, member->assigned);
        }
    }
}

/* Is everybody here? Then the rebalance ends in a moment. */
static void look_around(struct group *group) {
    if (group->state != GROUP_PREPARING) {
        return;
    }
    for (size_t i = 0; i < MEMBERS_MAX; i++) {
        if (group->members[i].id != 0 && !group->members[i].has_joined) {
            return;
        }
    }
    sim_at(sim_now() + sim_between(0, 50), complete, group, group->rebalance);
}

static void prepare(struct group *group) {
    if (group->state == GROUP_STABLE) {
        group->state = GROUP_PREPARING;
        group->rebalance++;
        group->deadline_ms = sim_now() + group->rebalance_timeout_ms;
        sim_at(group->deadline_ms, complete, group, group->rebalance);
        sim_trace("%s: a rebalance begins", group->id);
    }
}

static void expire(void *context, uint64_t id) {
    struct group *group = context;
    struct member *member = find(group, id);
    if (member == NULL) {
        return;
    }
    int64_t end_ms = member->seen_ms + group->session_timeout_ms;
    if (sim_now() >= end_ms && !member->has_joined) {
        sim_trace("member %llu's session has expired", (unsigned long long)id);
        member->id = 0;
        prepare(group);
        look_around(group);
        return;
    }
    sim_at(sim_now() >= end_ms ? sim_now() + group->session_timeout_ms : end_ms, expire, group, id);
}

static struct member *add_member(struct group *group, const char *instance) {
    struct member *member = NULL;
    for (size_t i = 0; member == NULL; i++) {
        REQUIRE(i < MEMBERS_MAX);
        member = group->members[i].id == 0 ? &group->members[i] : NULL;
    }
    *member = (struct member){0};
    (void)snprintf(member->instance, sizeof member->instance, "%s", instance);
    return member;
}

static void name_member(struct group *group, struct member *member) {
    member->id = next_member++;
    sim_at(sim_now() + group->session_timeout_ms, expire, group, member->id);
}

/* A static member is back, or another says that it is the same: it has the place, its partitions
 * and the generation; who had it before is nobody any more. */
static bool take_place(struct group *group, const struct group_member *who, group_joined joined,
                       void *client, uint64_t *ret_member) {
    struct member *member = who->member == 0 ? find_instance(group, who->instance) : NULL;
    if (member == NULL) {
        return false;
    }
    sim_trace("%s: %s is member %llu's successor", group->id, who->instance,
              (unsigned long long)member->id);
    name_member(group, member);
    member->seen_ms = sim_now();
    member->joined = joined;
    member->client = client;
    *ret_member = member->id;
    if (group->state == GROUP_STABLE) {
        joined(client, member->id, group->generation, member->assigned);
        return true;
    }
    member->owned = 0;
    member->has_joined = true;
    look_around(group);
    return true;
}

rd_kafka_resp_err_t group_join(struct group *group, const struct group_member *who, uint32_t owned,
                               group_joined joined, void *client, uint64_t *ret_member) {
    struct member *member = find(group, who->member);
    if (who->member != 0 && member == NULL) {
        return who_is_that(group, who->instance);
    }
    if (take_place(group, who, joined, client, ret_member)) {
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    if (member == NULL) {
        member = add_member(group, who->instance);
        name_member(group, member);
    }
    member->owned = owned;
    member->owned_since = group->generation;
    member->has_joined = true;
    member->seen_ms = sim_now();
    member->joined = joined;
    member->client = client;
    *ret_member = member->id;
    prepare(group);
    look_around(group);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t group_heartbeat(struct group *group, const struct group_member *who) {
    struct member *member = find(group, who->member);
    if (member == NULL) {
        return who_is_that(group, who->instance);
    }
    if (who->generation != group->generation) {
        return RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION;
    }
    member->seen_ms = sim_now();
    return group->state == GROUP_STABLE ? RD_KAFKA_RESP_ERR_NO_ERROR
                                        : RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS;
}

void group_leave(struct group *group, uint64_t id) {
    struct member *member = find(group, id);
    if (member != NULL) {
        sim_trace("%s: member %llu leaves", group->id, (unsigned long long)id);
        member->id = 0;
        prepare(group);
        look_around(group);
    }
}

bool group_is_whole(const struct group *group) {
    uint32_t assigned = 0;
    for (size_t i = 0; i < MEMBERS_MAX; i++) {
        assigned |= group->members[i].id != 0 ? group->members[i].assigned : 0;
    }
    return group->state != GROUP_STABLE || member_count(group) == 0 ||
           assigned == (UINT32_C(1) << group->partition_count) - 1;
}

void group_rebalance(struct group *group) {
    prepare(group);
}

bool group_committed(const struct group *group, int32_t partition, bool stable,
                     int64_t *ret_offset) {
    for (size_t i = 0; stable && i < group->pending_count; i++) {
        if (group->pending[i].offset.partition == partition) {
            return false;
        }
    }
    *ret_offset = group->committed[partition];
    return true;
}

int64_t group_offset(const struct group *group, int32_t partition) {
    return group->committed[partition];
}

void group_set_offset(struct group *group, int32_t partition, int64_t limit) {
    if (group->committed[partition] > 0) {
        group->committed[partition] = sim_between(0, limit);
        sim_trace("%s: offset of [%d] is set to %lld", group->id, partition,
                  (long long)group->committed[partition]);
    }
}

static struct known_epoch *epoch_of(struct group *group, int64_t producer) {
    for (size_t i = 0; i < group->epoch_count; i++) {
        if (group->epochs[i].producer == producer) {
            return &group->epochs[i];
        }
    }
    REQUIRE(group->epoch_count < sizeof group->epochs / sizeof group->epochs[0]);
    group->epochs[group->epoch_count] = (struct known_epoch){producer, 0};
    return &group->epochs[group->epoch_count++];
}

rd_kafka_resp_err_t group_commit_pending(struct group *group, struct producer_id producer,
                                         const struct group_member *who,
                                         const struct group_offset *offsets, size_t count) {
    struct known_epoch *known = epoch_of(group, producer.id);
    if (producer.epoch < known->epoch) {
        return RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
    }
    known->epoch = producer.epoch;
    /* ClassicGroup.validateOffsetCommit: nobody, of no generation, may commit (P3). */
    bool is_anonymous = who->generation < 0 && who->member == 0 && who->instance[0] == '\0';
    if (!is_anonymous && find(group, who->member) == NULL) {
        return who_is_that(group, who->instance);
    }
    if (!is_anonymous && who->generation != group->generation) {
        return RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION;
    }
    for (size_t i = 0; i < count; i++) {
        REQUIRE(group->pending_count < PENDING_MAX);
        group->pending[group->pending_count++] = (struct pending){producer.id, offsets[i]};
        sim_trace("%s: pending offset of [%d]: %lld by producer %lld", group->id,
                  offsets[i].partition, (long long)offsets[i].offset, (long long)producer.id);
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void decide(struct group *group, int64_t producer, int epoch, bool commit) {
    epoch_of(group, producer)->epoch = epoch;
    size_t kept = 0;
    for (size_t i = 0; i < group->pending_count; i++) {
        const struct pending *pending = &group->pending[i];
        if (pending->producer != producer) {
            group->pending[kept++] = *pending;
        } else if (commit) {
            group->committed[pending->offset.partition] = pending->offset.offset;
            sim_trace("%s: committed offset of [%d]: %lld", group->id, pending->offset.partition,
                      (long long)pending->offset.offset);
        }
    }
    group->pending_count = kept;
}

void group_decide(int64_t producer, int epoch, bool commit) {
    for (size_t i = 0; i < group_count; i++) {
        decide(groups[i], producer, epoch, commit);
    }
}
