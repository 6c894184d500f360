"""The rooms of the house: which file may include which. layers.py has the order."""

import binary
import layers
import pytest

RULES = (layers.wrong_rooms, layers.wrong_arrows, layers.wrong_libraries, layers.wrong_purity)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_tree_keeps(rule):
    assert rule(binary.ROOT) == []


@pytest.mark.parametrize(
    ("rule", "path", "line"),
    [
        (layers.wrong_arrows, "src/base/text.c", '#include "accrued/rating.h"'),
        (layers.wrong_arrows, "src/rate/rating.c", '#include "accrued/config.h"'),
        (layers.wrong_arrows, "src/decode/plan.c", '#include "accrued/log.h"'),
        (layers.wrong_arrows, "src/source/source_kafka.c", '#include "accrued/lane.h"'),
        (layers.wrong_arrows, "src/source/source_kafka.c", '#include "../lane/batch.h"'),
        (layers.wrong_arrows, "src/publish/verdict.c", '#include "cli/command.h"'),
        (layers.wrong_arrows, "src/lane/lane.c", '#include "accrued/ingest.h"'),
        (layers.wrong_arrows, "src/lane/lane.c", '#include "accrued/no_such_thing.h"'),
        (layers.wrong_arrows, "include/accrued/money.h", '#include "accrued/ledger.h"'),
        (layers.wrong_arrows, "include/accrued/log.h", '#include "accrued/lag.h"'),
        (layers.wrong_libraries, "src/lane/lane.c", "#include <librdkafka/rdkafka.h>"),
        (layers.wrong_libraries, "src/enrich/cache.c", "#include <hiredis/hiredis.h>"),
        (layers.wrong_libraries, "src/decode/plan.c", "#  include <avro.h>"),
        (layers.wrong_libraries, "src/config/tree_yaml.c", "#include <yajl/yajl_tree.h>"),
        (layers.wrong_libraries, "src/source/source_kafka.c", "#include <curl/curl.h>"),
        (layers.wrong_libraries, "include/accrued/source.h", "#include <librdkafka/rdkafka.h>"),
        (layers.wrong_purity, "src/rate/rating.c", "#include <time.h>"),
        (layers.wrong_purity, "src/rate/rating.c", '#include "accrued/clock.h"'),
        (layers.wrong_purity, "src/publish/verdict.c", "#include <unistd.h>"),
        (layers.wrong_purity, "include/accrued/money.h", "#include <sys/stat.h>"),
        (layers.wrong_rooms, "src/utils/helpers.c", "/* everything else */"),
        (layers.wrong_rooms, "include/accrued/new.h", "/* new.h: something. No room. */"),
        (layers.wrong_rooms, "include/accrued/new.h", "/* new.h: something. Room: attic. */"),
    ],
)
def test_a_planted_violation_is_found(copy, rule, path, line):
    known = rule(copy.root)
    copy.add_line(path, line)
    found = [wrong for wrong in rule(copy.root) if wrong not in known]
    assert len(found) == 1, found
    assert path.split("/")[1] in found[0]


def test_what_points_down_is_allowed(copy):
    known = layers.wrong_arrows(copy.root)
    copy.add_line("src/cli/command.c", '#include "accrued/lane.h"')
    copy.add_line("src/lane/lane.c", '#include "accrued/ledger.h"')
    copy.add_line("src/enrich/cache.c", '#include "accrued/log.h"')
    assert layers.wrong_arrows(copy.root) == known


def test_a_room_may_stand_on_a_later_line_of_the_contract():
    assert layers.rooms_of_contract("x. Room: rate. Pure.") == ("rate",)
    assert layers.rooms_of_contract("x. Rooms: source (Kafka), enrich (Redis).") == (
        "source",
        "enrich",
    )
    assert layers.rooms_of_contract("x. Nothing.") == ()
