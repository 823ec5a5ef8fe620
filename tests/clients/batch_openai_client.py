"""batch-openai: builder, job and results. It cuts files at U+2028, so it is given answers in plain ASCII."""

from batch_openai import BatchRequestBuilder
from openai import OpenAI

COUNT = 7
builder = BatchRequestBuilder()
for number in range(COUNT):
    builder.add(
        messages=[{"role": "user", "content": f"What is {number} + {number}?"}],
        model="gpt-4o-mini",
        custom_id=f"q-{number}",
    )
result = builder.submit(OpenAI(), description="numbers").wait(poll_interval=1)
assert len(result.succeeded) == COUNT, result
assert not result.failed
print(f"batch-openai: {len(result.succeeded)} answers")
