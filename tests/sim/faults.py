"""Faults to plant: each an edit or a few of the sources, as somebody might have written them, and
why it would cost money. run_faults.py shows that the simulation finds them; one that is `rare`, for
which some thousand seeds are needed, only where it is named. `known` is a seed that is tried before
the search: where it no longer shows the fault, as the worlds have changed, all are searched."""

FAULTS = [
    dict(name="watermark-before-stable-offset", known=3232, seeds=8000,
         why="A former owner's block may come between the two (transactions.md P52).",
         edits=[
             ("src/lane/partitions.c",
              "    if (!source_committed(lane->source, partition->number, COMMITTED_TIMEOUT_MS,\n",
              "    (void)restorer_watermark(lane->restorer, partition->number);\n"
              "    if (!source_committed(lane->source, partition->number, COMMITTED_TIMEOUT_MS,\n"),
             ("src/source/restore_kafka.c",
              "    size_t capacity;\n};\n\n/* The handle learns",
              "    size_t capacity;\n    int64_t early[64];\n};\n\n/* The handle learns"),
             ("src/source/restore_kafka.c",
              "    return ask_range(restorer, partition, &low, &high, &unused) ? high : -1;",
              "    bool is_good = ask_range(restorer, partition, &low, &high, &unused);\n"
              "    restorer->early[partition] = is_good ? high + 1 : 0;\n"
              "    return is_good ? high : -1;"),
             ("src/source/restore_kafka.c",
              "    if (from > high) {\n",
              "    if (restorer->early[partition] > 0) {\n"
              "        high = restorer->early[partition] - 1;\n    }\n"
              "    if (from > high) {\n"),
         ]),
    dict(name="watermark-of-committed-reader",
         why="A read_committed handle calls the last stable offset the high watermark (P51).",
         edits=[("src/source/restore_kafka.c",
                 "restorer->reader == NULL ? NULL : kafka_reader_new(config, role, "
                 "\"read_uncommitted\", fault);",
                 "restorer->reader == NULL ? NULL : kafka_reader_new(config, role, "
                 "\"read_committed\", fault);")]),
    dict(name="restore-to-the-first-end",
         why="The first end of partition is the last stable offset: blocks whose marker is on its "
             "way are missing.",
         edits=[("src/source/restore_kafka.c",
                 "message->offset >= item->high_watermark", "true")]),
    dict(name="unknown-outcome-called-aborted",
         why="The commit may have been decided: what is tried again is paid twice (P22).",
         edits=[
             ("src/publish/publish_kafka.c",
              "        publisher->state = TRANSACTION_UNKNOWN;\n"
              "        verdict = verdict == VERDICT_STOP ? VERDICT_STOP : VERDICT_REBUILD;\n",
              "        rd_kafka_error_t *again = rd_kafka_init_transactions(publisher->producer, -1);\n"
              "        publisher->state = TRANSACTION_NONE;\n"
              "        if (again != NULL) {\n"
              "            publisher->state = TRANSACTION_UNKNOWN;\n"
              "            rd_kafka_error_destroy(again);\n"
              "            return VERDICT_REBUILD;\n"
              "        }\n"
              "        return VERDICT_ABORT;\n"),
             ("src/publish/publish_kafka.c",
              "    REQUIRE(publisher->state != TRANSACTION_NONE);\n",
              "    if (publisher->state == TRANSACTION_NONE) {\n"
              "        return VERDICT_COMMITTED;\n"
              "    }\n"),
         ]),
    dict(name="unknown-outcome-called-committed",
         why="The commit may have been refused: the lines are lost until the next restart, and the "
             "ledger says that they were paid.",
         edits=[
             ("src/publish/publish_kafka.c",
              "        publisher->state = TRANSACTION_UNKNOWN;\n"
              "        verdict = verdict == VERDICT_STOP ? VERDICT_STOP : VERDICT_REBUILD;\n",
              "        rd_kafka_error_t *again = rd_kafka_init_transactions(publisher->producer, -1);\n"
              "        publisher->state = TRANSACTION_NONE;\n"
              "        if (again != NULL) {\n"
              "            publisher->state = TRANSACTION_UNKNOWN;\n"
              "            rd_kafka_error_destroy(again);\n"
              "            return VERDICT_REBUILD;\n"
              "        }\n"
              "        return VERDICT_COMMITTED;\n"),
         ]),
    dict(name="block-id-used-again",
         why="A restarted owner counts from 1: blocks replace others under compaction.",
         edits=[("src/ledger/restore.c",
                 "    ledger->head = *header;\n",
                 "    ledger->head = *header;\n    ledger->head.id = 0;\n")]),
    dict(name="no-rewind-after-abort",
         why="What was gathered and aborted is never gathered again (P2).",
         edits=[("src/lane/transact.c",
                 "        if (!source_seek(lane->source, partition->number, "
                 "partition->batch_start, fault)) {\n"
                 "            return VERDICT_REBUILD;\n"
                 "        }\n"
                 "        partition->gather_next = partition->batch_start;\n",
                 "")]),
    dict(name="rewind-of-one-partition",
         why="Retained partitions are not rewound, as in librdkafka's own example (P2).",
         edits=[("src/lane/transact.c",
                 "        partition->gather_next = partition->batch_start;\n"
                 "        partition->batch_start = -1;\n"
                 "        partition->gathered = 0;\n"
                 "    }\n"
                 "    return VERDICT_COMMITTED;",
                 "        partition->gather_next = partition->batch_start;\n"
                 "        partition->batch_start = -1;\n"
                 "        partition->gathered = 0;\n"
                 "        for (size_t n = i + 1; n < lane->partition_count; n++) {\n"
                 "            ledger_abort(lane->partitions[n].ledger);\n"
                 "            lane->partitions[n].batch_start = -1;\n"
                 "            lane->partitions[n].gathered = 0;\n"
                 "        }\n"
                 "        break;\n"
                 "    }\n"
                 "    return VERDICT_COMMITTED;")]),
    dict(name="commit-with-late-metadata",
         why="A zombie that asks late is nobody, of no generation, and nobody is fenced (P3).",
         edits=[
             ("src/source/membership_kafka.c",
              "    if (metadata == NULL || generation_of(metadata) < 0 ||\n"
              "        rd_kafka_assignment_lost(consumer) != 0) {",
              "    if (metadata == NULL) {"),
             ("src/source/membership_kafka.c",
              "        is_member ? rd_kafka_consumer_group_metadata(consumer) : NULL;",
              "        is_member || true ? rd_kafka_consumer_group_metadata(consumer) "
              ": NULL;"),
             ("src/lane/transact.c",
              "    REQUIRE(count > 0);\n"
              "    return publisher_commit(lane->publisher, offsets, count, lane->snapshot, fault);",
              "    REQUIRE(count > 0);\n"
              "    group_snapshot_free(lane->snapshot);\n"
              "    lane->snapshot = source_snapshot(lane->source, fault);\n"
              "    return publisher_commit(lane->publisher, offsets, count, lane->snapshot, fault);"),
         ]),
    dict(name="offsets-outside-of-the-transaction",
         why="Nothing fences a former owner, and nothing says how far it came (P53).",
         edits=[("src/publish/publish_kafka.c",
                 "        verdict = send_offsets(publisher, offsets, offset_count, group, "
                 "fault);",
                 "    (void)send_offsets;\n    (void)offsets;\n    (void)offset_count;\n"
                 "    (void)group;")]),
    dict(name="cache-kept-over-a-lost-connection",
         why="What changed while nobody listened is never heard of.",
         edits=[("src/enrich/enricher.c",
                 "        cache_flush(&enricher->cache, keep ? CACHE_FLUSH_KEEP_STALE : "
                 "CACHE_FLUSH_FORGET,\n"
                 "                    store_fresh_ms(enricher->store));\n",
                 "        (void)keep;\n")]),
    dict(name="freshness-never-asked",
         why="A connection that fell silent looks like one that has no news.",
         edits=[("src/enrich/enricher.c",
                 "    int64_t fresh_ms = enricher->config->reference.fresh_ms;\n"
                 "    struct fault fault;\n",
                 "    int64_t fresh_ms = INT64_MAX / 4;\n    struct fault fault;\n")]),
    dict(name="news-of-pinned-values-lost",
         why="What changes while a batch uses it is taken for unchanged by all that follow.",
         edits=[("src/enrich/cache.c",
                 "    if (slot_is_pinned(cache, slot)) {\n"
                 "        slot->outdated = true;\n"
                 "    } else {\n"
                 "        slot_drop(cache, slot);\n"
                 "    }\n",
                 "    if (!slot_is_pinned(cache, slot)) {\n"
                 "        slot_drop(cache, slot);\n"
                 "    }\n")]),
    dict(name="block-in-another-partition",
         why="Its owner never restores it, another one is stopped by it.",
         edits=[("src/lane/transact.c",
                 "        .partition = sender->partition,\n",
                 "        .partition = (sender->partition + 1) % "
                 "source_partition_count(sender->lane->source),\n")]),
    dict(name="index-trusted-unread",
         why="Two lines whose hashes agree in the slot are taken for one.",
         edits=[("src/ledger/ledger.c",
                 "        if (text_starts_with(entry, key)) {\n            ledger->found = entry;",
                 "        if (entry.size > 0) {\n            ledger->found = entry;")]),
    dict(name="tie-reversed",
         why="On a tie the later line wins, not the earlier.",
         edits=[("src/ledger/posting.c",
                 "    return line->revision < old->line.revision ||\n",
                 "    return line->revision <= old->line.revision ||\n")]),
    dict(name="offset-one-too-high",
         why="Every batch loses the line behind it.",
         edits=[("src/lane/work.c",
                 "            .next_offset = record->offset + 1,",
                 "            .next_offset = record->offset + 2,")]),
    dict(name="spoilt-batch-committed", known=632,
         why="A partition is taken away while a later portion is gathered; what the portions before "
             "hold of it is published by who does not own it any more.",
         edits=[("src/lane/partitions.c",
                 "(partition->batch_start >= 0 && lane->batch.done_count > 0);",
                 "false;")]),
    dict(name="overlay-of-a-batch-given-back", known=728,
         why="What portions posted stays although their batch is gathered again: it comes out with "
             "the next chunk that is rated again.",
         edits=[("src/lane/portions.c",
                 "        ledger_abort(partition->ledger);\n        if (!source_seek(",
                 "        if (!source_seek(")]),
    dict(name="given-back-without-seek",
         why="Lines of a batch that is given back do not come again.",
         edits=[("src/lane/portions.c",
                 "        partition->gather_next = partition->batch_start;\n"
                 "        partition->batch_start = -1;\n",
                 "        partition->batch_start = -1;\n"),
                ("src/lane/portions.c",
                 "!source_seek(lane->source, partition->number, partition->batch_start, fault)",
                 "!source_seek(lane->source, partition->number, partition->gather_next, fault)")]),
    dict(name="portion-begins-anew",
         why="A batch keeps the outputs of its last portion only.",
         edits=[("src/lane/work.c",
                 "    if (lane->batch.done_count == 0) {\n        start_over(lane);\n    }\n",
                 "    start_over(lane);\n")]),
    dict(name="end-of-the-first-portion",
         why="The position behind a batch is that behind its first portion.",
         edits=[("src/lane/work.c",
                 "        if (partition->last_item == NO_ITEM) {\n",
                 "        if (partition->last_item == NO_ITEM || (lane->batch.done_count > 0 &&\n"
                 "                partition->first_item == NO_ITEM)) {\n")]),
    dict(name="revoked-lines-kept",
         why="Lines of a partition that was taken away are processed all the same (P17).",
         edits=[("src/lane/batch.c",
                 "            batch->items[i].state = ITEM_DROPPED;",
                 "            (void)batch;")]),
    dict(name="unstable-offsets",
         why="Input that was never committed is read, and pending offsets are not waited for (P6).",
         edits=[("src/source/source_kafka.c",
                 "kafka_conf_put(conf, \"isolation.level\", \"read_committed\", fault)",
                 "kafka_conf_put(conf, \"isolation.level\", \"read_uncommitted\", fault)")]),
    dict(name="overlay-not-looked-at",
         why="Two revisions of a line in one batch are both counted from the state before it.",
         edits=[("src/ledger/ledger.c",
                 "    if (overlay_find(&ledger->overlay, key.hash, key.bytes, &item)) {\n"
                 "        ledger_unpack(",
                 "    if (false && overlay_find(&ledger->overlay, key.hash, key.bytes, &item)) {\n"
                 "        ledger_unpack(")]),
    dict(name="overlay-kept-after-abort",
         why="What was aborted counts as published.",
         edits=[("src/ledger/ledger.c",
                 "void ledger_abort(struct ledger *ledger) {\n",
                 "void ledger_abort(struct ledger *ledger) {\n"
                 "    if (ledger->block_count > 0) {\n        ledger_commit(ledger);\n"
                 "        return;\n    }\n")]),
    dict(name="resume-without-seek",
         why="Records that came while the batch waited for Redis were given back, not kept.",
         edits=[("src/lane/portions.c",
                 "!source_start(lane->source, partition->number, partition->gather_next, fault)) {",
                 "!source_start(lane->source, partition->number,\n"
                 "                          source_position(lane->source, partition->number) > 0\n"
                 "                              ? source_position(lane->source, partition->number)\n"
                 "                              : partition->gather_next, fault)) {")]),
    dict(name="entry-cleaned-away",
         why="Cleaning drops a block without copying the newest states that are in it.",
         edits=[("src/ledger/clean.c",
                 "            copy_entry(ledger, entry, hash, at);\n",
                 "            (void)copy_entry;\n")]),
    dict(name="positions-over-unprocessed-lines",
         why="An idle commit moves the group's offset over lines of a partition that has none "
             "gathered.",
         edits=[("src/lane/transact.c",
                 "        bool moves = position > partition->next_offset;\n",
                 "        position += position >= 0;\n"
                 "        bool moves = position > partition->next_offset;\n")]),
    dict(name="mark-by-a-former-owner",
         why="A watermark asked by who does not own the partition any more counts blocks that its "
             "file never saw (found by the simulation, seeds 181 and 292).",
         edits=[("src/lane/partitions.c",
                 "        partition->marked_at_ms = now_ms;\n",
                 "        partition->marked_at_ms = now_ms;\n"
                 "        lane_partition_committed(partition);\n")]),
    dict(name="dropped-batch-not-cleared",
         why="A batch of which everything was taken away meets the idle commit (found by the "
             "simulation, seed 301).",
         edits=[("src/lane/lane.c",
                 "        batch_clear(&lane->batch); /* all that was gathered was taken away */\n",
                 "")]),
    dict(name="rerate-without-offsets",
         why="Rating again needs no offsets, but nothing else fences a former owner (P53).",
         edits=[
             ("src/lane/transact.c",
              "        if (part != PART_OUT) {\n            offsets[count++] =",
              "        if (part == PART_LIVE) {\n            offsets[count++] ="),
             ("src/lane/transact.c",
              "    REQUIRE(count > 0);\n"
              "    return publisher_commit(lane->publisher, offsets,", 
              "    return publisher_commit(lane->publisher, offsets,"),
             ("src/publish/publish_kafka.c",
              "        verdict = send_offsets(publisher, offsets, offset_count, group, "
              "fault);",
              "        verdict = offset_count == 0 ? VERDICT_COMMITTED\n"
              "        : send_offsets(publisher, offsets, offset_count, group, fault);"),
         ]),
    dict(name="rerate-not-gone-back", known=1715, seeds=8000,
         why="The chunk that was aborted is not rated again.",
         edits=[("src/lane/rerate.c",
                 "    if (verdict == VERDICT_COMMITTED && lane->abort_count > 0) {\n"
                 "        rerater_go_back(&rerate->rerater);\n"
                 "    } else if (",
                 "    if (")]),
    dict(name="rerate-done-too-early",
         why="A restart in the middle of a walk believes that it was finished.",
         edits=[("src/lane/rerate.c",
                 "        .offset = is_done ? rerater->head + 1 : position_of(partition),\n",
                 "        .offset = rerater->head + 1,\n")]),
    dict(name="rewind-keeps-its-count",
         why="Lines of an aborted batch are counted twice; /metrics no longer adds up.",
         edits=[("src/lane/transact.c",
                 "        partition->batch_start = -1;\n        partition->gathered = 0;\n",
                 "        partition->batch_start = -1;\n")]),
    dict(name="closed-line-rated",
         why="What is known of a closed line is a stub: its difference would be wrong.",
         edits=[("src/lane/work.c",
                 "    if (!check_horizon(partition->ledger, old, line, ret_reject)) {\n",
                 "    if (!check_horizon(partition->ledger, old, line, ret_reject) && false) {\n")]),
    dict(name="closed-line-rated-again",
         why="A stub has no facts: rated again it would be worth nothing.",
         edits=[("src/ledger/walk.c",
                 "            if (ret_state->line.billing_period >= ledger->head.horizon) {\n",
                 "            if (true) {\n"),
                ("src/lane/rerater.c",
                 "            state.line.billing_period >= ledger_horizon(rerater->ledger) &&\n",
                 "            true &&\n")]),
    dict(name="stub-without-sequences",
         why="Sequences and sums outlive the line's facts.",
         edits=[("src/ledger/clean.c",
                 "    struct line_state stub = *state;\n",
                 "    struct line_state stub = *state;\n    stub.earner_count = 0;\n")]),
    dict(name="position-set-back",
         why="A block of lines that are known already says that the input was not read as far as it "
             "was (found by the drill of test_disaster.py).",
         edits=[("src/lane/transact.c",
                 "        if (part == PART_LIVE && partition->batch_end.next_offset > "
                 "position.next_offset) {\n",
                 "        if (part == PART_LIVE) {\n")]),
    dict(name="rebalance-amid-many",
         why="librdkafka 2.0.2 throws away messages that its call for many has taken when a "
             "rebalance runs in it, and reads on behind them (P48).",
         edits=[("src/source/source_kafka.c",
                 "    source->is_shaken = true;\n", "")]),
    dict(name="stale-without-limit",
         why="serve_stale goes on for as long as Redis is away, however old the values are.",
         edits=[("src/enrich/enricher.c",
                 "    int64_t confirmed_min_ms = now_ms - enricher->config->reference.stale_max_ms;\n",
                 "    int64_t confirmed_min_ms = INT64_MIN;\n    (void)now_ms;\n")]),
    dict(name="lanes-share-a-transactional-id",
         why="Lanes of a process fence each other for ever (P32).",
         edits=[("src/publish/publish_kafka.c",
                 "                   options->transactional_suffix);",
                 "                   options->transactional_suffix[0] >= '0' &&\n"
                 "                           options->transactional_suffix[0] <= '9'\n"
                 "                       ? \"0\"\n"
                 "                       : options->transactional_suffix);")]),
    dict(name="lanes-share-an-instance-id",
         why="Lanes of a process take the static place in the group from each other.",
         edits=[("src/source/source_kafka.c",
                 "\"%s-%s\", config->kafka.group_instance_id, member);",
                 "\"%s-%s\", config->kafka.group_instance_id, member[0] <= '9' ? \"0\" : member);")]),
    dict(name="commit-of-nobody",
         why="Offsets are sent with the group's name alone: of a fenced static member's late commit, "
             "as of any zombie's, nobody sees that it is one (P3).",
         edits=[("src/publish/publish_kafka.c",
                 "            publisher->producer, list, group_snapshot_metadata(group), -1);",
                 "            publisher->producer, list,\n"
                 "            rd_kafka_consumer_group_metadata_new(\n"
                 "                strstr(publisher->transactional_id, \"balances\") != NULL\n"
                 "                    ? \"accrued-balances\" : \"accrued\"),\n"
                 "            group == NULL ? 0 : -1);")]),
    dict(name="programs-swapped-amid-a-batch",
         why="Some lines of a transaction are rated under other programs than its block says, by "
             "other numbers.",
         edits=[("src/lane/work.c",
                 "                      struct provenance *provenance, struct reject *ret_reject) {\n",
                 "                      struct provenance *provenance, struct reject *ret_reject) {\n"
                 "    if (editions_has_newer(lane->shared->editions, lane->edition) &&\n"
                 "        item->record.offset % 2 == 1) {\n"
                 "        lane->edition = editions_take(lane->shared->editions);\n"
                 "        ledger_abort(lane_partition_find(lane, item->record.partition)->ledger);\n"
                 "        for (size_t i = 0; i < lane->partition_count; i++) {\n"
                 "            ledger_abort(lane->partitions[i].ledger);\n"
                 "            ledger_take_programs(lane->partitions[i].ledger, "
                 "lane->edition->programs);\n"
                 "        }\n"
                 "    }\n")]),
    dict(name="reload-not-told-to-rerate",
         why="Past lines are rated again under the programs that were in force at the start.",
         edits=[("src/lane/rerate.c",
                 "    rerater_rules(&lane->rerate->rerater, lane->edition->programs, "
                 "lane->edition->catalog,\n",
                 "    if (lane->number >= 0) {\n        return;\n    }\n"
                 "    rerater_rules(&lane->rerate->rerater, lane->edition->programs, "
                 "lane->edition->catalog,\n")]),
    dict(name="reload-not-told-to-the-ledger",
         why="A ledger goes on with the numbers of the programs before.",
         edits=[("src/lane/lane.c",
                 "        ledger_take_programs(lane->partitions[i].ledger, lane->edition->programs);\n",
                 "")]),
    dict(name="stop-where-a-reload-has-come", rare=True,
         why="A lane in whose round a reload comes stops at a ledger that others wrote under the "
             "newer programs (found by the simulation, seed 395).",
         edits=[("src/lane/lane.c",
                 "    if (verdict == VERDICT_STOP && editions_has_newer(",
                 "    if (false && editions_has_newer(")]),
    dict(name="balances-no-rewind-after-abort",
         why="Accruals of an aborted transaction are never added up.",
         edits=[("src/balance/transact.c",
                 "        if (!source_seek(balances->source, share->number, share->batch_start, fault)) {\n"
                 "            return VERDICT_REBUILD;\n"
                 "        }\n"
                 "        share->gather_next = share->batch_start;\n",
                 "")]),
    dict(name="balances-kept-after-abort",
         why="Accruals of an aborted transaction count twice.",
         edits=[("src/balance/transact.c",
                 "        balance_book_abort(share->book);\n",
                 "        balance_book_commit(share->book);\n")]),
    dict(name="balances-from-the-groups-offset",
         why="The sums say where to go on, not the group, whose offset anybody can set.",
         edits=[("src/balance/shares.c",
                 "    int64_t start = known > first ? known : first;\n",
                 "    known = share->committed >= 0 ? share->committed : known;\n"
                 "    int64_t start = known > first ? known : first;\n")]),
    dict(name="balances-over-a-gap",
         why="A group's offset that was set forward is believed: what lies between is never added "
             "up.",
         edits=[("src/balance/shares.c",
                 "    int64_t start = known > first ? known : first;\n",
                 "    int64_t start = needed > first ? needed : first;\n")]),
    dict(name="balances-watermark-first",
         why="A former owner's balances may come between the two (P52).",
         edits=[("src/balance/shares.c",
                 "    if (!source_committed(balances->source, share->number, COMMITTED_TIMEOUT_MS, "
                 "&share->committed,\n                          fault)) {\n",
                 "    share->committed = 0;\n"
                 "    if (fault == NULL) {\n")]),
    dict(name="balances-without-a-snapshot", rare=True,
         why="Group metadata that is taken late makes a former owner an accepted one, or nobody (P3).",
         edits=[("src/balance/transact.c",
                 "    enum verdict verdict =\n"
                 "        publisher_commit(balances->publisher, offsets, count, balances->snapshot, "
                 "fault);\n    free(offsets);",
                 "    group_snapshot_free(balances->snapshot);\n"
                 "    balances->snapshot = source_snapshot(balances->source, fault);\n"
                 "    enum verdict verdict =\n"
                 "        publisher_commit(balances->publisher, offsets, count, balances->snapshot, "
                 "fault);\n    free(offsets);"),
                ("src/source/membership_kafka.c",
                 "    if (metadata == NULL || generation_of(metadata) < 0 ||\n"
                 "        rd_kafka_assignment_lost(consumer) != 0) {",
                 "    if (metadata == NULL) {"),
                ("src/source/membership_kafka.c",
                 "        is_member ? rd_kafka_consumer_group_metadata(consumer) : NULL;",
                 "        is_member || true ? rd_kafka_consumer_group_metadata(consumer) : NULL;")]),
    dict(name="balances-over-unread-accruals",
         why="An idle commit moves over accruals that nobody has added up.",
         edits=[("src/balance/transact.c",
                 "        if (position > share->next_offset) {\n",
                 "        position += position >= 0;\n        if (position > share->next_offset) {\n")]),
    dict(name="block-in-the-file-before-the-commit",
         why="A file says that lines were paid whose transaction was aborted, or died with the "
             "process.",
         edits=[("src/lane/transact.c", "        ledger_commit(partition->ledger);\n", ""),
                ("src/lane/transact.c",
                 "        if (part != PART_OUT) {\n            offsets[count++] =",
                 "        if (part != PART_OUT) {\n            ledger_commit(partition->ledger);\n"
                 "            offsets[count++] =")]),
    dict(name="walk-to-where-the-ledger-ended",
         why="A re-rate takes the blocks at its beginning for all lines, while cleaning moves entries "
             "into later ones.",
         edits=[("src/lane/rerater.c",
                 "/* Collects the lines of a chunk.",
                 "static struct {\n    const struct ledger *of;\n    uint64_t last;\n} ends[4096];\n\n"
                 "/* Collects the lines of a chunk."),
                ("src/lane/rerater.c",
                 "        if (!ledger_walk_next(rerater->ledger, &rerater->walk, &state)) {\n",
                 "        size_t at = (uintptr_t)rerater->ledger / 64 % 4096;\n"
                 "        if (rerater->walk.block_id == 0 || ends[at].of != rerater->ledger) {\n"
                 "            ends[at].of = rerater->ledger;\n"
                 "            ends[at].last = ledger_last_block_id(rerater->ledger);\n        }\n"
                 "        if (!ledger_walk_next(rerater->ledger, &rerater->walk, &state) ||\n"
                 "            rerater->walk.block_id > ends[at].last) {\n")]),
    dict(name="rerate-with-old-values", known=1410,
         why="What a request was made for may not have been heard of yet: its lines are rated again "
             "with the values of before, and count as done.",
         edits=[("src/lane/rerate.c",
                 "        forget_named(lane, &items[i]);\n", "        (void)forget_named;\n")]),
]
