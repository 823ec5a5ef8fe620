"""A fake OpenAI: files, batches and chat completions, as strict, as odd and as fast as the real ones.

One core without sockets, sleeps or a clock of its own (`core`), reached in the same process through respx
(`respx_adapter`) or over HTTP (`asgi`, `server`).
"""
