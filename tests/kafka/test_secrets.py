"""Passwords are planted wherever the configuration takes one, and looked for wherever the program
writes something."""

import signal

import simple
import yaml
from expectations import published, send_lines
from servers import Redis, wait_until
from test_service import answer, url_of
from worker import make_setup

SECRET = "hunter2-Planted"


def planted(setup):
    """Secrets in every place; those that nothing connects with are of no use, and none shows."""
    file = setup.directory / "redis-password"
    file.write_text(SECRET + "-redis\n")
    return {
        "redis": {"password_file": str(file)},
        "kafka": {
            "sasl_username": "somebody",
            "sasl_password": SECRET + "-kafka",
            "properties": {
                "debug": "conf,security,feature",
                "ssl.key.password": SECRET + "-key",
                "ssl.keystore.password": SECRET + "-keystore",
            },
        },
        "log": {"level": "debug"},
        "http": {"listen": "127.0.0.1:0"},
    }


def test_no_password_is_shown_anywhere(tmp_path, kafka):
    password = SECRET + "-redis"
    with Redis(tmp_path / "redis", "--requirepass", password, password=password) as server:
        setup = make_setup(tmp_path, kafka, server, simple.Case())
        try:
            look_everywhere(setup, kafka)
        finally:
            setup.end()


def look_everywhere(setup, kafka):
    shown = []
    setup.create_topics()
    changes = planted(setup)
    config = setup.config("planted.yaml", **changes)
    for arguments in (("check",), ("check", "--offline"), ("topics", "print"), ("topics", "check")):
        done = setup.command(*arguments, "-c", config, check=False)
        shown.append((arguments, done.stdout + done.stderr))
    assert "****" in shown[0][1], "secrets are masked, not left out"

    worker = setup.start(**changes)
    send_lines(kafka, setup.input, [simple.line(f"l-{i}") for i in range(5)])
    setup.wait_until_drained()
    assert len(published(setup)) == 5
    for path in ("/", "/metrics", "/readyz", "/healthz"):
        shown.append((path, answer(url_of(worker) + path)[1]))

    # What is refused is told, but not the value.
    written = setup.directory / "accrued-0-one.yaml"
    good = written.read_text()
    for broken in (
        {"redis": {"pasword": SECRET}},
        {"redis": {"password": [SECRET]}},
        {"kafka": {"properties": {"sasl.password": {"x": SECRET}}}},
        {"redis": {"password": SECRET}},
    ):
        settings = yaml.safe_load(good)
        for section, options in broken.items():
            settings[section] = {**settings[section], **options}
        count = worker.log.read_text().count("event=reload_refused")
        written.write_text(yaml.safe_dump(settings))
        worker.process.send_signal(signal.SIGHUP)
        wait_until(
            lambda: worker.log.read_text().count("event=reload_refused") > count, worker.tail
        )
    # A wrong password, to the end.
    (setup.directory / "redis-password").write_text(SECRET + "-wrong\n")
    done = setup.command("check", "-c", config, check=False)
    assert done.returncode == 1 and "redis.password" in done.stderr
    shown.append(("check with a wrong password", done.stdout + done.stderr))
    done = setup.command("run", "-o", f"redis.passwrod={SECRET}", check=False)
    shown.append(("a misspelt option", done.stdout + done.stderr))
    worker.kill()
    shown.append(("the log", worker.log.read_text()))
    for place, text in shown:
        assert SECRET not in text, f"{place}: {text[max(0, text.find(SECRET) - 200):][:400]}"
