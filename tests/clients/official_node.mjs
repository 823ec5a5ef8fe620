// The official Node client: a whole batch from a file in memory, and a direct call.
import OpenAI, { toFile } from "openai";

const client = new OpenAI();
const lines = Array.from({ length: 12 }, (_, n) => JSON.stringify({
  custom_id: `q-${n}`, method: "POST", url: "/v1/chat/completions",
  body: { model: "gpt-4o-mini", messages: [{ role: "user", content: `What is ${n} + ${n}?` }] },
}));
const file = await client.files.create({
  file: await toFile(Buffer.from(lines.join("\n")), "questions.jsonl"), purpose: "batch",
});
let batch = await client.batches.create({
  input_file_id: file.id, endpoint: "/v1/chat/completions", completion_window: "24h",
});
while (!["completed", "failed", "expired", "cancelled"].includes(batch.status)) {
  await new Promise((resolve) => setTimeout(resolve, 100));
  batch = await client.batches.retrieve(batch.id);
}
const text = await (await client.files.content(batch.output_file_id)).text();
const rows = text.split("\n").filter(Boolean).map(JSON.parse);
if (rows.length !== 12) throw new Error(`${rows.length} answers`);
const answer = await client.responses.create({ model: "gpt-4o-mini", input: "hi" });
if (!answer.output_text) throw new Error("no text");
console.log(`openai (Node): ${rows.length} answers, responses`);
