"""What Locust makes of the same service without open arrivals: 20 users, 5 requests a second each."""

import json
import os
from pathlib import Path
from typing import Any

from locust import FastHttpUser, constant_throughput, events, task
from locust.env import Environment


class Stock(FastHttpUser):
    wait_time = constant_throughput(5)

    @task
    def ask(self) -> None:
        self.client.get("/")


@events.quitting.add_listener
def tell(environment: Environment, **_: Any) -> None:
    total = environment.stats.total
    told = {
        "count": total.num_requests,
        "p90_ms": total.get_response_time_percentile(0.90),
        "p95_ms": total.get_response_time_percentile(0.95),
    }
    Path(os.environ["STOCK_OUTCOME"]).write_text(json.dumps(told))
