"""An HTTP endpoint that is a queue of the textbook: `queue_endpoint.py --service exponential`.

One request is served at a time, in the order of arrival; the mean service time is 20 ms. When an answer
leaves is computed (Lindley's recursion): it comes as late as theory says, no later. It prints its port.
"""

import argparse
import asyncio
import random
import selectors
import sys
from collections.abc import Iterator

MEAN_S = 0.020
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def services(kind: str, seed: int) -> Iterator[float]:
    """How long each request in turn is served, in seconds."""
    chance = random.Random(seed)  # noqa: S311 (no secret)
    while True:
        yield chance.expovariate(1 / MEAN_S) if kind == "exponential" else MEAN_S


class Queue:
    """Says when the answer to a request that arrives now leaves."""

    def __init__(self, kind: str, seed: int) -> None:
        self._services = services(kind, seed)
        self._free_s = 0.0

    def departure_s(self, now_s: float) -> float:
        self._free_s = max(self._free_s, now_s) + next(self._services)
        return self._free_s


async def serve_on(queue: Queue) -> None:
    loop = asyncio.get_running_loop()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                answered = loop.create_future()
                loop.call_at(queue.departure_s(loop.time()), answered.set_result, None)
                await answered
                writer.write(ANSWER)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1_024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(prog="queue_endpoint.py")
    parser.add_argument("--service", choices=("exponential", "constant"), required=True)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    # select() wakes to the microsecond, epoll to the millisecond.
    loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
    loop.run_until_complete(serve_on(Queue(asked.service, asked.seed)))


if __name__ == "__main__":
    main()
