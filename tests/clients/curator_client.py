"""curator: a batch of prompts with a model of the answers, as its users write it."""

import os

from bespokelabs import curator
from pydantic import BaseModel

os.environ["CURATOR_DISABLE_CACHE"] = "1"
os.environ["TELEMETRY_ENABLED"] = "0"
COUNT = 5


class Poem(BaseModel):
    title: str
    lines: list[str]


class Poet(curator.LLM):
    response_format = Poem

    def prompt(self, row: dict) -> str:
        return f"Write a poem about {row['topic']}."

    def parse(self, row: dict, response: Poem) -> dict:
        return {"topic": row["topic"], "title": response.title}


if __name__ == "__main__":
    poet = Poet(
        model_name="gpt-4o-mini",
        batch=True,
        backend_params={
            "base_url": os.environ["OPENAI_BASE_URL"],
            "batch_size": 5,
            "batch_check_interval": 1,
        },
    )
    poems = poet([{"topic": f"topic {n}"} for n in range(COUNT)])
    rows = list(getattr(poems, "dataset", poems))
    assert len(rows) == COUNT
    assert all(row["title"] for row in rows)
    print(f"curator: {len(rows)} answers that follow their model")
