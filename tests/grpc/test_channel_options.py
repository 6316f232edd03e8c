import json

import pytest

from salver.grpc.channel_options import BEHIND_FRONT, settings
from salver.problems import Unusable

VARIABLE = "SALVER_REPLY_TIMEOUT_S"
DAY = 86_400_000


def reply_timeout(*options: tuple[str, bool]) -> int:
    found = json.loads(settings(options))["reply_timeout_ms"]
    assert isinstance(found, int)
    return found


def test_callers_of_scripts_may_leave_replies_unread_as_grpc_lets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert reply_timeout() == DAY
    monkeypatch.setenv(VARIABLE, "2.5")
    assert reply_timeout() == 2500
    assert reply_timeout((BEHIND_FRONT, True)) == DAY, "the server in front minds its callers"


def test_a_variable_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "soon")
    with pytest.raises(Unusable, match=VARIABLE):
        settings(())
