"""What tenants define for themselves: one's mistake is told and is nobody else's trouble; nothing reaches beyond its namespace."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import promql_parser as promql
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from alert_rules.enforce import Refused, enforced
from alert_rules.promql import selectors
from kunobs.catalogue.signals import RECORDINGS
from kunobs.cli import main
from kunobs.config.monitoring import MonitoringConfig, TenantsConfig
from kunobs.config.tenant import MODULES, ProbeConfig
from kunobs.errors import ConfigError, UsageError
from kunobs.generate.blackbox import blackbox_files
from kunobs.generate.files import write
from kunobs.generate.tenants.build import Built, build, files_of
from kunobs.generate.tenants.jobs import reserved
from kunobs.generate.tenants.read import LARGEST, Text, Wrong, tenant, texts
from kunobs.generate.tenants.rules import Wanted
from kunobs.generate.tenants.targets import refusals
from kunobs.names import tenant_dashboard
from tests.support import REPOSITORY
from tests.tenant_files import PAYMENTS
from tests.tenant_queries import Queries

CONFIG = MonitoringConfig(relays=("https://noc.example.com",))
WANTED = Wanted("https://grafana.example.com", "https://kibana.example.com/?q={namespace}")
HOSTILE = """\
owner: team-evil
probes:
  - {name: meta, target: "http://169.254.169.254/latest", module: http}
  - {name: other, target: "pay.payments.svc.cluster.local:80", module: tcp}
slos:
  - {name: api, target: 0.999, total: requests_total, errors: "rate(requests_total[5m])"}
  - {name: low, target: 0.9, total: requests_total, errors: failures_total}
rules:
  - alert: Other
    expr: sum by (queue) (queue_length{namespace="payments"}) > 1000
    summary: x
  - alert: Never
    expr: |
      sum(rate(requests_total[5m]))
        < -1
    summary: "about {nolabel}"
  - alert: Broken
    expr: sum(
    summary: x
"""


def folder(path: Path, **files: str | bytes) -> Path:
    """A folder of tenants' files."""
    path.mkdir(exist_ok=True)
    for name, content in files.items():
        (path / f"{name}.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def made(source: Path, out: Path, config: MonitoringConfig = CONFIG) -> Built:
    """Read, built and written."""
    found, wrong = texts(source)
    built = build(out, found, wrong, config, WANTED)
    write(out, built.files, built.kept)
    return built


def contents(out: Path) -> dict[str, bytes]:
    """Every file below."""
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def test_a_hostile_file_is_told_line_by_line(tmp_path: Path) -> None:
    """Each mistake with its place and fix, and nothing is made."""
    built = made(folder(tmp_path / "t", evil=HOSTILE), tmp_path / "out")
    said = "\n".join(built.wrong["evil"]).replace(str(tmp_path / "t"), "tenants")
    for line in (
        "tenants/evil.yaml:3: probes[0].target: 169.254.169.254 is no address that tenants may probe; ",
        "tenants/evil.yaml:4: probes[1].target: pay.payments.svc.cluster.local is not in namespace evil; SERVICE.evil.svc",
        "tenants/evil.yaml:6: slos[0].errors: it is no selector of a counter; write the name and matchers",
        "tenants/evil.yaml:7: slos[1].target: SloLowBurnFast could never fire",
        "tenants/evil.yaml:10:40: Other: it asks for another namespace [namespace]",
        "tenants/evil.yaml:15:9: Never: rate() is never below 0 [never]",
        "tenants/evil.yaml:16:5: Never: annotation summary: the query leaves no label nolabel [template]",
        "tenants/evil.yaml:18:11: Broken: no PromQL: unclosed left parenthesis [syntax]",
    ):
        assert line in said, said
    assert said.count("fix:") == 5
    assert not any("evil" in name for name in contents(tmp_path / "out") if not name.startswith("."))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ":1: is empty"),
        ("- a\n", ":1: is no mapping"),
        (b"\xff\xfe", ":1: is not UTF-8 text"),
        ("owner: x\nownr: y\n", ":2: ownr: unknown key; did you mean owner?"),
        ("scrape: []\n", ":1: owner: is missing"),
        ("owner: x\nrules:\n- {alert: KunFake, expr: a > 1, summary: x}\n", "begins with Kun"),
        ("owner: x\nrules:\n- {alert: lower, expr: a > 1, summary: x}\n", "is no alert's name"),
        ("owner: x\nrules:\n- {alert: Told, expr: a > 1}\n", ":3: rules[0].alert: summary is missing"),
        ("owner: x\nrules:\n- {record: up, expr: a}\n", "is no name of a recording"),
        ("owner: x\nrules:\n- {record: 'job:apiserver_request:ratio_rate1h', expr: a}\n", "is no name of a recording"),
        ("owner: x\nrules:\n- {alert: A1b, record: 'namespace:a:b', expr: a > 1, summary: x}\n", "not both"),
        ("owner: x\nrules:\n- {alert: Told, expr: a > 1, summary: '{{ query \"up\" }}'}\n", "holds a template"),
        ("owner: x\nrules:\n- {alert: Told, expr: a > 1, summary: x, runbook: 'javascript:alert(1)'}\n", "is no address"),
        ("owner: x\nrules:\n- {alert: Told, expr: a > 1, summary: x, runbook: 'https://x/{{query}}'}\n", "is no address"),
        ("owner: x\nrules:\n- {alert: Told, expr: a > 1, summary: x, for: 10}\n", "has no unit; write 10s"),
        ("owner: x\nscrape:\n- {name: a}\n- {name: a}\n", ":4: scrape[1].name: is a a second time"),
        ("owner: x\nscrape:\n- {name: ../../etc}\n", "is no name"),
        ("owner: x\nscrape:\n- {name: a, port: 8080}\n", "must be text, is a number"),
        ("owner: x\nscrape:\n- {name: a, path: metrics}\n", "is no path"),
        ("owner: x\nscrape:\n- {name: a, interval: 1s}\n", "must be at least 15s, is 1s"),
        ("owner: x\nscrape:\n- {name: a, selector: {'a b': c}}\n", "known"),
        ("owner: x\nslos:\n- {name: a, target: 99.9, total: a, errors: b}\n", "must be less than 1"),
        ("owner: x\nprobes:\n- {name: a, target: 'x', module: icmp}\n", "is not one of http, https"),
        ("owner: 'a\\nb'\n", "is no group"),
        ("owner: \"x: &a [*a]\"\n", "is no group"),
        ("owner: x\nslos:\n- {name: a-1b, target: 0.99, total: a, errors: b}\n- {name: a1b, target: 0.99, total: a, errors: b}\n",
         "there are two rules SloA1bBurnFast"),
        ("owner: x\nrules: [" + "{record: 'namespace:a:b', expr: a}," * 201 + "]\n", "rules"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_file_is_told_with_its_place(text: str | bytes, said: str, tmp_path: Path) -> None:
    """Nothing is guessed."""
    built = made(folder(tmp_path / "t", team=text), tmp_path / "out")
    told = "\n".join(built.wrong["team"])
    assert said in told
    assert "team.yaml:" in told


def test_one_tenants_mistake_is_its_own(tmp_path: Path) -> None:
    """The others are made; it keeps what it had, and gets the new once its file is mended."""
    source, out = folder(tmp_path / "t", payments=PAYMENTS, shop=PAYMENTS), tmp_path / "out"
    assert made(source, out).made == 2
    before = contents(out)
    folder(source, shop="owner: [", payments=PAYMENTS.replace("1000", "2000"))
    built = made(source, out)
    assert built.made == 1
    assert built.wrong.keys() == {"shop"}
    after = contents(out)
    assert after.keys() == before.keys()
    assert b"2000" in after["rules/payments.yaml"]
    assert after["rules/shop.yaml"] == before["rules/shop.yaml"]
    folder(source, shop=PAYMENTS.replace("1000", "3000"))
    assert made(source, out).made == 1
    assert b"3000" in contents(out)["rules/shop.yaml"]


def test_who_has_not_changed_is_not_made_again(tmp_path: Path) -> None:
    """But what somebody changed or removed is put right, and who is no more is removed."""
    source, out = folder(tmp_path / "t", payments=PAYMENTS, shop=PAYMENTS), tmp_path / "out"
    assert made(source, out).made == 2
    before = contents(out)
    assert made(source, out).made == 0
    assert contents(out) == before
    (out / "rules" / "shop.yaml").write_text("groups: []\n")
    (out / "probes" / "payments.json").unlink()
    assert made(source, out).made == 2
    assert contents(out) == before
    other = CONFIG.model_copy(update={"relays": ("https://other.example.com",)})
    assert made(source, out, other).made == 2
    (source / "shop.yaml").unlink()
    made(source, out, other)
    assert not any("/shop" in name for name in contents(out))
    assert "rules/payments.yaml" in contents(out)


@pytest.mark.parametrize(
    "kept", ["", "[]", "{", '{"payments": 1}', '{"payments": {"input": "x", "files": {"../../x": "y"}}}']
)
def test_a_list_of_what_was_made_that_makes_no_sense_is_as_good_as_none(kept: str, tmp_path: Path) -> None:
    """Everything is made again, nothing outside is touched."""
    source, out = folder(tmp_path / "t", payments=PAYMENTS), tmp_path / "out"
    made(source, out)
    before = contents(out)
    (out / ".kunobs-tenants").write_text(kept)
    assert made(source, out).made == 1
    assert contents(out) == before


def test_the_same_bytes_whatever_the_seed_of_hashes(tmp_path: Path) -> None:
    """Two processes with two seeds."""
    source = folder(tmp_path / "t", payments=PAYMENTS, shop=PAYMENTS)
    digests = []
    for seed in ("1", "2"):
        out = tmp_path / seed
        command = [sys.executable, "-m", "kunobs", "generate", "tenants", str(source), "--out", str(out)]
        environment = os.environ | {"PYTHONHASHSEED": seed, "KUNOBS_CONFIG": str(REPOSITORY / "kunobs.example.yaml")}
        subprocess.run(command, check=True, env=environment, cwd=REPOSITORY, capture_output=True, timeout=120)
        digests.append({name: sha256(data).hexdigest() for name, data in contents(out).items()})
    assert digests[0] == digests[1]
    assert len(digests[0]) > 20


def test_every_rule_reads_its_namespace_and_speaks_of_it_alone(tmp_path: Path) -> None:
    """Labels are fixed, every selector is bound."""
    out = tmp_path / "out"
    made(folder(tmp_path / "t", payments=PAYMENTS), out)
    rules = [
        rule for group in YAML(typ="safe").load(out / "rules" / "payments.yaml")["groups"] for rule in group["rules"]
    ]
    assert len(rules) == 13
    told = [rule["annotations"] for rule in rules if "alert" in rule]
    assert {one["logs_url"] for one in told} == {"https://kibana.example.com/?q=payments"}
    for rule in rules:
        assert rule["labels"]["namespace"] == "payments"
        for one in selectors(promql.parse(rule["expr"])):
            assert ("namespace", "payments") in {(each.name, each.value) for each in one.matchers.matchers}
    dashboards = sorted((out / "operator" / "payments").glob("grafanadashboard-*"))
    assert [path.name for path in dashboards] == ["grafanadashboard-home.yaml", "grafanadashboard-slo.yaml"]
    for path in dashboards:
        document = YAML(typ="safe").load(path)
        board = json.loads(document["spec"]["json"])
        assert board["uid"] == document["spec"]["uid"]
        constants = {one["name"]: one.get("query") for one in board["templating"]["list"] if one["type"] == "constant"}
        queries = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
        assert queries
        if "home" in path.name:
            assert constants == {"namespace": "payments"}
            assert all('namespace=~"$namespace"' in query for query in queries)
        else:
            assert all('namespace="payments"' in query for query in queries)


@pytest.mark.parametrize(
    "query",
    [
        'x{namespace="b"}', 'x{namespace=~".*"}', 'x{namespace!="a"}', 'x{namespace="a",namespace="b"}', 'x{a="b" or namespace="b"}',
        "info(x)", '{"my.metric"}', 'x{"b.c"="d"}', 'x{a="\\x00"}', 'label_replace(x, "a", "\\n", "b", "c")', "", "sum(", "x offset 0s",
        'x[5m', 'x} or y{', '{}', '{namespace=""}', 'x{a="\u2028"}', "x; y", "x\x00",
    ],
)  # fmt: skip
def test_what_cannot_be_bound_is_refused(query: str) -> None:
    """With a reason and a fix."""
    with pytest.raises(Refused) as refused:
        enforced(query, "namespace", "a")
    assert str(refused.value)
    assert refused.value.fix


def test_a_matcher_in_a_value_is_no_matcher() -> None:
    """The parser's own text of a matcher would make a second selector of it."""
    bound = enforced('x{a="} or y{b=\\""}', "namespace", "a")
    assert [one.name for one in selectors(promql.parse(bound))] == ["x"]
    assert bound == 'x{a="} or y{b=\\"",namespace="a"}'


def test_random_queries_are_bound_in_every_selector() -> None:
    """A thousand; a real Prometheus answers them in tests/platform/test_tenants_isolation.py."""
    for query in Queries(11).some(1000):
        bound = promql.parse(enforced(query, "namespace", "a"))
        for one in selectors(bound):
            assert any(
                each.name == "namespace" and each.value == "a" and each.op == promql.MatchOp.Equal
                for each in one.matchers.matchers
            )


@pytest.mark.parametrize(
    ("module", "target", "fine"),
    [
        ("https", "https://shop.example.com/health?x=1", True),
        ("https", "https://shop.example.com:8443/", True),
        ("http", "http://web.shop.svc.cluster.local/", True),
        ("tcp", "web.shop.svc:80", True),
        ("tcp", "[2606:4700::1]:443", True),
        ("tcp", "8.8.8.8:53", True),
        ("tcp", "10.8.1.2:80", True),
        ("dns", "8.8.8.8", True),
        ("dns", "ns1.example.com:53", True),
        ("http", "https://shop.example.com/", False),
        ("https", "https://user:pass@shop.example.com/", False),
        ("https", "https://shop.example.com@169.254.169.254/", False),
        ("https", "https://shop.example.com\\@evil/", False),
        ("https", "https://shop example.com/", False),
        ("https", "https:///x", False),
        ("http", "http://127.0.0.1/", False),
        ("http", "http://127.1/", False),
        ("http", "http://0x7f.1/", False),
        ("http", "http://2130706433/", False),
        ("http", "http://0177.0.0.1/", False),
        ("http", "http://[::1]/", False),
        ("http", "http://[::ffff:169.254.169.254]/", False),
        ("http", "http://[64:ff9b::a9fe:a9fe]/", False),
        ("http", "http://[2002:a9fe:a9fe::1]/", False),
        ("http", "http://[fe80::1]/", False),
        ("http", "http://[fe80::1%25eth0]/", False),
        ("http", "http://[fd00::1]/", False),
        ("http", "http://169.254.169.254/", False),
        ("http", "http://10.0.0.1/", False),
        ("http", "http://224.0.0.1/", False),
        ("http", "http://0.0.0.0/", False),
        ("http", "http://localhost/", False),
        ("http", "http://foo.localhost/", False),
        ("http", "http://kubernetes/", False),
        ("http", "http://metadata.google.internal/", False),
        ("http", "http://web.pay.svc.cluster.local/", False),
        ("http", "http://web.pay.svc/", False),
        ("http", "http://a.web.shop.svc.cluster.local/", False),
        ("http", "http://shop.svc.cluster.local/", False),
        ("http", "http://10-0-0-1.pay.pod.cluster.local/", False),
        ("tcp", "kubernetes.default.svc:443", False),
        ("tcp", "WEB.PAY.SVC.CLUSTER.LOCAL.:80", False),
        ("tcp", "shop.example.com", False),
        ("tcp", "shop.example.com:0", False),
        ("tcp", "shop.example.com:99999", False),
        ("dns", "", False),
    ],
)  # fmt: skip
def test_a_probe_reaches_nothing_of_the_platform(module: str, target: str, fine: bool) -> None:
    """Nor of another tenant; 10.8.0.0/16 is opened to tenants here."""
    found = list(refusals(ProbeConfig(name="x", target=target, module=module), "shop", ["10.8.0.0/16"]))  # type: ignore[arg-type]
    assert bool(found) is not fine
    assert all(problem and fix for problem, fix in found)


def test_the_modules_that_tenants_use_are_generated() -> None:
    """For both families."""
    modules = YAML(typ="safe").load(blackbox_files()["blackbox.yml"])["modules"]
    assert {f"{name}_{family}" for name in MODULES for family in ("ip4", "ip6")} <= modules.keys()


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode(errors="surrogatepass")))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_a_tenant_or_messages(content: bytes) -> None:
    """Never a crash."""
    try:
        tenant(Text("team", Path("team.yaml"), content))
    except ConfigError as error:
        assert str(error).startswith("team.yaml:")


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.sampled_from(
    ["x", "a > 1", "sum(x)", "{{ .Value }}", "Kun", "../..", "http://127.0.0.1", "5m", "0.999", "namespace:a:b", 'x{namespace="b"}']
)  # fmt: skip
_KEYS = st.sampled_from(
    [
        "owner", "scrape", "probes", "slos", "rules", "name", "alert", "record", "expr", "for", "summary", "zh", "en", "target", "total",
        "errors", "module", "families", "port", "selector", "severity", "integration", "language",
    ]
)  # fmt: skip
_DOCUMENTS = st.dictionaries(
    _KEYS,
    st.recursive(
        _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=6), max_leaves=20
    ),
    max_size=6,
)


@given(_DOCUMENTS)
@settings(max_examples=150, deadline=None)
def test_any_document_is_made_within_its_namespace_or_told(document: dict[str, object]) -> None:
    """Whatever is accepted has no other namespace in a rule; whatever is not says where and why."""
    content = json.dumps(document, allow_nan=True).encode()
    try:
        files = files_of(tenant(Text("team", Path("team.yaml"), content)), CONFIG, WANTED)
    except ConfigError as error:
        assert str(error).startswith("team.yaml:")
        return
    except Wrong as error:
        assert all(message.startswith("team.yaml:") for message in error.messages)
        return
    assert all(
        re.fullmatch(r"(operator/team/[a-z0-9-]+\.yaml|(rules|probes)/team\.(yaml|json))", name) for name in files
    )
    for group in YAML(typ="safe").load(files["rules/team.yaml"])["groups"] or ():
        for rule in group["rules"]:
            assert rule["labels"]["namespace"] == "team"


def test_files_that_are_no_tenants(tmp_path: Path) -> None:
    """Each is told; a folder without any is a mistake of the command."""
    with pytest.raises(UsageError, match="No such file"):
        texts(tmp_path / "none")
    source = folder(tmp_path / "t")
    with pytest.raises(UsageError, match=r"holds no NAMESPACE\.yaml"):
        texts(source)
    folder(source, good="owner: x\n", twice="owner: x\n", Upper="owner: x\n", large="#" * (LARGEST + 1))
    (source / "twice.yml").write_text("owner: x\n")
    (source / "folder.yaml").mkdir()
    (source / "dangling.yaml").symlink_to("/nonexistent")
    (source / "notes.txt").write_text("no tenant")
    found, wrong = texts(source)
    assert [one.namespace for one in found] == ["good"]
    assert wrong.keys() == {"twice", "Upper", "large", "folder", "dangling"}
    assert "is no namespace" in wrong["Upper"][0]
    assert "keep one of them" in wrong["twice"][0]


def test_uids_of_dashboards_are_short_and_different() -> None:
    """Grafana takes 40 characters."""
    names = ["a", "a" * 31, "a" * 32, "a" * 63, "a" * 62 + "b", "b-" * 31 + "b"]
    uids = [tenant_dashboard(name, page) for name in names for page in ("home", "slo", "folder")]
    assert len(set(uids)) == len(uids)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", uid) for uid in uids)


def test_tenants_cannot_speak_as_the_platforms_programs() -> None:
    """Names that alerts ask for without a job; every program's own are left alone."""
    names = reserved()
    assert {
        "ceph_health_status",
        "kunobs_fanout_lag_seconds",
        "etcd_server_has_leader",
        "job:apiserver_request:ratio_rate1h",
    } <= set(names)
    assert not {"up", "process_start_time_seconds", "go_goroutines"} & set(names)
    assert "10.8.0.0/16" in TenantsConfig(networks=("10.8.0.0/16",)).networks


def test_a_wrong_file_keeps_no_alertmanager_from_its_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its alerts go where the platform's do, which is said; those of the others to their own integration."""
    source = folder(tmp_path / "t", pay="owner: x\nintegration: pay-prod\n", shop="owner: [", play="owner: x\n")
    (tmp_path / "kunobs.yaml").write_text("version: 1\nmonitoring: {relays: ['https://noc.example.com']}\n")
    arguments = ["--config", str(tmp_path / "kunobs.yaml"), "--tenants", str(source), "--out", str(tmp_path / "out")]
    assert main(["generate", "alertmanager", *arguments]) == 3
    said = capsys.readouterr()
    assert "shop.yaml:1: is not valid YAML" in said.err
    assert "shop: its alerts go where the platform's do" in said.err
    made = YAML(typ="safe").load(tmp_path / "out" / "alertmanager.yml")
    assert [one["name"] for one in made["receivers"]] == ["noc", "tenant-pay"]
    hook = made["receivers"][1]["webhook_configs"][0]
    assert hook["url"] == "https://noc.example.com/v1/alertmanager/pay-prod"
    assert hook["http_config"]["authorization"]["credentials_file"] == "/etc/alertmanager/tenants/pay"


def test_the_command_says_what_is_wrong_and_makes_the_rest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 3; 0 once all is right."""
    source = folder(tmp_path / "t", pay=PAYMENTS, shop=HOSTILE)
    (tmp_path / "kunobs.yaml").write_text("version: 1\n")
    arguments = [
        "generate",
        "tenants",
        str(source),
        "--out",
        str(tmp_path / "out"),
        "--config",
        str(tmp_path / "kunobs.yaml"),
    ]
    assert main(arguments) == 3
    said = capsys.readouterr()
    assert re.search(r"1 of 2 tenants: \d+ files in .*out: \d+ written, 0 removed", said.out)
    assert "shop.yaml:3: probes[0].target" in said.err
    assert said.err.rstrip().endswith("shop: not made, it keeps what it had")
    (source / "shop.yaml").unlink()
    assert main(arguments) == 0


def test_many_tenants_are_made_by_several_processes_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same files and the same messages as by one."""
    source = folder(tmp_path / "t", **{f"team-{n}": PAYMENTS for n in range(55)}, evil=HOSTILE)
    by_several = made(source, tmp_path / "several")
    monkeypatch.setattr("kunobs.generate.tenants.build._MANY", 1000)
    by_one = made(source, tmp_path / "one")
    assert contents(tmp_path / "several") == contents(tmp_path / "one")
    assert by_several.wrong == by_one.wrong
    assert by_several.wrong.keys() == {"evil"}
    assert by_several.made == 55


def test_no_recording_of_the_platform_can_be_a_tenants() -> None:
    """Theirs begin with `namespace:`, so none of ours may."""
    assert not [one.record for of in RECORDINGS.values() for one in of if one.record.startswith("namespace:")]
