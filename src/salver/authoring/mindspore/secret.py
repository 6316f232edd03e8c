"""What encrypted model files are read with."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Secret:
    """A key of 16, 24 or 32 bytes, which nothing shows, and "AES-GCM" or "AES-CBC"."""

    dec_key: bytes = field(repr=False)
    dec_mode: str
