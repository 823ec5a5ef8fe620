"""Where administrators steer from, by program or by page: every order is logged and obeyed at once here."""

from collections.abc import Callable

from claimbench.impl.service.control import Orders
from claimbench.impl.service.parts import Parts
from claimbench.impl.service.problems import Problem


class SteeringDesk:
    """Gives orders to all workers; each method returns the orders that stand afterwards."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def pause(self) -> Orders:
        """Let every worker finish its stage and start no other."""
        return self._ordered(self._parts.control.pause, "paused the scheduler")

    def resume(self) -> Orders:
        """Let every worker go on."""
        return self._ordered(self._parts.control.resume, "resumed the scheduler")

    def switch(self, pipeline: str) -> Orders:
        """Let every worker run this pipeline; Problem 422 for one that is not registered.

        Only registered ones: a page must not be able to import code.
        """
        if pipeline not in self._parts.pipelines:
            raise Problem(
                422, "unknown_pipeline", f"there is no such pipeline; use {', '.join(self._parts.pipelines)}"
            )
        return self._ordered(
            lambda: self._parts.control.switch(pipeline), f"switched the pipeline to {pipeline}"
        )

    def invalidate_cache(self) -> Orders:
        """Let every worker forget its company cache."""
        return self._ordered(self._parts.control.invalidate_cache, "invalidated the company cache")

    def _ordered(self, order: Callable[[], None], told: str) -> Orders:
        order()
        self._parts.journal.note("admin", told)
        if self._parts.worker is not None:
            self._parts.worker.tick()
        else:
            self._parts.journal.flush()
        self._parts.lookout.forget()
        return self._parts.control.read()
