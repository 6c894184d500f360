"""SIGHUP: what is right comes into force from the next line on, what is wrong is refused with the
reason, and the worker goes on either way."""

import json
import re
import signal
import threading
import time
from pathlib import Path

import pytest
import simple
import wire
import yaml
from expectations import published, send_lines
from kafka_io import Sender
from servers import wait_until
from test_service import answer, url_of
from totals import check_deltas, standing

PAGE = {"listen": "127.0.0.1:0"}


def log_of(worker):
    return worker.log.read_text(errors="replace")


def count_of(worker, event):
    return len(re.findall(rf"event={event}\b", log_of(worker)))


def started(setup):
    worker = setup.start()
    wait_until(lambda: count_of(worker, "partition_ready"), worker.tail)
    return worker


def hang_up(worker):
    worker.process.send_signal(signal.SIGHUP)


def reload(worker, event):
    """SIGHUP, and the log lines that tell its end."""
    before = count_of(worker, event)
    hang_up(worker)
    wait_until(lambda: count_of(worker, event) > before, lambda: f"{event}\n{worker.tail()}")
    return [text for text in log_of(worker).splitlines() if f"event={event} " in text][before:]


def programs_file(setup):
    return Path(setup.settings["rating"]["programs"])


def metrics(worker):
    return answer(url_of(worker) + "/metrics")[1]


def value_of(worker, series):
    found = re.search(rf"^{re.escape(series)} (\S+)$", metrics(worker), re.MULTILINE)
    assert found, f"{series} is not in\n{metrics(worker)}"
    return found[1]


def rate_of(event):
    return str(event["rate"]).rstrip("0")


def test_rates_change_from_the_next_line_on_while_lines_flow(accrued_config, kafka):
    setup = accrued_config(simple.Case(), lanes={"count": 2}, http=PAGE)
    worker = setup.start()
    sender, stop, failed = Sender(kafka, setup.input), threading.Event(), []
    sent = sender.places

    def flow():
        try:
            while not stop.is_set():
                for i in range(20):
                    line = simple.line(f"f-{len(sent)}", f"c-{i}")
                    sender.send(wire.line_key(line), wire.line_value(line))
                sender.flush()
                time.sleep(0.01)
        except Exception as error:  # told by the test
            failed.append(error)

    flowing = threading.Thread(target=flow)
    flowing.start()
    try:
        wait_until(lambda: failed or sum(setup.committed()) > 200, worker.tail)
        programs_file(setup).write_text(simple.programs(2, simple.program(rate="5%")))
        reload(worker, "config_reloaded")
        wait_until(lambda: count_of(worker, "edition_taken") == 2, worker.tail)
        taken = len(sent)
        wait_until(lambda: len(sent) > taken + 200, "lines flow on")
    finally:
        stop.set()
        flowing.join()
    assert not failed, failed
    setup.wait_until_drained()

    events = sorted(published(setup), key=lambda e: (e["source_partition"], e["source_offset"]))
    assert len(events) == len(sent)
    check_deltas(events)
    assert {rate_of(e) for e in events} == {"0.04", "0.05"}
    assert {e["program_version"] for e in events} == {"2019-01-01"}
    for partition in range(setup.partition_count):
        rates = [rate_of(e) for e in events if e["source_partition"] == partition]
        assert rates == sorted(rates), f"partition {partition} went back to the old rate"
    late = {place for place in sent[taken:]}
    for event in events:
        if (event["source_partition"], event["source_offset"]) in late:
            assert rate_of(event) == "0.05"
    assert 'programs_revision="2"' in metrics(worker)
    assert 'programs_revision="1"' not in metrics(worker)
    assert value_of(worker, 'accrued_config_reloads_total{result="accepted"}') == "1"

    # What was rated before stays until it is asked for; then only the differences are published.
    config = setup.config("command.yaml")
    setup.command("rerate", "--program", "plain", "-c", config, "--wait", "--timeout", "40")
    again = published(setup)
    check_deltas(again)
    assert {str(entry) for entry in standing(again).values()} and len(again) > len(events)
    assert {str(e["amount"]).rstrip("0") for e in again if e["reason"] == "RERATE"} == {"1"}
    worker.stop()


def refusals(setup):
    """(what is wrong, how the file is spoilt, a part of the reason)"""
    good = simple.program(rate="9%")
    return [
        ("not YAML", "revision: 3\nprograms: [\n", "programs.yaml:"),
        ("a rate", simple.programs(3, simple.program(rate="9999999%")), "rate"),
        ("below", simple.programs(1, good), "revision 1 is below 2, which is in force"),
        ("alike", simple.programs(2, good), "revision 2 is in force with other content"),
        ("gone", simple.programs(3, {**good, "id": "other"}), "program plain is in force"),
    ]


def test_what_is_wrong_is_refused_and_the_worker_goes_on(accrued_config, kafka):
    case = simple.Case(simple.programs(2, simple.program()))
    setup = accrued_config(case, http=PAGE)
    worker = started(setup)
    config = setup.directory / "accrued-0-one.yaml"
    good_config, good_programs = config.read_text(), programs_file(setup).read_text()
    number = 0
    for name, text, reason in refusals(setup):
        programs_file(setup).write_text(text)
        told = reload(worker, "reload_refused")[-1]
        assert reason in told, (name, told)
        number += 1
        send_lines(kafka, setup.input, [simple.line(f"l-{number}")])
        setup.wait_until_drained()
    programs_file(setup).unlink()
    assert "No such file" in reload(worker, "reload_refused")[-1]
    programs_file(setup).write_text(good_programs)
    config.write_text(good_config.replace("lines_max", "lines_mox") + "batch: {lines_mux: 1}\n")
    assert "lines_mux" in reload(worker, "reload_refused")[-1]
    config.write_text(good_config)
    count = len(refusals(setup)) + 2
    assert value_of(worker, 'accrued_config_reloads_total{result="refused"}') == str(count)
    assert value_of(worker, "accrued_config_last_reload_successful") == "0"
    assert value_of(worker, "accrued_programs_revision") == "2"
    assert {rate_of(e) for e in published(setup)} == {"0.04"}

    # Twice in a row, and a comment is no change.
    programs_file(setup).write_text("# why\n" + good_programs)
    hang_up(worker)
    hang_up(worker)
    wait_until(lambda: count_of(worker, "config_reloaded") >= 1, worker.tail)
    reload(worker, "config_reloaded")
    assert value_of(worker, "accrued_config_last_reload_successful") == "1"
    assert float(value_of(worker, "accrued_config_last_reload_timestamp_seconds")) > 1.7e9
    send_lines(kafka, setup.input, [simple.line("last")])
    setup.wait_until_drained()
    assert len(published(setup)) == number + 1
    worker.stop()


def test_options_change_or_say_that_they_need_a_restart(accrued_config, kafka):
    setup = accrued_config(simple.Case(), http=PAGE)
    worker = started(setup)
    config = setup.directory / "accrued-0-one.yaml"
    settings = yaml.safe_load(config.read_text())
    settings["log"] = {"level": "debug", "format": "json"}
    settings["batch"] = {"lines_max": 7}
    settings["lanes"] = {"count": 2}
    settings["kafka"]["client_id"] = "other"
    config.write_text(yaml.safe_dump(settings))
    hang_up(worker)
    wait_until(lambda: '"event":"edition_taken"' in log_of(worker), worker.tail)
    wait_until(lambda: "reload_needs_restart" in log_of(worker), worker.tail)
    told = [text for text in log_of(worker).splitlines() if "reload_needs_restart" in text]
    assert '"options":"kafka.client_id,lanes.count"' in told[0], told
    assert value_of(worker, "accrued_config_restart_needed") == "2"
    wait_until(lambda: "lines_max: 7\n" in answer(url_of(worker) + "/")[1], "the page shows it")
    send_lines(kafka, setup.input, [simple.line(f"l-{i}") for i in range(50)])
    setup.wait_until_drained()
    assert len(published(setup)) == 50
    seven = re.search(r'accrued_batch_lines_bucket\{le="10"\} (\d+)', metrics(worker))[1]
    assert int(seven) >= 50 // 7, "batches have seven lines at most"
    worker.stop()
    lines = [text for text in log_of(worker).splitlines() if text.startswith("{")]
    assert len(lines) > 5
    for text in lines:
        event = json.loads(text)
        assert list(event)[:3] == ["time", "level", "event"], text


def is_blocked(worker):
    """Does SIGHUP wait?"""
    status = Path(f"/proc/{worker.process.pid}/status").read_text()
    mask = int(re.search(r"SigBlk:\s*(\w+)", status)[1], 16)
    return mask >> (signal.SIGHUP - 1) & 1


@pytest.mark.parametrize("nth", range(2))
def test_sighup_while_it_starts_and_while_it_stops(accrued_config, kafka, nth):
    setup = accrued_config(simple.Case(), partitions=2)
    send_lines(kafka, setup.input, [simple.line(f"l-{i}") for i in range(20)])
    worker = setup.start()
    wait_until(lambda: is_blocked(worker), "SIGHUP waits", pause=0.001)

    def is_ready_and_hangs_up():
        worker.check_alive()
        hang_up(worker)
        return count_of(worker, "partition_ready") >= 2

    wait_until(is_ready_and_hangs_up, worker.tail, pause=0.03)
    setup.wait_until_drained()
    wait_until(lambda: count_of(worker, "config_reloaded") >= 1, worker.tail)
    worker.expected_to_run = False
    worker.process.send_signal(signal.SIGTERM)
    for _ in range(5):
        if worker.process.poll() is None:
            hang_up(worker)
    assert worker.process.wait(60) == 0, worker.tail()
    assert len(published(setup)) == 20
