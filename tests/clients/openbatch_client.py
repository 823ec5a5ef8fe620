"""openbatch: writes and checks the file of a batch of responses, which the official client then sends."""

import json
import time
from pathlib import Path

import openai
from openbatch import BatchCollector, validate_batch_file
from pydantic import BaseModel

COUNT = 5


class Capital(BaseModel):
    country: str
    capital: str


path = Path("batch.jsonl")
path.unlink(missing_ok=True)
collector = BatchCollector(batch_file_path=str(path))
for number in range(COUNT):
    collector.responses.parse(
        custom_id=f"c-{number}",
        model="gpt-4o-mini",
        text_format=Capital,
        input=f"Capital of country {number}?",
    )
validate_batch_file(path)
client = openai.OpenAI()
with path.open("rb") as content:
    file = client.files.create(file=content, purpose="batch")
batch = client.batches.create(input_file_id=file.id, endpoint="/v1/responses", completion_window="24h")
while batch.status not in ("completed", "failed", "expired", "cancelled"):
    time.sleep(0.1)
    batch = client.batches.retrieve(batch.id)
rows = [json.loads(row) for row in client.files.content(batch.output_file_id).text.split("\n") if row]
texts = [row["response"]["body"]["output"][-1]["content"][0]["text"] for row in rows]
assert len([Capital.model_validate_json(text) for text in texts]) == COUNT
print(f"openbatch: {COUNT} answers that follow their model")
