"""Rating again: what stands afterwards is what a run from scratch would give, whatever happens
meanwhile; and only differences are published."""

import time
from pathlib import Path

import kafka_io
import pytest
import simple
import wire
from expectations import check_all, check_events, published, records, send_lines, stream_case
from generator import make_case, to_json
from kafka_io import load_json, read_all
from scrape import scrape
from servers import wait_until
from story import WAIT, Story, options_of
from totals import standing


def is_possible(request):
    """An interval that is empty is a mistake here; offline it names nothing."""
    start, end = request.get("from"), request.get("to")
    return start is None or end is None or start < end


def change_everything(story, seed):
    """Other values for the same partners and customers."""
    for text in make_case(seed, lines=1).reference:
        story.change(load_json(text))


def the_request(number=1, scope="all", identity=None):
    request = {"scope": scope, "request_id": f"rr-{number}"}
    return request if identity is None else {**request, "id": identity}


def count_of(worker, event):
    return worker.log.read_text().count(f"event={event} ")


def rerated(worker):
    """Lines that it has rated again."""
    return scrape(worker.url()).by("accrued_rerate_lines_total") or 0


def reruns(setup):
    return [e for e in published(setup) if e.get("reason") == "RERATE"]


@pytest.mark.parametrize("seed", [21])
def test_a_script_of_lines_changes_and_requests(accrued_config, kafka, seed):
    """Every scope, intervals, changes with and without a request after them: event for event what
    the rules say, and a dry run says it before."""
    case = make_case(seed, lines=80, bad=False)
    setup = accrued_config(case)
    story = Story(setup, kafka)
    setup.start()
    lines, sent, requests = [], [], 0
    for source in [*case.lines, b'{"rerate": {"scope": "all", "request_id": "rr-last"}}']:
        if not source.strip():
            continue
        ((kind, value),) = load_json(source.decode()).items()
        if kind == "line":
            lines.append(value)
            continue
        if lines:
            story.send(lines)
            sent += lines
            lines = []
        if kind != "rerate":
            story.change({kind: value})
        elif is_possible(value):
            foretold = story.dry_run(value)
            check_events(story.rerate(value, *WAIT), foretold)
            requests += 1
    assert requests > 5
    assert reruns(setup), "nothing was ever rated again"
    story.check()
    story.check_standing(sent)
    check_sources(setup)


def check_sources(setup):
    """A re-rate's events name the request that caused them."""
    topic = setup.topics["rerate_requests"]
    ids = {r.offset: r.key.decode() for r in read_all(setup.kafka, topic)}
    for event in reruns(setup):
        assert (event["source_topic"], event["source_partition"]) == (topic, 0)
        assert ids[event["source_offset"]] == event["rerate_id"]


def test_the_same_request_twice_does_nothing_more(accrued_config, kafka):
    case = stream_case(31, 200)
    setup = accrued_config(case)
    story = Story(setup, kafka)
    worker = setup.start()
    story.send(records(case))
    change_everything(story, 131)
    assert story.rerate(the_request(), *WAIT)
    before = published(setup)
    story.check()
    for _ in range(2):
        assert not story.rerate(the_request(), *WAIT)
        assert published(setup) == before
        worker.stop()
        worker = setup.start()
    send_lines(kafka, setup.input, records(case)[-1:])
    setup.wait_until_drained()
    assert "rerate_begun" not in worker.tail(10**6), "it remembers what it has done"


def test_a_ledger_that_begins_has_nothing_to_do_with_older_requests(accrued_config, kafka):
    case = stream_case(32, 60)
    setup = accrued_config(case)
    setup.command("rerate", "--all", "-c", setup.config())
    worker = setup.start()
    send_lines(kafka, setup.input, records(case))
    setup.wait_until_drained()
    setup.command("rerate", "--partner", "nobody", "-c", setup.config(), *WAIT)
    assert count_of(worker, "rerate_done") <= setup.partition_count
    check_all(setup, records(case))


def test_kill_and_start_in_the_middle(accrued_config, kafka):
    case = stream_case(33, 1500)
    setup = accrued_config(
        case,
        partitions=1,
        rerate={"chunk_lines": 1},
        batch={"lines_max": 20},
        http={"listen": "127.0.0.1:0"},
    )
    story = Story(setup, kafka)
    worker = setup.start()
    story.send(records(case))
    resumed = 0
    for round_number in range(1, 13):
        change_everything(story, 133 + round_number)
        before = rerated(worker)
        story.rerate(the_request(round_number))
        # Of 140 to 160, which take half a second; what was done is kept where a line changed.
        wait_until(lambda: rerated(worker) > before + 60, worker.tail, pause=0.005)  # noqa: B023
        worker.kill()
        worker = setup.start()
        setup.command("rerate", "--partner", "nobody", "-c", story.config(), *WAIT)
        story.check_standing(records(case))
        resumed += "resumed=true" in worker.log.read_text()
        if resumed == 2:
            break
    assert resumed == 2, "killed too early or too late every time"
    story.check()


def test_two_processes_and_live_lines_beside_it(accrued_config, kafka):
    """Partitions move while lines flow and are rated again; one request follows the other."""
    case = stream_case(34, 2500)
    setup = accrued_config(case, partitions=6, rerate={"chunk_lines": 10}, batch={"lines_max": 50})
    story = Story(setup, kafka)
    lines = records(case)
    first = setup.start("one")
    send_lines(kafka, setup.input, lines[:1500])
    setup.wait_until_drained()
    change_everything(story, 134)
    setup.command("rerate", "--all", "-c", story.config())
    send_lines(kafka, setup.input, lines[1500:2000])
    setup.start("two")
    time.sleep(1.5)
    change_everything(story, 234)
    setup.command("rerate", "--all", "-c", story.config())
    send_lines(kafka, setup.input, lines[2000:])
    time.sleep(0.5)
    first.stop()
    setup.wait_until_drained()
    setup.command("rerate", "--partner", "nobody", "-c", story.config(), *WAIT)
    story.check_standing(lines)


SHARE_PERCENT = 10
PAST, BACKLOG, WATCHED = 1000, 10_000, 1000


def test_a_backlog_gives_no_more_than_the_share(accrued_config, kafka):
    """Every line changes, so a chunk costs what a batch does: a transaction of five lines. While
    lines wait, those rated again are to those taken in as the share is; were it ignored, there
    would be a chunk for each batch."""
    setup = accrued_config(
        simple.Case(),
        partitions=1,
        rerate={"chunk_lines": 5, "share_percent": SHARE_PERCENT},
        http={"listen": "127.0.0.1:0"},
    )
    past, waiting = ([simple.line(f"{kind}-{i}", f"c-{i % 100}") for i in range(count)]
                     for kind, count in (("past", PAST), ("new", BACKLOG)))  # fmt: skip
    worker = setup.start()
    send_lines(kafka, setup.input, past)
    setup.wait_until_drained()
    worker.stop()
    rules = Path(setup.settings["rating"]["programs"])
    rules.write_text(simple.programs(2, simple.program(rate="5%")), encoding="utf-8")
    send_lines(kafka, setup.input, waiting)
    worker = setup.start(batch={"lines_max": 5})
    url = worker.url()

    def counts():
        told = scrape(url)
        return [told.by(f"accrued_{name}_total") or 0 for name in ("lines_in", "rerate_lines")]

    wait_until(lambda: counts()[0] > 0, "lines are taken in")
    setup.command("rerate", "--all", "-c", setup.config())
    first = wait_until(lambda: (told := counts())[1] > 0 and told, counts)
    assert first[0] + WATCHED < BACKLOG, "the backlog is too small for this machine"
    last = wait_until(lambda: (told := counts())[0] >= first[0] + WATCHED and told, counts)
    taken, rerated = (last[i] - first[i] for i in range(2))
    assert 0 < rerated < taken * 3 * SHARE_PERCENT / 100, (taken, rerated)
    worker.stop()
    setup.start()
    setup.command("rerate", "--partner", "nobody", "-c", setup.config(), *WAIT)
    setup.wait_until_drained()
    amounts = standing(published(setup)).values()
    assert len(amounts) == PAST + BACKLOG and set(amounts) == {5}, set(amounts)


def test_many_requests_are_one_walk(accrued_config, kafka):
    case = stream_case(35, 300)
    setup = accrued_config(case, partitions=1)
    story = Story(setup, kafka)
    worker = setup.start()
    story.send(records(case))
    worker.stop()
    change_everything(story, 135)
    for number, customer in enumerate({wire.line_key(line).decode() for line in records(case)}):
        setup.command(
            "rerate", *options_of(the_request(number, "customer", customer)), "-c", story.config()
        )
    worker = setup.start()
    setup.command("rerate", "--partner", "nobody", "-c", story.config(), *WAIT)
    assert 1 <= count_of(worker, "rerate_done") <= 2
    story.check_standing(records(case))
    check_sources(setup)


def test_a_line_that_cannot_be_rated_keeps_its_state(accrued_config, kafka):
    case = stream_case(36, 150)
    setup = accrued_config(case)
    story = Story(setup, kafka)
    worker = setup.start()
    story.send(records(case))
    change_everything(story, 136)
    customers = [wire.line_key(line).decode() for line in records(case)]
    customer = next(name for name in customers if "%" in name)
    good = setup.redis.client.get(key_of(setup, customer))
    setup.redis.client.set(key_of(setup, customer), b'{"customer_id": 7}')
    done = setup.command("rerate", "--all", "-c", story.config(), *WAIT, check=False)
    assert done.returncode == 1 and "could not be rated again" in done.stderr, done.stderr
    assert not [e for e in reruns(setup) if e["customer_id"] == customer]
    told = worker.log.read_text()
    assert "outcome=incomplete" in told and f'customer="{customer}"' in told
    if good is None:
        setup.redis.client.delete(key_of(setup, customer))
    else:
        setup.redis.client.set(key_of(setup, customer), good)
    done = setup.command("rerate", "--all", "-c", story.config(), *WAIT)
    assert "complete" in done.stderr
    story.check_standing(records(case))


def test_reference_load_asks_for_what_it_changed(accrued_config, kafka, tmp_path):
    case = stream_case(39, 200)
    setup = accrued_config(case)
    story = Story(setup, kafka)
    setup.start()
    story.send(records(case))
    values = [load_json(text) for text in make_case(139, lines=1).reference]
    path = tmp_path / "changed.jsonl"
    path.write_text("".join(f"{to_json(value)}\n" for value in values), encoding="utf-8")
    setup.command("reference", "load", path, "-c", story.config())
    for value in values:
        story.feed(value)
    requests = read_all(kafka, setup.topics["rerate_requests"])
    assert len(requests) == len(values)
    setup.command("reference", "load", path, "-c", story.config())
    setup.command("rerate", "--partner", "nobody", "-c", story.config(), *WAIT)
    assert len(read_all(kafka, setup.topics["rerate_requests"])) == len(values) + 1
    assert story.check_standing(records(case))
    check_sources(setup)


def key_of(setup, customer):
    return f"{setup.settings['redis']['key_prefix']}customer:{customer}".encode()


def test_what_is_not_a_request_is_skipped(accrued_config, kafka):
    case = stream_case(37, 80)
    setup = accrued_config(case)
    story = Story(setup, kafka)
    worker = setup.start()
    story.send(records(case))
    sender = kafka_io.Sender(kafka, setup.topics["rerate_requests"])
    for value in (None, b"", b"x", wire.frame(b"\x02", 4), wire.line_value(records(case)[0])):
        sender.send(b"bad", value)
    sender.flush()
    change_everything(story, 137)
    story.rerate(the_request(), *WAIT)
    story.check()
    assert count_of(worker, "rerate_request_malformed") == 5


def test_without_redis_it_waits_and_live_lines_know_why(accrued_config, kafka):
    case = stream_case(38, 100)
    setup = accrued_config(case, rerate={"chunk_lines": 20})
    story = Story(setup, kafka)
    worker = setup.start()
    story.send(records(case))
    worker.stop()
    worker = setup.start(redis={"address": "127.0.0.1:1"})
    change_everything(story, 138)
    story.rerate(the_request())
    wait_until(lambda: "rerate_waits" in worker.log.read_text(), "it waits")
    assert not reruns(setup)
    worker.stop()
    setup.start()
    setup.command("rerate", "--partner", "nobody", "-c", story.config(), *WAIT)
    story.check()
