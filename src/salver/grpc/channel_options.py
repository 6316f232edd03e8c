"""Options of a server as gRPC names them, as far as there is something to set."""

import json
import os
from collections.abc import Sequence
from typing import Any

from salver.config.load import load
from salver.config.settings import Config, native_settings

_UNLIMITED_MESSAGE, _UNLIMITED = 2**31 - 1, 2**32 - 1
# Each option with the setting that it is, and what it says for no limit.
_SETTINGS = {
    "grpc.max_receive_message_length": ("max_message_bytes", _UNLIMITED_MESSAGE),
    "grpc.max_metadata_size": ("max_header_bytes", _UNLIMITED),
    "grpc.max_concurrent_streams": ("max_streams", _UNLIMITED),
    "grpc.keepalive_time_ms": ("keep_alive_ms", _UNLIMITED),
}
# What gRPC knows nothing of: which pages may use the server, and for how long callers may leave a reply unread.
_VARIABLES = {"SALVER_CORS_ORIGINS": "", "SALVER_REPLY_TIMEOUT_S": "86400"}
_SHARE_PORTS = "grpc.so_reuseport"
BEHIND_FRONT = "salver.behind_front"
"""An option of a worker's server: what hands calls on, the only one who can, is believed who made them."""


def settings(options: Sequence[tuple[str, Any]]) -> str:
    """The document that the native server is made from; options that mean nothing to it are passed over, as by gRPC."""
    values = json.loads(native_settings(_config(options)))
    for name, value in options:
        if name in _SETTINGS and isinstance(value, int):
            setting, unlimited = _SETTINGS[name]
            values[setting] = value if 0 < value < unlimited else unlimited
    return json.dumps({**values, "behind_front": is_behind_front(options)})


def _config(options: Sequence[tuple[str, Any]]) -> Config:
    """The defaults, but for what scripts have no option for. Raises Unusable naming the variable at fault."""
    given = {} if is_behind_front(options) else os.environ
    return load({}, {name: given.get(name, otherwise) for name, otherwise in _VARIABLES.items()})


def shares_ports(options: Sequence[tuple[str, Any]]) -> bool:
    """Whether other processes may listen at the same address, which gRPC lets them on Linux."""
    return bool(dict(options).get(_SHARE_PORTS, True))


def is_behind_front(options: Sequence[tuple[str, Any]]) -> bool:
    """Whether another server hands calls on."""
    return bool(dict(options).get(BEHIND_FRONT, False))
