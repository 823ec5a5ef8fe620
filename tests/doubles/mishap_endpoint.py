"""An HTTP endpoint that misbehaves on purpose: `python tests/doubles/mishap_endpoint.py` prints its port.

`/drop` reads every fifth request and hangs up; `/slow` answers after 0.2 s; `/keys` says that its answer is a
replay where it has seen the idempotency key before; `/count` tells how many requests were read and dropped.
"""

import asyncio
import sys

seen: set[bytes] = set()
read = dropped = 0


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    global read, dropped  # noqa: PLW0603 (a process of its own, for one test)
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
            await reader.readexactly(int(lines.get(b"content-length", b"0")))
            path, extra, body = head.split(b" ")[1], b"", b"ok"
            if path == b"/drop":
                read += 1
                if read % 5 == 0:
                    dropped += 1
                    break
            elif path == b"/slow":
                await asyncio.sleep(0.2)
            elif path == b"/keys":
                key = lines.get(b"idempotency-key", b"")
                extra = b"Idempotency-Replayed: true\r\n" if key in seen else b""
                seen.add(key)
            elif path == b"/count":
                body = b"%d %d" % (read, dropped)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n%s" % (len(body), extra, body))
            await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
