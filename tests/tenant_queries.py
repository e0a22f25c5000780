"""Random PromQL over a few metrics of two namespaces, as a tenant might write it, and worse. Seeded; no query is generated twice alike."""

from __future__ import annotations

import random
from collections.abc import Iterator

METRICS = ("requests_total", "queue_length", "lag_seconds_bucket")
_LABELS = ("app", "code", "le", "namespace", "pod")
_RATES = ("rate", "increase", "irate", "delta", "resets", "changes")
_OVER = ("avg_over_time", "max_over_time", "sum_over_time", "count_over_time", "last_over_time", "absent_over_time")
_PLAIN = ("abs", "ceil", "ln", "sort", "timestamp", "absent", "scalar", "exp", "sgn")
_AGGREGATES = ("sum", "avg", "max", "min", "count", "stddev", "group")


class Queries:
    """Makes queries that read `namespace="a"` if they name a namespace at all."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)

    def some(self, count: int) -> Iterator[str]:
        """So many, different ones."""
        seen: set[str] = set()
        while len(seen) < count:
            query = self._vector(self._chance.randint(0, 4))
            if query not in seen:
                seen.add(query)
                yield query

    def _selector(self) -> str:
        chance = self._chance
        name = chance.choice(METRICS)
        matchers = [
            chance.choice(
                [
                    'app="api"', 'app=~"api|web"', 'app!="web"', 'code!~"2.."', 'pod=~".+"', 'namespace="a"', 'app=""',
                    "code=~'5..|4..'", 'app="} or queue_length{app=\\"api"', 'pod!="\\\\"', 'le=~".*"',
                ]
            )
            for _ in range(chance.randint(0, 3))
        ]  # fmt: skip
        if chance.random() < 0.1:
            return "{" + ", ".join([f'__name__=~"{name}|{chance.choice(METRICS)}"', *matchers]) + "}"
        if chance.random() < 0.1:
            return f'{{__name__="{name}"}}'
        comma = "," if matchers and chance.random() < 0.2 else ""
        return name + ("{ " + " , ".join(matchers) + comma + " }" if matchers or chance.random() < 0.2 else "")

    def _instant(self) -> str:
        late = self._chance.choice(["", "", "", " offset 2m", " offset -1m", " @ end()", " @ start() offset 1m"])
        return self._selector() + late

    def _range(self, depth: int) -> str:
        if depth > 0 and self._chance.random() < 0.3:
            return f"({self._vector(depth - 1)})[{self._chance.choice(['10m:1m', '5m:', '7m:30s'])}]"
        return f"{self._selector()}[{self._chance.choice(['5m', '90s', '1h30m'])}]"

    def _by(self) -> str:
        labels = ", ".join(self._chance.sample(_LABELS, self._chance.randint(0, 3)))
        return f" {self._chance.choice(['by', 'without'])} ({labels})"

    def _vector(self, depth: int) -> str:
        chance = self._chance
        if depth <= 0:
            return self._instant()
        kind = chance.randrange(9)
        inner = self._vector(depth - 1)
        if kind == 0:
            return f"{chance.choice(_RATES)}({self._range(depth - 1)})"
        if kind == 1:
            return f"{chance.choice(_OVER)}({self._range(depth - 1)})"
        if kind == 2:
            function = chance.choice(_PLAIN)
            return f"vector(scalar({inner}))" if function == "scalar" else f"{function}({inner})"
        if kind == 3:
            return f"{chance.choice(_AGGREGATES)}{self._by()} ({inner})"
        if kind == 4:
            return f"{chance.choice(['topk', 'bottomk'])}{self._by()} (3, {inner})"
        if kind == 5:
            operator = chance.choice(["and", "or", "unless"])
            return f"({inner}) {operator} {chance.choice(['', 'on (namespace) ', 'ignoring (app) '])}{self._vector(depth - 1)}"
        if kind == 6:
            sign = chance.choice(["+", "-", "*", "/", "%", "^", "> bool", "<=", "!="])
            return f"{inner} {sign} {chance.choice(['2', '1e-3', '0x1F', 'NaN', '-Inf'])}"
        if kind == 7:
            return f'label_replace({inner}, "namespace", "b", "app", "(.*)")  # namespace="b"\n'
        return f"-({inner})"
