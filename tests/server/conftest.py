import pytest

from salver.server import manager


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let versions go soon after their last call."""
    monkeypatch.setattr(manager, "_ON_THE_WAY_S", 0.05)
