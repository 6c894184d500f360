"""The container files, Prometheus rules and dashboard: what can be known without an engine."""

import copy as copies
import json
import os
import re
import shutil
import subprocess

import binary
import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

COMPOSE = binary.ROOT / "docker-compose.yml"
PROMETHEUS = binary.ROOT / "config" / "prometheus"
GRAFANA = binary.ROOT / "config" / "grafana"
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}
PINNED = re.compile(r"[a-z0-9./-]+:(v?\d[\w.]*\d(-\w+)*|\w+-\d{8}-slim)")
METRIC = re.compile(r"\baccrued_[a-z_]+")


def load(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def compose():
    return load(COMPOSE)


def variables_of_options():
    """The environment's name of every option of config/accrued.yaml."""
    sections = load(binary.ROOT / "config" / "accrued.yaml")
    return {
        f"ACCRUED_{section}_{key}".upper()
        for section, options in sections.items()
        for key in options
    }


def wrong_compose(whole):
    """What is wrong with a compose file, as sentences."""
    services, wrong = whole["services"], []
    for name, service in services.items():
        if "build" not in service and not PINNED.fullmatch(service["image"]):
            wrong.append(f"{name}: image {service['image']} is not pinned")
        if "healthcheck" not in service:
            wrong.append(f"{name}: no health check")
        for other, how in service.get("depends_on", {}).items():
            if other not in services:
                wrong.append(f"{name}: depends on {other}, which is not there")
            elif how["condition"] not in CONDITIONS:
                wrong.append(f"{name}: {how['condition']} is not a condition")
            elif how["condition"] == "service_healthy" and "test" not in services[other].get(
                "healthcheck", {}
            ):
                wrong.append(f"{name}: waits for the health of {other}, which has no check")
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source.startswith("."):
                if not (binary.ROOT / source).exists():
                    wrong.append(f"{name}: {source} is not there")
            elif source not in whole["volumes"]:
                wrong.append(f"{name}: volume {source} is not declared")
        for port in service.get("ports", ()):
            if not port.startswith("127.0.0.1:"):
                wrong.append(f"{name}: port {port} is open to the network")
        known = variables_of_options()
        for variable in service.get("environment", {}):
            if variable.startswith("ACCRUED_") and variable not in known:
                wrong.append(f"{name}: there is no option for {variable}")
    return wrong


def test_the_compose_file_is_sound():
    assert wrong_compose(compose()) == []


@pytest.mark.parametrize(
    ("seen", "spoil"),
    [
        ("is not pinned", lambda s: s["redis"].update(image="redis:latest")),
        ("is not pinned", lambda s: s["redis"].update(image="redis")),
        ("no health check", lambda s: s["grafana"].pop("healthcheck")),
        ("has no check", lambda s: s["redis"].update(healthcheck={"disable": True})),
        ("not there", lambda s: s["accrued"]["depends_on"].update(zoo={})),
        ("not a condition", lambda s: s["grafana"]["depends_on"]["prometheus"].update(condition="")),
        ("not there", lambda s: s["accrued"]["volumes"].append("./config/none:/none:ro")),
        ("not declared", lambda s: s["kafka"]["volumes"].append("nowhere:/x")),
        ("open to the network", lambda s: s["kafka"].update(ports=["9092:9092"])),
        ("no option for", lambda s: s["kafka"]["environment"].update(ACCRUED_KAFKA_BOOTSTRAP="x")),
    ],
)
def test_a_spoilt_compose_file_is_seen(seen, spoil):
    whole = copies.deepcopy(compose())
    spoil(whole["services"])
    wrong = wrong_compose(whole)
    assert wrong and all(seen in sentence for sentence in wrong), wrong


def test_the_services_that_belong_together_are_there():
    services = compose()["services"]
    assert set(services) == {"kafka", "redis", "topics", "accrued", "balances", "prometheus", "grafana"}
    assert services["topics"]["command"] == ["topics", "create"]
    assert services["topics"]["restart"] == "no"
    assert services["accrued"]["command"] == ["run"]
    after = services["accrued"]["depends_on"]
    assert after["topics"]["condition"] == "service_completed_successfully"
    assert after["redis"]["condition"] == "service_healthy"


def test_the_program_accepts_the_environment():
    given = compose()["services"]["accrued"]["environment"]
    done = subprocess.run(
        [str(binary.require_binary()), "check", "--offline", "-c", "config/accrued.yaml"],
        cwd=binary.ROOT,
        env={"PATH": os.environ["PATH"], **given},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for value in (given["ACCRUED_KAFKA_BOOTSTRAP_SERVERS"], given["ACCRUED_HTTP_LISTEN"]):
        assert value in done.stdout


def test_docker_compose_accepts_the_file():
    docker = shutil.which("docker")
    if not docker or subprocess.run([docker, "compose", "version"], capture_output=True).returncode:
        pytest.skip("needs the docker compose client")
    done = subprocess.run(
        [docker, "compose", "-f", str(COMPOSE), "config", "--quiet"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_image_is_pinned_and_runs_as_nobody_special():
    lines = (binary.ROOT / "Dockerfile").read_text("utf-8").splitlines()
    images = [line.split()[1] for line in lines if line.startswith("FROM ")]
    assert len(images) == 2
    assert all(PINNED.fullmatch(image) for image in images), images
    last = max(i for i, line in enumerate(lines) if line.startswith("FROM "))
    assert "USER accrued" in lines[last:]
    assert any(line.startswith("HEALTHCHECK ") for line in lines[last:])


def test_the_image_has_what_it_copies():
    for line in (binary.ROOT / "Dockerfile").read_text("utf-8").splitlines():
        if line.startswith("COPY ") and "--from=" not in line:
            for source in line.split()[1:-1]:
                assert (binary.ROOT / source).exists(), line


def registered_metrics():
    """Names of metrics that the program's code sets; what the page reads is not among them."""
    code = "".join(
        path.read_text("utf-8")
        for path in sorted((binary.ROOT / "src").rglob("*.c"))
        if not path.name.startswith("page")
    )
    return set(re.findall(r'"(accrued_[a-z_]+)"', code))


def unknown_metrics(queries):
    known = registered_metrics()
    known |= {f"{name}_{part}" for name in known for part in ("bucket", "sum", "count")}
    return sorted({name for query in queries for name in METRIC.findall(query)} - known)


def alerts():
    return [rule for group in load(PROMETHEUS / "rules.yaml")["groups"] for rule in group["rules"]]


def dashboard():
    return json.loads((GRAFANA / "accrued.json").read_text("utf-8"))


def panels():
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def queries_of_the_dashboard():
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def test_alerts_say_what_and_how_bad():
    for alert in alerts():
        assert alert["labels"]["severity"] in {"warning", "critical"}
        assert alert["annotations"]["summary"] and alert["annotations"]["description"]
    names = {alert["alert"] for alert in alerts()}
    assert len(names) == len(alerts())
    assert {
        "AccruedLagAge",
        "AccruedLsoBlocked",
        "AccruedStalledOnRedis",
        "AccruedDeadLetterRate",
        "AccruedRebuildLoop",
        "AccruedRestoreStuck",
        "AccruedConservationBroken",
    } <= names


def test_each_alert_leads_to_its_heading_in_the_runbook_and_each_such_heading_has_one():
    page = (binary.ROOT / "docs" / "operations.md").read_text("utf-8")
    headings = re.findall(r"^### (Accrued\w+)$", page, re.MULTILINE)
    assert sorted(headings) == sorted(alert["alert"] for alert in alerts())
    for alert in alerts():
        anchor = alert["alert"].lower()
        assert alert["annotations"]["runbook_url"] == f"docs/operations.md#{anchor}"


def test_each_alert_is_tested_where_it_fires_and_where_it_does_not():
    seen = {}
    for world in load(PROMETHEUS / "rules_test.yaml")["tests"]:
        for one in world["alert_rule_test"]:
            seen.setdefault(one["alertname"], set()).add(bool(one["exp_alerts"]))
    for alert in alerts():
        assert True in seen[alert["alert"]], alert["alert"]
    assert [name for name, found in seen.items() if found != {True, False}] == []


def test_alerts_ask_for_metrics_and_codes_that_exist():
    queries = [alert["expr"] for alert in alerts()]
    assert unknown_metrics(queries) == []
    codes = (binary.ROOT / "src" / "rate" / "line.c").read_text("utf-8")
    for code in set(re.findall(r'code!?="([a-z_]+)"', " ".join(queries))):
        assert f'"{code}"' in codes


def test_the_dashboard_asks_for_metrics_that_exist():
    assert unknown_metrics(queries_of_the_dashboard()) == []


def lost(given, kept, path=""):
    """What of `given` is not in `kept`."""
    if isinstance(given, dict) and isinstance(kept, dict):
        return [
            one
            for key, value in given.items()
            for one in (
                lost(value, kept[key], f"{path}/{key}") if key in kept else [f"{path}/{key}"]
            )
        ]
    if isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        return [o for i, pair in enumerate(zip(given, kept)) for o in lost(*pair, f"{path}[{i}]")]
    return [] if given == kept else [path]


def through_grafana_s_own_model(given):
    model = models.Dashboard.from_json(given)
    return json.loads(JSONEncoder(sort_keys=True).encode(model))


def test_the_dashboard_is_what_grafana_s_schema_knows():
    """Read into Grafana's own model and written again, nothing is lost or changed."""
    assert lost(dashboard(), through_grafana_s_own_model(dashboard())) == []


def test_a_field_that_grafana_does_not_know_is_seen():
    spoilt = dashboard()
    spoilt["panels"][1]["gridPosition"] = {"x": 0}
    assert lost(spoilt, through_grafana_s_own_model(spoilt)) == ["/panels[1]/gridPosition"]


def test_the_dashboard_can_be_imported_beside_any_prometheus():
    """It names no data source of ours: whoever imports it chooses."""
    variables = {variable["name"]: variable for variable in dashboard()["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    for panel in panels():
        for where in (panel, *panel["targets"]):
            assert where["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["title"] and panel["description"]
    ids = [panel["id"] for panel in dashboard()["panels"]]
    assert len(set(ids)) == len(ids)
    used = set(re.findall(r"\$(\w+)", " ".join(queries_of_the_dashboard())))
    assert used <= set(variables)


def test_the_dashboard_s_queries_are_promql(tmp_path):
    rules = [
        {"record": f"panel:{number}", "expr": re.sub(r"\$\w+", "x", query)}
        for number, query in enumerate(queries_of_the_dashboard())
    ]
    path = tmp_path / "queries.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    code, told = promtool("check", "rules", str(path))
    assert code == 0, told


def test_an_unknown_metric_is_seen():
    assert unknown_metrics(["rate(accrued_lines_total[1m]) / accrued_wishes_total"]) == [
        "accrued_wishes_total"
    ]


def test_panels_do_not_overlap():
    taken = set()
    for panel in dashboard()["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


def promtool(*arguments, stdin=None):
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("needs promtool (scripts/setup --tests)")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, input=stdin)
    return done.returncode, done.stdout + done.stderr


def test_every_process_of_ours_is_scraped_where_it_listens():
    services = compose()["services"]
    listens = {
        "run": "ACCRUED_HTTP_LISTEN",
        "balances": "ACCRUED_BALANCES_LISTEN",
    }
    wanted = set()
    for name, service in services.items():
        variable = listens.get(service.get("command", [""])[0])
        if variable:
            wanted.add(f"{name}:{service['environment'][variable].rpartition(':')[2]}")
    scraped = {
        target
        for job in load(PROMETHEUS / "prometheus.yaml")["scrape_configs"]
        for group in job["static_configs"]
        for target in group["targets"]
    }
    assert len(wanted) == 2 and scraped == wanted


def test_promtool_accepts_the_configuration_and_its_rules():
    code, told = promtool("check", "config", str(PROMETHEUS / "prometheus.yaml"))
    assert code == 0, told


def test_the_rules_fire_when_they_should():
    code, told = promtool("test", "rules", str(PROMETHEUS / "rules_test.yaml"))
    assert code == 0, told


def test_a_rule_that_fires_too_late_is_found(tmp_path):
    rules = (PROMETHEUS / "rules.yaml").read_text("utf-8")
    spoilt = rules.replace("accrued_conservation_difference_lines) != 0", "up) > 3")
    assert spoilt != rules
    (tmp_path / "rules.yaml").write_text(spoilt, "utf-8")
    shutil.copy(PROMETHEUS / "rules_test.yaml", tmp_path)
    code, told = promtool("test", "rules", str(tmp_path / "rules_test.yaml"))
    assert code != 0 and "AccruedConservationBroken" in told
