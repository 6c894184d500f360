/* The group coordinator: members, generations, cooperative-sticky assignment, offsets. */
#include "broker.h"

#include "accrued/require.h"

#include <stdlib.h>

#define MEMBERS_MAX 256
#define PENDING_MAX 64

struct member {
    uint64_t id; /* 0: a free place */
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

static struct {
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
    struct known_epoch epochs[64];
    size_t epoch_count;
} group;

void group_begin(int32_t partition_count, int64_t session_timeout_ms,
                 int64_t rebalance_timeout_ms) {
    group.partition_count = partition_count;
    group.session_timeout_ms = session_timeout_ms;
    group.rebalance_timeout_ms = rebalance_timeout_ms;
    group.next_member = 1;
    for (size_t i = 0; i < SIM_PARTITIONS_MAX; i++) {
        group.committed[i] = -1;
    }
}

int32_t group_generation(void) {
    return group.generation;
}

static struct member *find(uint64_t id) {
    for (size_t i = 0; id != 0 && i < MEMBERS_MAX; i++) {
        if (group.members[i].id == id) {
            return &group.members[i];
        }
    }
    return NULL;
}

static size_t member_count(void) {
    size_t count = 0;
    for (size_t i = 0; i < MEMBERS_MAX; i++) {
        count += group.members[i].id != 0;
    }
    return count;
}

/* Who should have each partition: owners keep what they have up to their share. */
static void balance(struct member *targets[]) {
    size_t members = member_count();
    size_t partitions = (size_t)group.partition_count;
    size_t counts[MEMBERS_MAX] = {0};
    size_t larger_left = partitions % members;
    for (size_t p = 0; p < partitions; p++) {
        targets[p] = NULL;
        struct member *owner = NULL;
        for (size_t i = 0; i < MEMBERS_MAX; i++) {
            struct member *member = &group.members[i];
            if (member->id != 0 && (member->owned >> p & 1U) != 0 &&
                (owner == NULL || member->owned_since > owner->owned_since)) {
                owner = member;
            }
        }
        if (owner == NULL) {
            continue;
        }
        size_t at = (size_t)(owner - group.members);
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
                if (group.members[n].id != 0 && counts[n] < least) {
                    least = counts[n];
                }
            }
            if (group.members[i].id != 0 && counts[i] == least) {
                targets[p] = &group.members[i];
                counts[i]++;
            }
        }
    }
}

/* Cooperative: what another member still owns is given only after that one has let go. */
static void assign(void) {
    struct member *targets[SIM_PARTITIONS_MAX];
    balance(targets);
    for (size_t i = 0; i < MEMBERS_MAX; i++) {
        group.members[i].assigned = 0;
    }
    for (size_t p = 0; p < (size_t)group.partition_count; p++) {
        bool held = false;
        for (size_t i = 0; i < MEMBERS_MAX; i++) {
            const struct member *member = &group.members[i];
            held =
                held || (member->id != 0 && member != targets[p] && (member->owned >> p & 1U) != 0);
        }
        if (!held) {
            targets[p]->assigned |= UINT32_C(1) << p;
        }
    }
}

static void complete(void *context, uint64_t serial) {
    (void)context;
    if (group.state != GROUP_PREPARING || serial != group.rebalance) {
        return;
    }
    bool all_joined = true;
    for (size_t i = 0; i < MEMBERS_MAX; i++) {
        struct member *member = &group.members[i];
        if (member->id != 0 && !member->has_joined) {
            if (sim_now() < group.deadline_ms) {
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
    group.state = GROUP_STABLE;
    group.generation++;
    if (member_count() == 0) {
        return;
    }
    assign();
    for (size_t i = 0; i < MEMBERS_MAX; i++) {
        struct member *member = &group.members[i];
        if (member->id != 0) {
            member->has_joined = false;
            member->seen_ms = sim_now();
            sim_trace("generation %d: member %llu has %#x", group.generation,
                      (unsigned long long)member->id, member->assigned);
            member->joined(member->client, member->id, group.generation, member->assigned);
        }
    }
}

/* Is everybody here? Then the rebalance ends in a moment. */
static void look_around(void) {
    if (group.state != GROUP_PREPARING) {
        return;
    }
    for (size_t i = 0; i < MEMBERS_MAX; i++) {
        if (group.members[i].id != 0 && !group.members[i].has_joined) {
            return;
        }
    }
    sim_at(sim_now() + sim_between(0, 50), complete, NULL, group.rebalance);
}

static void prepare(void) {
    if (group.state == GROUP_STABLE) {
        group.state = GROUP_PREPARING;
        group.rebalance++;
        group.deadline_ms = sim_now() + group.rebalance_timeout_ms;
        sim_at(group.deadline_ms, complete, NULL, group.rebalance);
        sim_trace("a rebalance begins");
    }
}

static void expire(void *context, uint64_t id) {
    (void)context;
    struct member *member = find(id);
    if (member == NULL) {
        return;
    }
    int64_t end_ms = member->seen_ms + group.session_timeout_ms;
    if (sim_now() >= end_ms && !member->has_joined) {
        sim_trace("member %llu's session has expired", (unsigned long long)id);
        member->id = 0;
        prepare();
        look_around();
        return;
    }
    sim_at(sim_now() >= end_ms ? sim_now() + group.session_timeout_ms : end_ms, expire, NULL, id);
}

rd_kafka_resp_err_t group_join(uint64_t id, uint32_t owned, group_joined joined, void *client,
                               uint64_t *ret_member) {
    struct member *member = find(id);
    if (id != 0 && member == NULL) {
        return RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID;
    }
    if (id == 0) {
        for (size_t i = 0; member == NULL; i++) {
            REQUIRE(i < MEMBERS_MAX);
            member = group.members[i].id == 0 ? &group.members[i] : NULL;
        }
        *member = (struct member){.id = group.next_member++};
        sim_at(sim_now() + group.session_timeout_ms, expire, NULL, member->id);
    }
    member->owned = owned;
    member->owned_since = group.generation;
    member->has_joined = true;
    member->seen_ms = sim_now();
    member->joined = joined;
    member->client = client;
    *ret_member = member->id;
    prepare();
    look_around();
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t group_heartbeat(uint64_t id, int32_t generation) {
    struct member *member = find(id);
    if (member == NULL) {
        return RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID;
    }
    if (generation != group.generation) {
        return RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION;
    }
    member->seen_ms = sim_now();
    return group.state == GROUP_STABLE ? RD_KAFKA_RESP_ERR_NO_ERROR
                                       : RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS;
}

void group_leave(uint64_t id) {
    struct member *member = find(id);
    if (member != NULL) {
        sim_trace("member %llu leaves", (unsigned long long)id);
        member->id = 0;
        prepare();
        look_around();
    }
}

bool group_committed(int32_t partition, bool stable, int64_t *ret_offset) {
    for (size_t i = 0; stable && i < group.pending_count; i++) {
        if (group.pending[i].offset.partition == partition) {
            return false;
        }
    }
    *ret_offset = group.committed[partition];
    return true;
}

void group_set_back(int32_t partition) {
    if (group.committed[partition] > 0) {
        group.committed[partition] = sim_between(0, group.committed[partition]);
        sim_trace("offset of [%d] is set back to %lld", partition,
                  (long long)group.committed[partition]);
    }
}

static struct known_epoch *epoch_of(int64_t producer) {
    for (size_t i = 0; i < group.epoch_count; i++) {
        if (group.epochs[i].producer == producer) {
            return &group.epochs[i];
        }
    }
    REQUIRE(group.epoch_count < sizeof group.epochs / sizeof group.epochs[0]);
    group.epochs[group.epoch_count] = (struct known_epoch){producer, 0};
    return &group.epochs[group.epoch_count++];
}

rd_kafka_resp_err_t group_commit_pending(struct producer_id producer, uint64_t id,
                                         int32_t generation, const struct group_offset *offsets,
                                         size_t count) {
    struct known_epoch *known = epoch_of(producer.id);
    if (producer.epoch < known->epoch) {
        return RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
    }
    known->epoch = producer.epoch;
    /* ClassicGroup.validateOffsetCommit: nobody, of no generation, may commit (P3). */
    bool is_anonymous = generation < 0 && id == 0;
    if (!is_anonymous && find(id) == NULL) {
        return RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID;
    }
    if (!is_anonymous && generation != group.generation) {
        return RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION;
    }
    for (size_t i = 0; i < count; i++) {
        REQUIRE(group.pending_count < PENDING_MAX);
        group.pending[group.pending_count++] = (struct pending){producer.id, offsets[i]};
        sim_trace("pending offset of [%d]: %lld by producer %lld", offsets[i].partition,
                  (long long)offsets[i].offset, (long long)producer.id);
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

void group_decide(int64_t producer, int epoch, bool commit) {
    epoch_of(producer)->epoch = epoch;
    size_t kept = 0;
    for (size_t i = 0; i < group.pending_count; i++) {
        const struct pending *pending = &group.pending[i];
        if (pending->producer != producer) {
            group.pending[kept++] = *pending;
        } else if (commit) {
            group.committed[pending->offset.partition] = pending->offset.offset;
            sim_trace("committed offset of [%d]: %lld", pending->offset.partition,
                      (long long)pending->offset.offset);
        }
    }
    group.pending_count = kept;
}
