"""autobatcher: calls of a chat client that become one batch."""

import asyncio
import inspect
import os

from autobatcher import BatchOpenAI

COUNT = 6


async def main() -> None:
    known = inspect.signature(BatchOpenAI.__init__).parameters
    wanted = {
        "api_key": "any",
        "base_url": os.environ["OPENAI_BASE_URL"],
        "completion_window": "24h",
        "batch_size": COUNT,
        "batch_window_seconds": 0.5,
        "poll_interval_seconds": 0.2,
        "mode": "batch",
    }
    client = BatchOpenAI(**{name: value for name, value in wanted.items() if name in known})
    answers = await asyncio.gather(
        *(
            client.chat.completions.create(
                model="gpt-4o-mini", messages=[{"role": "user", "content": f"What is {n} + {n}?"}]
            )
            for n in range(COUNT)
        )
    )
    assert all(answer.choices[0].message.content for answer in answers)
    await client.close()
    print(f"autobatcher: {len(answers)} answers")


asyncio.run(main())
