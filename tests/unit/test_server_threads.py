"""What other threads found out reaches the event loop: all of it, in order, whatever became of who waited."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError, Future

import pytest

from kunobs.server.threads import Landing


def test_results_and_exceptions_land_with_those_who_wait() -> None:
    """Ten thousand from four threads, while others land."""

    async def main() -> None:
        landing = Landing(asyncio.get_running_loop())
        futures: list[Future[int]] = [Future() for _ in range(10_000)]
        waiters = [landing.wait(future) for future in futures]

        def settle(part: int) -> None:
            for number in range(part, len(futures), 4):
                if number % 10 == 3:
                    futures[number].set_exception(ValueError(str(number)))
                else:
                    futures[number].set_result(number)

        threads = [threading.Thread(target=settle, args=(part,)) for part in range(4)]
        for thread in threads:
            thread.start()
        found = await asyncio.wait_for(asyncio.gather(*waiters, return_exceptions=True), 60)
        for number, each in enumerate(found):
            if number % 10 == 3:
                assert isinstance(each, ValueError)
                assert str(each) == str(number)
            else:
                assert each == number
        for thread in threads:
            thread.join()

    asyncio.run(main())


def test_one_that_gave_up_does_not_keep_the_others_waiting() -> None:
    """Nor does a change that was never begun, or one that is done before anybody waits."""

    async def main() -> None:
        landing = Landing(asyncio.get_running_loop())
        given_up, dropped, done, last = Future[int](), Future[int](), Future[int](), Future[int]()
        waiters = [landing.wait(given_up), landing.wait(dropped)]
        waiters[0].cancel()
        dropped.cancel()
        dropped.set_running_or_notify_cancel()
        given_up.set_result(1)
        done.set_result(2)
        third, fourth = landing.wait(done), landing.wait(last)
        threading.Thread(target=last.set_result, args=(3,)).start()
        assert [await asyncio.wait_for(each, 30) for each in (third, fourth)] == [2, 3]
        for each in waiters:
            with pytest.raises((asyncio.CancelledError, CancelledError)):
                await asyncio.wait_for(each, 30)

    asyncio.run(main())
