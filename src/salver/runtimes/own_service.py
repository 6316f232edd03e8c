"""The service that a servable has without anybody's `.proto`: the one that is written of its contract."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from salver import _native
from salver.authoring.protos.text import written
from salver.authoring.spec import Servable, Service
from salver.problems import Unusable

_FILE = "servable.proto"


def with_service(servable: Servable, file: Path) -> Servable:
    """The servable, served by the `.proto` that `salver proto` prints, too.

    Raises Unusable, naming the author's file, where its contract leaves open what a message would hold.
    """
    own = written(servable.name, [method for method in servable.methods if not method.name.startswith("@")])
    served = replace(servable, services=(*servable.services, Service(own.service, _compiled(own.text), own.rpcs)))
    try:
        _native.check_services(served.to_json())
    except ValueError as error:
        raise Unusable(file, f"cannot be served by a .proto of its own: {error}", "take out proto = true") from None
    return served


def _compiled(text: str) -> bytes:
    with TemporaryDirectory() as folder:
        file = Path(folder, _FILE)
        file.write_text(text, encoding="utf-8")
        return _native.compile_proto(str(file), [])
