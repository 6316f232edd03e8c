"""How a connection begins: who wants what is said, and both sides prove that they know the token, without telling it.

The worker says `knock`, the server `challenge`, the worker `proof`, and the server `welcome` with a proof of its own;
or the server says `refused`, and why. A proof is an HMAC over what both have just made up, so none is good for another
connection; without a token its key is empty.
"""

import hmac
import secrets
from dataclasses import dataclass
from typing import Any, Literal

from salver.cluster.line import SHORT, Line
from salver.workers.control import LINK_VERSION, BrokenControl, Message

Kind = Literal["control", "lane"]


class Refused(Exception):
    """One side does not want the other: what is wrong, and how to mend it."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy


@dataclass(frozen=True)
class Purpose:
    """What a connection is for: a worker's `control`, or its `lane` with this index, for the join that was begun so."""

    kind: Kind
    join: str = ""
    lane: int = 0


@dataclass(frozen=True)
class _Said:
    """What a proof is about."""

    purpose: Purpose
    worker: str
    server: str

    def proof(self, token: bytes, side: str) -> str:
        purpose = self.purpose
        parts = (side, self.worker, self.server, purpose.kind, purpose.join, str(purpose.lane))
        return hmac.digest(token, "\n".join(parts).encode(), "sha256").hex()

    def check(self, token: bytes, side: str, proof: object) -> None:
        """Raises Refused."""
        if not hmac.compare_digest(
            self.proof(token, side), proof if isinstance(proof, str) and proof.isascii() else ""
        ):
            remedy = "give worker and server the same one, by --worker-token-file or SALVER_WORKER_TOKEN"
            raise Refused("its token is another one, or missing", remedy)


async def knock(line: Line, token: bytes, purpose: Purpose) -> None:
    """Greet as a worker. Raises Refused, LineClosed and BrokenControl."""
    own = secrets.token_hex(16)
    await line.say("knock", link=LINK_VERSION, kind=purpose.kind, join=purpose.join, lane=purpose.lane, nonce=own)
    said = _Said(purpose, own, _text(await heard(line, "challenge"), "nonce"))
    await line.say("proof", proof=said.proof(token, "worker"))
    said.check(token, "server", (await heard(line, "welcome")).fields.get("proof"))


async def answer(line: Line, token: bytes) -> Purpose:
    """Greet as a server; what the worker wants. Raises Refused, LineClosed and BrokenControl."""
    first = await heard(line, "knock")
    _check_version(first.fields.get("link"))
    said = _Said(_purpose(first), _text(first, "nonce"), secrets.token_hex(16))
    await line.say("challenge", nonce=said.server)
    said.check(token, "worker", (await heard(line, "proof")).fields.get("proof"))
    await line.say("welcome", proof=said.proof(token, "server"))
    return said.purpose


async def heard(line: Line, *says: str, most: int = SHORT) -> Message:
    """The next message, which must be one of these. Raises Refused if it is that, and what `hear` raises."""
    message = await line.hear(most)
    if message.say == "refused":
        raise Refused(_text(message, "what"), _text(message, "remedy"))
    if message.say not in says:
        raise BrokenControl(f"it said '{message.say}' where '{' or '.join(says)}' was due")
    return message


async def refuse(line: Line, refusal: Refused) -> None:
    """Tell the other side why it is not wanted. Raises LineClosed."""
    await line.say("refused", what=refusal.what, remedy=refusal.remedy)


def _check_version(link: object) -> None:
    if link != LINK_VERSION:
        what = f"it speaks version {link!r} of the link, the server {LINK_VERSION}"
        raise Refused(what, "install the same release of salver on both sides")


def _purpose(message: Message) -> Purpose:
    kind, lane = message.fields.get("kind"), message.fields.get("lane")
    if kind not in ("control", "lane") or not isinstance(lane, int):
        raise BrokenControl("it wants what nobody wants")
    return Purpose(kind, _text(message, "join"), lane)


def _text(message: Message, name: str) -> str:
    text: Any = message.fields.get(name)
    if not isinstance(text, str):
        raise BrokenControl(f"its '{message.say}' has no {name}")
    return text
