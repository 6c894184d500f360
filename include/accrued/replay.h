/* replay.h: dead letters back into the input. Room: publish. Adapter: librdkafka.
 *
 * For `accrued dlq replay`. A letter goes back as it came: key, value and headers, without the
 * worker's accrued.error.*, with its accrued.source.* (on a tie of revisions the original offset
 * decides). In the same transaction a mark goes into the letter's partition of the dead letters, so
 * that a letter is replayed and marked, or neither. One operator at a time: a second one takes the
 * transactional id over, and the first fails. One thread. */
#ifndef ACCRUED_REPLAY_H
#define ACCRUED_REPLAY_H

#include "accrued/topic_reader.h"

/* Of a mark: the offset of the letter. */
#define REPLAY_MARK_HEADER "accrued.replayed.offset"

struct replayer;

/* NULL: *fault. Ends what a former replay left open. */
struct replayer *replayer_open(const struct config *config, struct fault *fault);
/* Aborts what is not committed. NULL is accepted. */
void replayer_free(struct replayer *replayer);

/* Queues one letter and its mark. Commits by itself when enough are queued. false: *fault; what was
 * not committed has been aborted, and nothing more can be sent. */
bool replayer_send(struct replayer *replayer, const struct topic_record *letter,
                   struct fault *fault);
/* false: as above. */
bool replayer_commit(struct replayer *replayer, struct fault *fault);
/* Letters in committed transactions. */
size_t replayer_count(const struct replayer *replayer);

#endif
