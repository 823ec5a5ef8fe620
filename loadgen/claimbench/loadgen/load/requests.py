"""What each arrival sends: path, headers and body, made from the seed and the arrival's position alone."""

import json
import random
import zlib
from collections import defaultdict, deque

from claimbench.loadgen.load.exchanges import DrawnExchange, Header, HttpRequest
from claimbench.loadgen.load.plan import Body, Credential, LoadPlan, Operation, Task
from claimbench.scenarios.templates import WORDS, Arrival

REMEMBERED_MAX = 200
"""How many submitted sessions each tenant's readers choose from; older ones are forgotten."""

_TYPES = ("SENTIMENT_ANALYSIS", "CATEGORIZATION", "SUMMARY")


class Requests:
    """Makes a plan's requests, and remembers which sessions were submitted so that readers find some."""

    def __init__(self, plan: LoadPlan) -> None:
        self._plan = plan
        self._drawn = tuple(DrawnExchange(each, plan.headers) for each in plan.operations)
        self._submitted: defaultdict[int, deque[str]] = defaultdict(lambda: deque(maxlen=REMEMBERED_MAX))

    def of(self, task: Task) -> HttpRequest:
        """The request of this arrival."""
        operation, drawn = self._plan.operations[task.operation], self._drawn[task.operation]
        # Strings seed the same on every Python; the position is in it so that equal operations differ.
        chance = random.Random(zlib.crc32(f"{self._plan.seed}/{task.position}".encode()))  # noqa: S311 (no secret)
        arrival = Arrival(task.position, self._plan.salt, chance)
        return HttpRequest(
            operation.name,
            operation.method,
            self._path(drawn.path(arrival), task),
            (*drawn.headers(arrival), *self._headers(operation, task)),
            drawn.body(arrival) or self._body(operation, chance),
            operation.body is not Body.NONE,
            operation.expect,
        )

    def learn(self, task: Task, content: bytes) -> None:
        """Remember the ids of the sessions that a receipt tells; what is no receipt tells none."""
        try:
            receipt = json.loads(content)
        except ValueError:
            return
        if isinstance(receipt, dict):
            sessions = receipt.get("sessions", [receipt])
            self._submitted[task.tenant].extend(str(each["id"]) for each in sessions if "id" in each)

    def _path(self, path: str, task: Task) -> str:
        if "{session}" not in path:
            return path
        known = self._submitted[task.tenant]
        if known:
            return path.replace("{session}", known[task.position % len(known)])
        first = self._plan.tenants[task.tenant].session_id if self._plan.tenants else None
        # A tenant that has no session yet asks for the list instead.
        return path.replace("/{session}", "" if first is None else f"/{first}")

    def _headers(self, operation: Operation, task: Task) -> tuple[Header, ...]:
        headers = []
        if operation.credential is Credential.TENANT:
            headers.append(Header("Authorization", f"Bearer {self._plan.tenants[task.tenant].key}"))
        if operation.credential is Credential.ADMIN:
            headers.append(Header("Authorization", f"Bearer {self._plan.admin_token}"))
        if operation.body is not Body.NONE:
            headers.append(Header("Content-Type", "application/json"))
            headers.append(Header("Idempotency-Key", self._idempotency_key(task)))
        return tuple(headers)

    def _idempotency_key(self, task: Task) -> str:
        return "-".join(str(part) for part in (self._plan.salt, self._plan.seed, task.position) if part != "")

    def _body(self, operation: Operation, chance: random.Random) -> str | None:
        if operation.body is Body.NONE:
            return None
        if operation.body is Body.SUBMISSION:
            return json.dumps(_session(chance))
        return json.dumps({"sessions": [_session(chance) for _ in range(self._plan.bulk_size)]})


def _session(chance: random.Random) -> dict[str, object]:
    messages = [
        {
            "role": "user" if position % 2 == 0 else "assistant",
            "content": _utterance(chance),
        }
        for position in range(chance.randint(2, 6))
    ]
    return {"messages": messages, "requests": [{"processing_type": chance.choice(_TYPES)}]}


def _utterance(chance: random.Random) -> str:
    return " ".join(chance.choices(WORDS, k=chance.randint(5, 15)))
