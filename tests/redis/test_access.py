"""Who may connect, how, and with what rights: with exactly those that docs/reference.md lists."""

import re

import binary
import pytest
from expectations import check_all, records, send_lines, stream_case
from servers import Redis, Sentinel, wait_until
from service import metrics, url_of, wait_until_ready, wait_until_waiting
from worker import Through

PAGE = binary.ROOT / "docs" / "reference.md"


def documented_user(name):
    """The words of `ACL SETUSER name …` on the page."""
    found = re.findall(rf"^ACL SETUSER {name} .*$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert len(found) == 1, f"{PAGE} has {len(found)} lines for {name}"
    return found[0].split()


def make_user(server, name, password, without=None):
    words = [word for word in documented_user(name) if word != without]
    assert len(words) == len(documented_user(name)) - (without is not None)
    server.client.execute_command(*(f">{password}" if w == ">PASSWORD" else w for w in words))


def as_user(name, password):
    return {"username": name, "password": password, "key_prefix": "accrued:"}


def test_a_worker_needs_what_the_page_says(setup_on, own_redis, kafka):
    make_user(own_redis, "accrued-worker", "one")
    own_redis.client.execute_command("ACL", "SETUSER", "default", "on", "+@all")
    case = stream_case(531, 60)
    login = as_user("accrued-worker", "one")
    setup = setup_on(own_redis, case, redis={**login, "database": 0})
    lines = records(case)
    own_redis.client.acl_log_reset()
    url = url_of(setup.start())
    send_lines(kafka, setup.input, lines)
    setup.wait_until_drained()
    wait_until_ready(url)
    assert own_redis.client.acl_log() == [], "it was refused something"
    check_all(setup, lines)


NEEDED = (
    "+get", "+ping", "+subscribe", "+client|id", "+client|tracking", "&__redis__:invalidate",
    "%R~accrued:partner:*", "%R~accrued:customer:*",
)  # fmt: skip


def test_a_missing_right_is_told_by_check(setup_on, redis):
    """So none of them is too much."""
    setup = setup_on(redis, redis=as_user("accrued-worker", "one"))
    config = setup.config()
    try:
        for right in NEEDED:
            make_user(redis, "accrued-worker", "one", without=right)
            done = setup.command("check", "-c", config, check=False)
            assert done.returncode == 1
            told = [line for line in done.stderr.splitlines() if line.startswith("Redis at")]
            assert len(told) == 1 and "NOPERM" in told[0], f"{right}: {done.stderr}"
    finally:
        redis.client.execute_command("ACL", "DELUSER", "accrued-worker")


def test_a_loader_needs_what_the_page_says(setup_on, redis, tmp_path):
    make_user(redis, "accrued-loader", "two")
    try:
        setup = setup_on(redis, redis=as_user("accrued-loader", "two"))
        config = setup.config("loader.yaml")
        redis.client.acl_log_reset()
        path = tmp_path / "p.jsonl"
        path.write_text('{"partner": {"mpn_id": "acl"}}\n', encoding="utf-8")
        for action in (
            ("load", "--dry-run", path),
            ("load", path),
            ("load", "--resume"),
            ("get", "partner:acl"),
            ("diff", path),
            ("export",),
        ):
            setup.command("reference", *action, "-c", config)
        assert redis.client.acl_log() == []
    finally:
        redis.client.execute_command("ACL", "DELUSER", "accrued-loader")
        redis.client.delete("accrued:partner:acl")


def test_a_password_is_read_again_at_each_connection(setup_on, own_redis, kafka, tmp_path):
    client = own_redis.client
    file = tmp_path / "password"
    file.write_text("old\nnot this\n", encoding="utf-8")
    client.execute_command("ACL", "SETUSER", "w", "on", ">old", "~*", "&*", "+@all")
    case = stream_case(532, 60)
    patience = {"connect_timeout_ms": 500, "timeout_ms": 500}
    setup = setup_on(
        own_redis, case, redis={"username": "w", "password_file": str(file), **patience}
    )
    lines = records(case)
    url = url_of(setup.start())
    send_lines(kafka, setup.input, lines[:30])
    setup.wait_until_drained()
    # In Redis, then in the file: who is connected stays, who comes back has the new one.
    client.execute_command("ACL", "SETUSER", "w", ">new", "<old")
    wait_until_ready(url)
    client.client_kill_filter(_type="normal", skipme=True)
    wait_until_waiting(url, "WRONGPASS")
    file.write_text("new", encoding="utf-8")
    send_lines(kafka, setup.input, lines[30:])
    setup.wait_until_drained()
    wait_until_ready(url)
    # A file that is gone is a reason to wait, not to stop.
    file.unlink()
    client.client_kill_filter(_type="normal", skipme=True)
    wait_until_waiting(url, f"the password's file: {file}: No such file")
    file.write_text("new\n", encoding="utf-8")
    wait_until_ready(url)
    check_all(setup, lines)


def test_a_unix_socket(setup_on, kafka, tmp_path):
    path = tmp_path / "redis.sock"
    with Redis(tmp_path / "redis", "--unixsocket", path) as server:
        case = stream_case(533, 40)
        setup = setup_on(Through(server, f"unix:{path}"), case)
        url = url_of(setup.start())
        send_lines(kafka, setup.input, records(case))
        setup.wait_until_drained()
        wait_until_ready(url)
        wait_until(lambda: metrics(url)["accrued_reference_misses_total"] > 0, "counted")
        clients = [c for c in server.client.client_list() if "t" in c["flags"]]
        assert clients and str(path) in clients[0]["addr"]
        check_all(setup, records(case))


def test_a_wrong_password_is_told(setup_on, redis):
    setup = setup_on(redis, redis={"username": "nobody", "password": "x"})
    done = setup.command("check", "-c", setup.config(), check=False)
    assert "WRONGPASS" in done.stderr and "redis.password_file" in done.stderr


SENTINEL_RIGHTS = ("+sentinel|master", "+sentinel|get-master-addr-by-name")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A Redis and a Sentinel whose default user has a password that is not ours."""
    directory = tmp_path_factory.mktemp("guarded")
    with Redis(directory / "redis") as server, Sentinel(directory / "s", server.port) as sentinel:
        server.client.ping()
        wait_until(lambda: sentinel.master_port() == server.port, "it knows its master")
        sentinel.client.execute_command("ACL", "SETUSER", "default", "resetpass", ">not-ours")
        yield server, sentinel


def let_in(sentinel, password, rights=SENTINEL_RIGHTS):
    words = ("reset", "on", f">{password}", *rights)
    sentinel.client.execute_command("ACL", "SETUSER", "accrued", *words)


def by_sentinel(sentinel, **login):
    return {"sentinels": sentinel.address, "address": "127.0.0.1:1", **login}


def test_the_page_names_the_rights_at_a_sentinel():
    assert " ".join(SENTINEL_RIGHTS) in " ".join(PAGE.read_text("utf-8").split())


def test_a_user_of_the_sentinels(setup_on, guarded, kafka, tmp_path):
    """With the two rights of the page; its password changes while the worker runs."""
    server, sentinel = guarded
    let_in(sentinel, "one")
    secret = tmp_path / "sentinel-password"
    secret.write_text("one\n", encoding="utf-8")
    case = stream_case(538, 60)
    login = {"sentinel_username": "accrued", "sentinel_password_file": str(secret)}
    setup = setup_on(server, case, redis=by_sentinel(sentinel, **login))
    lines = records(case)
    worker = setup.start()
    url = url_of(worker)
    send_lines(kafka, setup.input, lines[:30])
    setup.wait_until_drained()
    wait_until_ready(url)
    let_in(sentinel, "two")
    secret.write_text("two\n", encoding="utf-8")
    sentinel.client.acl_log_reset()
    sentinel.client.client_kill_filter(_type="normal", skipme=True)
    server.client.client_kill_filter(_type="normal", skipme=True)
    send_lines(kafka, setup.input, lines[30:])
    setup.wait_until_drained()
    wait_until_ready(url)
    assert sentinel.client.acl_log() == [], "it was refused something"
    check_all(setup, lines)
    assert "one" not in worker.log.read_text().split() and "not-ours" not in worker.log.read_text()


def test_who_the_sentinels_do_not_let_in_is_told(setup_on, guarded):
    server, sentinel = guarded
    login = {"sentinel_username": "accrued", "sentinel_password": "one"}
    setup = setup_on(server, redis=by_sentinel(sentinel, **login))

    def told(**changes):
        config = setup.config("checked.yaml", redis=by_sentinel(sentinel, **{**login, **changes}))
        done = setup.command("check", "-c", config, check=False)
        return done.stderr

    let_in(sentinel, "one")
    assert "good  redis " in told()
    assert "correct redis.sentinel_username" in told(sentinel_password="other")
    assert "NOAUTH" in told(sentinel_username="", sentinel_password="")
    for right in SENTINEL_RIGHTS:
        let_in(sentinel, "one", [other for other in SENTINEL_RIGHTS if other != right])
        assert "NOPERM" in told(), right
