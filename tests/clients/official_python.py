"""The official Python client, 1.x to 3.x: a whole batch, a direct call, and parse() with a schema."""

import json
import time
from pathlib import Path

import openai
from pydantic import BaseModel

COUNT = 12


class Mood(BaseModel):
    sentiment: str
    score: int


client = openai.OpenAI()
lines = [
    {
        "custom_id": f"q-{n}",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": f"What is {n} + {n}?"}]},
    }
    for n in range(COUNT)
]
path = Path("questions.jsonl")
path.write_text("".join(json.dumps(line) + "\n" for line in lines))
with path.open("rb") as content:
    file = client.files.create(file=content, purpose="batch")
batch = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
while batch.status not in ("completed", "failed", "expired", "cancelled"):
    time.sleep(0.1)
    batch = client.batches.retrieve(batch.id)
rows = [json.loads(row) for row in client.files.content(batch.output_file_id).text.split("\n") if row]
assert sorted(row["custom_id"] for row in rows) == sorted(line["custom_id"] for line in lines)
completions = (
    client.chat.completions if hasattr(client.chat.completions, "parse") else client.beta.chat.completions
)
parsed = completions.parse(
    model="gpt-4o-mini", messages=[{"role": "user", "content": "hi"}], response_format=Mood
)
assert isinstance(parsed.choices[0].message.parsed, Mood)
assert client.responses.parse(model="o4-mini", input="hi", text_format=Mood).output_parsed is not None
assert len(client.embeddings.create(model="text-embedding-3-small", input="hi").data[0].embedding) == 1536
assert "gpt-4o-mini" in [model.id for model in client.models.list()]
print(f"openai {openai.__version__}: {len(rows)} answers, parse(), responses, embeddings, models")
