"""An input topic that was deleted and made again, as long as before: never taken for the old one."""

import kafka_io
from expectations import check_all, records, send_lines, stream_case
from servers import wait_until
from test_disaster import lose, make_topics
from test_ledger_file import wait_for_end


def test_a_topic_made_again_stops_the_worker(accrued_config, kafka):
    case = stream_case(71, 120)
    setup = accrued_config(case, partitions=1)
    lines = records(case)
    send_lines(kafka, setup.input, lines)
    worker = setup.start()
    setup.wait_until_drained()
    check_all(setup, lines)
    worker.stop()
    accruals = len(setup.accruals())

    # Stopped and started, the same topic is recognised.
    worker = setup.start()
    wait_until(lambda: "partition_ready" in worker.log.read_text(), worker.tail)
    worker.stop()

    lose(setup, "billing_lines")
    make_topics(setup)
    send_lines(kafka, setup.input, list(reversed(lines)))
    worker = setup.start(lanes={"rebuilds_max": 0})
    code, told = wait_for_end(worker)
    assert code == 1
    assert "is not the one that was processed" in told
    assert setup.input in told
    assert len(kafka_io.read_all(kafka, setup.topics["accruals"])) == accruals
