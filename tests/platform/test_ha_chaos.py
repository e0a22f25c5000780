"""Two Prometheus, three Alertmanagers and the relay, all real and with the configuration that is generated: one after the other is
killed or stands still while alerts begin, or its scrape fails, and a person hears of each alert, once.

Twelve faults here, FAULTS=200 in `make chaos`; SEED= repeats. PROVE=1 writes docs/proof/ha-chaos.json.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from kunobs.config.monitoring import MonitoringConfig
from kunobs.generate.alertmanager import document
from tests.noc_world import world
from tests.platform.alertmanager import NEWEST, TOKEN, Alertmanager, program
from tests.platform.replicas import Replica, Scrape, Switches
from tests.platform.test_noc_alertmanager import Relay
from tests.support import REPOSITORY, wait_until

pytestmark = pytest.mark.platform
FAULTS = int(os.environ.get("FAULTS", "12"))
SEED = int(os.environ.get("SEED", "7"))
# What is shipped keeps alerts for four scrapes of 30 s; a fault here lasts as many seconds as it takes to page somebody.
KEEP = "20s"
# When the fault comes: before the alert begins, once a Prometheus has seen it, once an Alertmanager has it.
MOMENTS = ("before", "seen", "sent")


class Scene:
    """All of it, running."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.switches = Switches(FAULTS + 1)
        stack.callback(self.switches.close)
        self.around = stack.enter_context(world(folder))
        self.relay = Relay(self.around)
        stack.callback(lambda: self.relay.life.kill())
        self.relay.life.ready()
        token = folder / "token"
        token.write_text(TOKEN)
        config = MonitoringConfig(relays=(self.relay.url,), integration="prod", token_file=str(token), kubernetes=False)
        made = json.loads(json.dumps(document(config)))
        # A person is not to wait for a test, nor a test for a person.
        made["route"] |= {"group_wait": "1s", "group_interval": "2s"}
        self.managers: list[Alertmanager] = []
        for number in range(3):
            one = Alertmanager(
                program(NEWEST), folder / f"am-{number}", "", [*self.managers], peer_timeout="2s", config=made
            )
            self.managers.append(one)
        for one in self.managers:
            one.peers = [other for other in self.managers if other is not one]
            stack.enter_context(one)
        for one in self.managers:
            one.ready()
        addresses = tuple(one.url.removeprefix("http://") for one in self.managers)
        self._rules(folder)
        config = config.model_copy(update={"alertmanagers": addresses})
        self.prometheus = [Replica(folder, replica, config, self.switches.address) for replica in config.replicas]
        for replica in self.prometheus:
            replica.start()
            stack.callback(replica.kill)
        for replica in self.prometheus:
            replica.ready()

    @staticmethod
    def _rules(folder: Path) -> None:
        rules = [
            {
                "alert": f"Alert{n}", "expr": f'ha_switch{{n="{n}"}} > 0', "keep_firing_for": KEEP,
                "labels": {"severity": "critical", "via": "hook", "component": "ha"}, "annotations": {"summary": f"Alert{n}"},
            }
            for n in range(FAULTS + 1)
        ]  # fmt: skip
        (folder / "rules.yml").write_text(json.dumps({"groups": [{"name": "ha", "rules": rules}]}))

    @property
    def all(self) -> dict[str, Replica | Alertmanager | Scrape]:
        """By name."""
        found: dict[str, Replica | Alertmanager | Scrape] = {}
        found |= {f"prometheus-{n}": one for n, one in enumerate(self.prometheus)}
        found |= {f"scrape-{replica}": Scrape(self.switches, replica) for replica in ("a", "b")}
        return found | {f"alertmanager-{n}": one for n, one in enumerate(self.managers)}

    def pages(self, name: str) -> int:
        """How many messages a person has got about an alert."""
        return self.around.pages()["hook", name.removeprefix("Alert")] or self.around.pages()["hook", name]

    def reached(self, name: str, moment: str) -> bool:
        """The alert has come so far."""
        if moment == "seen":
            return any(one.fires(name) for one in self.prometheus)
        return any(name in {found["labels"]["alertname"] for found in one.alerts()} for one in self.managers)


@contextmanager
def scene(folder: Path) -> Iterator[Scene]:
    """While the block lasts."""
    with ExitStack() as stack:
        yield Scene(folder, stack)


def test_a_person_hears_of_every_alert_once(tmp_path: Path) -> None:
    """Whoever of the five is gone just then."""
    print(f"SEED={SEED} FAULTS={FAULTS}")
    chance = random.Random(SEED)
    kills = 0
    with scene(tmp_path) as ha:
        for number in range(FAULTS):
            name = f"Alert{number}"
            who, one = chance.choice(sorted(ha.all.items()))
            killed, moment = chance.random() < 0.6, chance.choice(MOMENTS)
            print(f"{name}: {who} {'killed' if killed else 'stopped'} {moment}", flush=True)
            if moment != "before":
                ha.switches.on.add(number)
                wait_until(lambda name=name, moment=moment: ha.reached(name, moment), 60, f"{name} is {moment}")
            one.kill() if killed else one.pause()
            kills += 1
            ha.switches.on.add(number)
            wait_until(lambda name=name: ha.pages(name), 90, f"a page about {name}, with {who} gone")
            one.start() if killed else one.resume()
            one.ready()
        # All of them are there again, and have had the time to say twice what they wanted to say twice.
        ha.switches.on.add(FAULTS)
        wait_until(lambda: ha.pages(f"Alert{FAULTS}"), 90, "a page about the last one")
        ha.relay.wait_sent()
        heard = {number: ha.pages(f"Alert{number}") for number in range(FAULTS + 1)}
        decided = ha.relay.decided()
    proof = {
        "kills": kills,
        "alerts": len(heard),
        "lost": sum(count == 0 for count in heard.values()),
        "duplicates_at_relay": decided["copy"] + decided["repeated"],
        "duplicates_at_human": sum(max(0, count - 1) for count in heard.values()),
    }
    print(proof)
    if os.environ.get("PROVE"):
        (REPOSITORY / "docs" / "proof" / "ha-chaos.json").write_text(json.dumps(proof) + "\n")
    assert proof["lost"] == 0
    assert proof["duplicates_at_human"] == 0, heard
