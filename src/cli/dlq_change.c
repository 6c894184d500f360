/* accrued dlq replay and purge: what changes topics. Both first say how many letters it is about,
 * and do nothing until that number is confirmed. */
#include "dlq.h"

#include "accrued/purge.h"
#include "accrued/replay.h"
#include "accrued/require.h"
#include "command.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The number again, from --confirm or from a person at the terminal. */
static bool confirm(const struct dlq *dlq, size_t count, const char *what, struct fault *fault) {
    if (dlq->confirmed >= 0) {
        return (uint64_t)dlq->confirmed == count ||
               fault_set(fault, "--confirm %lld, but it is %zu letters: nothing was done",
                         (long long)dlq->confirmed, count);
    }
    if (isatty(STDIN_FILENO) == 0) {
        return fault_set(fault, "nothing was done; to %s them: --confirm %zu", what, count);
    }
    char answer[32];
    (void)fprintf(stderr, "To %s them, type the number %zu: ", what, count);
    bool is_read = fgets(answer, sizeof answer, stdin) != NULL;
    char wanted[32];
    (void)snprintf(wanted, sizeof wanted, "%zu\n", count);
    return (is_read && strcmp(answer, wanted) == 0) || fault_set(fault, "nothing was done");
}

/* ---- replay ---- */

struct replaying {
    const struct letters *letters;
    struct replayer *replayer;
};

/* Reasons for which sending a letter back unchanged cannot help, or must be meant. */
static const char *hindrance(const struct dlq *dlq, const struct letter *letter) {
    if (text_is_null(letter->code) || letter->source_offset < 0) {
        return "no worker wrote it: it says neither a reason nor where it came from";
    }
    if (letter->replayed_at_ms >= 0 && !dlq->is_again) {
        return "replayed already (--again sends it once more)";
    }
    if (!text_equal(letter->code, TEXT("wrong_partition"))) {
        return NULL;
    }
    if (!letter->key_is_customer) {
        return "wrong_partition: its key is not its customer_id, so it would come back; its "
               "producer has to send it again";
    }
    bool is_named = dlq->filter.position_count > 0 || dlq->filter.offset != DLQ_ANY;
    for (size_t i = 0; i < dlq->filter.code_count; i++) {
        is_named = is_named || text_equal(dlq->filter.codes[i], letter->code);
    }
    return is_named ? NULL
                    : "wrong_partition: it would go to the partition of its key, where on a tie of "
                      "revisions it counts as the newest; name the code or the letter";
}

/* Keeps what can be replayed; tells of the rest, with the letters of the first few. */
static void set_aside(const struct dlq *dlq, struct letters *letters) {
    const char *told[8] = {NULL};
    size_t counts[8] = {0};
    size_t kept = 0;
    for (size_t i = 0; i < letters->count; i++) {
        const char *why = hindrance(dlq, &letters->items[i]);
        if (why == NULL) {
            letters->items[kept++] = letters->items[i];
            continue;
        }
        size_t k = 0;
        while (told[k] != NULL && told[k] != why) {
            k++;
        }
        REQUIRE(k < sizeof told / sizeof told[0]);
        told[k] = why;
        counts[k]++;
    }
    letters->count = kept;
    for (size_t k = 0; k < sizeof told / sizeof told[0] && told[k] != NULL; k++) {
        (void)fprintf(stderr, "accrued dlq: %zu left out: %s\n", counts[k], told[k]);
    }
}

static bool send_letter(void *context, const struct topic_record *record, struct fault *fault) {
    struct replaying *replaying = context;
    return letters_find(replaying->letters, record->partition, record->offset) == NULL ||
           replayer_send(replaying->replayer, record, fault);
}

/* Partition by partition, from the first letter to the last. */
static bool send_all(const struct dlq *dlq, struct replaying *replaying, struct fault *fault) {
    const struct letters *letters = replaying->letters;
    bool is_good = true;
    for (size_t i = 0; i < letters->count && is_good;) {
        size_t last = i;
        while (last + 1 < letters->count &&
               letters->items[last + 1].partition == letters->items[i].partition) {
            last++;
        }
        is_good = topic_read_range(dlq->config, dlq->config->topics.billing_lines_dlq,
                                   (struct topic_range){letters->items[i].partition,
                                                        letters->items[i].offset,
                                                        letters->items[last].offset + 1},
                                   send_letter, replaying, fault);
        i = last + 1;
    }
    return is_good && replayer_commit(replaying->replayer, fault);
}

static int replay_letters(const struct dlq *dlq, struct replayer *replayer,
                          struct letters *letters) {
    struct fault fault;
    set_aside(dlq, letters);
    (void)fprintf(stderr, "accrued dlq: %zu letter%s to replay\n", letters->count,
                  letters->count == 1 ? "" : "s");
    if (letters->count == 0 || dlq->is_dry_run) {
        return COMMAND_OK;
    }
    if (!confirm(dlq, letters->count, "replay", &fault)) {
        return command_failed(dlq->command, &fault);
    }
    struct replaying replaying = {letters, replayer};
    bool is_good = send_all(dlq, &replaying, &fault);
    size_t count = replayer_count(replayer);
    if (is_good && count != letters->count) {
        is_good = fault_set(&fault, "%zu letters are not there any more", letters->count - count);
    }
    (void)printf("%zu\n", count);
    (void)fprintf(stderr, "accrued dlq: replayed %zu of %zu\n", count, letters->count);
    return is_good ? COMMAND_OK : command_failed(dlq->command, &fault);
}

int dlq_replay(const struct dlq *dlq) {
    struct letters letters;
    struct fault fault;
    /* First the producer: it ends another replay, whose marks are then there or not to come. */
    struct replayer *replayer = dlq->is_dry_run ? NULL : replayer_open(dlq->config, &fault);
    if ((replayer == NULL && !dlq->is_dry_run) ||
        !letters_read(dlq->config, &dlq->filter, &letters, &fault)) {
        replayer_free(replayer);
        return command_failed(dlq->command, &fault);
    }
    int code = replay_letters(dlq, replayer, &letters);
    replayer_free(replayer);
    letters_release(&letters);
    return code;
}

/* ---- purge ---- */

static bool check_cuts(const struct dlq *dlq, struct fault *fault) {
    const char *topic = dlq->config->topics.billing_lines_dlq;
    struct topic_bounds *bounds = NULL;
    int32_t count = 0;
    if (!topic_bounds(dlq->config, topic, &bounds, &count, fault)) {
        return false;
    }
    bool is_good = true;
    for (size_t i = 0; i < dlq->cut_count && is_good; i++) {
        struct letter_position cut = dlq->cuts[i];
        if (cut.partition >= count) {
            is_good = fault_set(fault, "%s has no partition %d; there are %d", topic, cut.partition,
                                count);
        } else if (cut.offset > bounds[cut.partition].end) {
            is_good = fault_set(fault, "%s [%d] ends at %lld, before %lld", topic, cut.partition,
                                (long long)bounds[cut.partition].end, (long long)cut.offset);
        }
        for (size_t j = 0; j < i && is_good; j++) {
            is_good = dlq->cuts[j].partition != cut.partition ||
                      fault_set(fault, "partition %d is named twice", cut.partition);
        }
    }
    free(bounds);
    return is_good;
}

static bool is_cut(const struct dlq *dlq, const struct letter *letter) {
    for (size_t i = 0; i < dlq->cut_count; i++) {
        if (dlq->cuts[i].partition == letter->partition) {
            return letter->offset < dlq->cuts[i].offset;
        }
    }
    return false;
}

static bool delete_all(const struct dlq *dlq, struct fault *fault) {
    struct topic_cut cuts[DLQ_POSITIONS_MAX];
    for (size_t i = 0; i < dlq->cut_count; i++) {
        cuts[i] = (struct topic_cut){dlq->cuts[i].partition, dlq->cuts[i].offset};
    }
    return topic_delete_before(dlq->config, dlq->config->topics.billing_lines_dlq, cuts,
                               dlq->cut_count, fault);
}

int dlq_purge(const struct dlq *dlq) {
    struct letters letters;
    struct fault fault;
    if (!check_cuts(dlq, &fault) || !letters_read(dlq->config, &dlq->filter, &letters, &fault)) {
        return command_failed(dlq->command, &fault);
    }
    size_t count = 0;
    size_t open = 0;
    for (size_t i = 0; i < letters.count; i++) {
        bool goes = is_cut(dlq, &letters.items[i]);
        count += goes;
        open += goes && letters.items[i].replayed_at_ms < 0;
    }
    letters_release(&letters);
    (void)fprintf(stderr, "accrued dlq: %zu letter%s to delete, %zu of them never replayed\n",
                  count, count == 1 ? "" : "s", open);
    if (dlq->is_dry_run) {
        return COMMAND_OK;
    }
    if (!confirm(dlq, count, "delete", &fault) || !delete_all(dlq, &fault)) {
        return command_failed(dlq->command, &fault);
    }
    (void)printf("%zu\n", count);
    return COMMAND_OK;
}
