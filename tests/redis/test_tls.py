"""TLS, which Debian 12's hiredis 0.14 does not have: refused there with the reason, and shown on a
build of our own with hiredis 1.x, which must work as well in all else."""

import subprocess
from pathlib import Path

import binary
import pytest
from expectations import check_all, records, send_lines, stream_case
from servers import Redis, free_port, wait_until
from service import url_of, wait_until_ready
from worker import Through

BUILD = Path(__file__).with_name("build-tls")


@pytest.fixture(scope="module")
def tls_program():
    done = subprocess.run([BUILD], capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return Path(done.stdout.strip())


@pytest.fixture
def tls_build(tls_program, monkeypatch):
    """What runs in this test is that program."""
    monkeypatch.setattr(binary, "BINARY", tls_program)


def certificates(directory):
    """A CA and a server certificate for `localhost`, made by openssl."""

    def openssl(*arguments):
        done = subprocess.run(
            ["openssl", *arguments], cwd=directory, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    directory.mkdir()
    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca")
    openssl("req", *new_key, "-keyout", "key.pem", "-out", "csr.pem", "-subj", "/CN=redis")
    (directory / "san").write_text("subjectAltName=DNS:localhost\n")
    signed_by = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "san")
    openssl("x509", "-req", "-in", "csr.pem", *signed_by, "-out", "cert.pem", "-days", "2")
    return directory


def has_tls():
    """What the build found, as its own refusal tells."""
    command = ["check", "-o", "redis.tls=true", "-o", "redis.address=127.0.0.1:1"]
    done = subprocess.run(
        [str(binary.require_binary()), *command, "-o", "kafka.bootstrap_servers=127.0.0.1:1"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return "this build has no TLS for Redis" not in done.stderr


def test_tls_that_the_build_lacks_is_refused_with_the_reason(setup_on, redis):
    if has_tls():
        pytest.skip("this build has TLS")
    setup = setup_on(redis, stream_case(534, 1), redis={"tls": True})
    worker = setup.start()
    worker.expected_to_run = False
    wait_until(lambda: worker.process.poll() is not None, "it ends")
    assert worker.process.returncode == 1
    assert "redis.tls: this build has no TLS for Redis" in worker.tail()
    assert "hiredis_ssl" in worker.tail() and "stunnel" in worker.tail()


def test_tls(tls_build, setup_on, kafka, tmp_path):
    """Mutual: without a client certificate of its authority this Redis lets nobody in."""
    where = certificates(tmp_path / "tls")
    files = ("--tls-cert-file", where / "cert.pem", "--tls-key-file", where / "key.pem")
    both = ("--tls-ca-cert-file", where / "ca.pem", *files)
    others = certificates(tmp_path / "others")
    of_others = {
        "tls_certificate_file": str(others / "cert.pem"),
        "tls_key_file": str(others / "key.pem"),
    }
    tls_port, redis_port = free_port(), free_port()
    options = ("--tls-port", tls_port, "--tls-auth-clients", "yes", *both)
    with Redis(tmp_path / "redis", *options, port=redis_port) as server:
        case = stream_case(535, 60)
        ours = {
            "tls": True,
            "tls_ca_file": str(where / "ca.pem"),
            "tls_certificate_file": str(where / "cert.pem"),
            "tls_key_file": str(where / "key.pem"),
        }
        setup = setup_on(Through(server, f"localhost:{tls_port}"), case, redis=ours)
        lines = records(case)
        url = url_of(setup.start())
        send_lines(kafka, setup.input, lines[:30])
        setup.wait_until_drained()
        server.client.client_kill_filter(_type="normal", skipme=True)
        send_lines(kafka, setup.input, lines[30:])
        setup.wait_until_drained()
        wait_until_ready(url)
        check_all(setup, lines)
        # Another name, and another signer.
        for change, reason in (
            ({"address": f"127.0.0.1:{tls_port}"}, "IP address mismatch"),
            ({"tls_server_name": "elsewhere"}, "ostname mismatch"),
            ({"tls_ca_file": ""}, "certificate"),
            # No certificate of ours, one of another authority, and another's key.
            ({"tls_certificate_file": "", "tls_key_file": ""}, "it may demand a certificate of ours"),
            (of_others, "not trust this one (redis.tls_certificate_file)"),
            ({"tls_key_file": of_others["tls_key_file"]}, "key values mismatch"),
        ):
            config = setup.config("bad.yaml", redis={**ours, **change})
            done = setup.command("check", "-c", config, check=False)
            assert done.returncode == 1 and reason in done.stderr, done.stderr
