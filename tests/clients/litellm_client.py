"""litellm: files and batches by its own functions."""

import json
import time

import litellm

COUNT = 8
lines = [
    {
        "custom_id": f"q-{n}",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": f"What is {n} + {n}?"}]},
    }
    for n in range(COUNT)
]
content = "".join(json.dumps(line) + "\n" for line in lines).encode()
file = litellm.create_file(file=("q.jsonl", content), purpose="batch", custom_llm_provider="openai")
batch = litellm.create_batch(
    completion_window="24h",
    endpoint="/v1/chat/completions",
    input_file_id=file.id,
    custom_llm_provider="openai",
)
while batch.status not in ("completed", "failed", "expired", "cancelled"):
    time.sleep(0.1)
    batch = litellm.retrieve_batch(batch_id=batch.id, custom_llm_provider="openai")
text = litellm.file_content(file_id=batch.output_file_id, custom_llm_provider="openai").text
rows = [json.loads(row) for row in text.split("\n") if row]
assert len(rows) == COUNT
said = litellm.completion(model="openai/gpt-4o-mini", messages=[{"role": "user", "content": "hi"}])
assert said.choices[0].message.content
print(f"litellm: {len(rows)} answers and a completion")
