"""What is counted here is all that this process sends, so nobody else may send anything meanwhile."""

import pytest

from claimbench.impl.service.sampler import Sampler


@pytest.fixture(autouse=True)
def _no_service_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that other tests of this process keep open asks its database every two seconds."""
    monkeypatch.setattr(Sampler, "sample", lambda _: None)
