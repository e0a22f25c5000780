"""What applications print: stack traces, JSON, access logs, tracebacks, business logs in Chinese."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

_PATHS = ("/v1/orders", "/users", "/v2/pay/notify", "/healthz", "/search", "/feed", "/api/stock/query")
_CLASSES = ("c.e.order.OrderController", "c.e.pay.PayService", "o.s.w.s.DispatcherServlet", "c.e.StockLock")
_CITIES = ("上海", "北京", "广州", "成都", "杭州", "乌鲁木齐")
_STATES = ("支付成功", "支付失败", "已退款", "等待发货", "库存不足", "签名校验未通过")
_STACK = "".join(
    f"\n\tat com.example.{place}({place.split('.')[-2]}.java:{line})"
    for place, line in (
        ("order.OrderService.lock", 214), ("order.OrderService.create", 131),
        ("order.OrderController.post", 58), ("web.Filter.doFilter", 40), ("web.Chain.next", 77),
        ("web.Chain.doFilter", 61), ("web.Worker.run", 93),
    )
)  # fmt: skip
_TRACEBACK = """Traceback (most recent call last):
  File "/app/jobs/main.py", line 88, in handle
    result = self.client.fetch(task.url, timeout=3)
  File "/app/jobs/client.py", line 41, in fetch
    raise FetchTimeout(url)
jobs.errors.FetchTimeout: https://stock.example/api?sku="""

Writer = Callable[[random.Random], str]


def _number(rng: random.Random, below: int) -> int:
    """`randrange` without its checks: a benchmark's generator must not be the slowest part."""
    return int(rng.random() * below)


def spring(rng: random.Random) -> str:
    """A Spring Boot line; one in 40 is an error with its stack."""
    place, worker, order = _CLASSES[_number(rng, 4)], _number(rng, 16), _number(rng, 10**7)
    if rng.random() < 0.025:
        return (
            f"ERROR 1 --- [nio-8080-exec-{worker}] {place} : order {order} failed: "
            f"java.lang.IllegalStateException: lock held by {order - 1}{_STACK}"
        )
    return (
        f" INFO 1 --- [nio-8080-exec-{worker}] {place} : GET {_PATHS[_number(rng, 7)]}/{order} status=200 "
        f"took={_number(rng, 900)}ms trace_id={order * 7919:012x}"
    )


def zap(rng: random.Random) -> str:
    """A Go service's JSON line, which Filebeat puts into `message` as a string."""
    return json.dumps(
        {
            "level": "error" if rng.random() < 0.02 else "info",
            "caller": f"server/handler.go:{_number(rng, 400)}",
            "msg": "request done",
            "path": _PATHS[_number(rng, 7)],
            "latency_ms": round(rng.random() * 80, 3),
            "user": {"id": _number(rng, 10**6), "city": _CITIES[_number(rng, 6)]},
        },
        ensure_ascii=False,
    )


def nginx(rng: random.Random) -> str:
    """An access log line in the combined format."""
    return (
        f"10.{_number(rng, 256)}.{_number(rng, 256)}.7 - - "
        f'"GET {_PATHS[_number(rng, 7)]}?page={_number(rng, 90)} HTTP/1.1" '
        f'{"200" if rng.random() < 0.97 else "502"} {_number(rng, 20000)} "-" "Mozilla/5.0 (Linux; Android 15)" '
        f"rt=0.{_number(rng, 1000):03d}"
    )


def python(rng: random.Random) -> str:
    """A Python worker; one line in 40 is a traceback."""
    task = _number(rng, 10**6)
    if rng.random() < 0.025:
        return f"{_TRACEBACK}{task}"
    return f"INFO:worker.main:task {task} done in {rng.random():.3f}s, queue={_number(rng, 400)}"


def chinese(rng: random.Random) -> str:
    """A business log in Chinese."""
    return (
        f"【订单中心】订单号={_number(rng, 10**9)} 用户{_number(rng, 10**6)}（{_CITIES[_number(rng, 6)]}）"
        f"{_STATES[_number(rng, 6)]}，耗时 {_number(rng, 300)} 毫秒，"
        f"金额 ￥{_number(rng, 99999) / 100:.2f}"
    )


def klog(rng: random.Random) -> str:
    """A controller that logs by klog."""
    return (
        f'I1101 03:18:27.{_number(rng, 10**6):06d}       1 controller.go:{_number(rng, 600)}] "Reconciled" '
        f'object="team/{_number(rng, 999)}" generation={_number(rng, 40)}'
    )


APPS: tuple[Writer, ...] = (spring, spring, zap, nginx, python, chinese, klog)
