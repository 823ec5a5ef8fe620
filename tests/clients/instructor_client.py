"""instructor: a batch in memory, whose upload has no name, and its typed results."""

import time

from instructor.batch import BatchProcessor, extract_results, filter_successful
from pydantic import BaseModel

COUNT = 6


class User(BaseModel):
    name: str
    age: int


processor = BatchProcessor("openai/gpt-4o-mini", User)
messages = [[{"role": "user", "content": f"Invent user {n}."}] for n in range(COUNT)]
buffer = processor.create_batch_from_messages(messages_list=messages)
batch_id = processor.submit_batch(buffer)
while processor.get_batch_status(batch_id)["status"] not in ("completed", "failed", "expired", "cancelled"):
    time.sleep(0.1)
users = extract_results(filter_successful(processor.retrieve_results(batch_id)))
assert len(users) == COUNT, users
assert all(isinstance(user, User) for user in users)
print(f"instructor: {len(users)} typed answers of a batch in memory")
