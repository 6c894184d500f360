"""An input topic that was deleted and made again, as long as before: never taken for the old one."""

import time

import kafka_io
from confluent_kafka.admin import AdminClient
from expectations import check_all, records, send_lines, stream_case
from servers import wait_until


def wait_for_end(worker, timeout=30):
    worker.expected_to_run = False
    wait_until(lambda: worker.process.poll() is not None, worker.tail, timeout)
    return worker.process.returncode, worker.tail()


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
    wait_until(lambda: "partition_ready" in worker.tail(), worker.tail, 20)
    worker.stop()

    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    for done in admin.delete_topics([setup.input]).values():
        done.result(20)
    wait_until(
        lambda: setup.input not in admin.list_topics(timeout=10).topics, "the topic is gone", 20
    )
    time.sleep(0.5)
    setup.create_topics()
    send_lines(kafka, setup.input, list(reversed(lines)))
    worker = setup.start(lanes={"rebuilds_max": 0})
    code, told = wait_for_end(worker)
    assert code == 1
    assert "is not the one that was processed" in told
    assert setup.input in told
    assert len(kafka_io.read_all(kafka, setup.topics["accruals"])) == accruals
