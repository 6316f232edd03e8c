"""`salver proto`: a servable's contract as a `.proto` file."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from salver.authoring.protos.text import written
from salver.authoring.spec import Contract, Method, Plan, Port
from salver.cli.failure import tell
from salver.client.endpoint import endpoint
from salver.client.errors import InvalidCall, NotFound, SalverError
from salver.client.http import get_json
from salver.problems import Unusable


def run(options: argparse.Namespace) -> int:
    """0 if it was printed, 1 if the server has no such servable. Raises Unusable for a useless place."""
    place = Path(options.place)
    try:
        if place.exists() or place.suffix == ".py":
            name, methods = _of_files(place, options)
        else:
            name, methods = _of_server(options)
    except SalverError as error:
        return tell(options.place, error)
    public = [method for method in methods if not method.name.startswith("@")]
    print(written(name, public).text, end="")
    return 0


def _of_files(place: Path, options: argparse.Namespace) -> tuple[str, Sequence[Method]]:
    from salver.server.contract import servable_at

    servable = servable_at(place, options.servable, options.servable_version)
    return servable.name, servable.methods


def _of_server(options: argparse.Namespace) -> tuple[str, Sequence[Method]]:
    if not _is_address(options.place):
        remedy = "give a folder of servables, a .py file, or the address of a server, such as 127.0.0.1:8500"
        raise Unusable(options.place, "there is no such file or folder, and it is no address", remedy)
    server = endpoint(options.place, options.ca, options.certificate, options.key)
    servables = {each["name"]: each for each in get_json(server, "/servables", options.timeout)["servables"]}
    name: str = options.servable or (next(iter(servables)) if len(servables) == 1 else "")
    if name not in servables:
        said = f"serves no '{name}'" if name else f"serves {len(servables)} servables: name one"
        raise NotFound(f"{server} {said}; it serves {', '.join(servables) or 'nothing'}")
    loaded = [each for each in servables[name]["versions"] if "methods" in each]
    versions = [each for each in loaded if options.servable_version in (None, each["version"])]
    if not versions:
        there = ", ".join(str(each["version"]) for each in loaded) or "none"
        raise NotFound(f"'{name}' has no version {options.servable_version or 'that is ready'}; ready: {there}")
    return name, [_method(form) for form in versions[0]["methods"]]


def _is_address(place: str) -> bool:
    try:
        endpoint(place)
    except InvalidCall:
        return False
    return True


def _method(form: Mapping[str, Any]) -> Method:
    """A method as the server lists it, which is no more than what callers need."""
    inputs, outputs = (tuple(_port(each) for each in form[side]) for side in ("inputs", "outputs"))
    return Method(form["name"], Contract(inputs, outputs, form["batched"]), Plan((), ()), form.get("sequence", False))


def _port(form: Mapping[str, Any]) -> Port:
    dims = form["shape"] if form["shape"] is None else tuple("" if dim == "any" else dim for dim in form["shape"])
    document = form["dtype"] == "json"
    return Port(form["name"], "str" if document else form["dtype"], dims, form.get("optional", False), document)
