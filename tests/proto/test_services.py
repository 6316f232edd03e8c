"""A servable's methods as the rpcs of a service: what is declared, and what is refused when it is loaded."""

from pathlib import Path
from typing import Any

import pytest

from salver.authoring.spec import Rpc, Service
from salver.problems import Unusable
from salver.workers.program import Program
from salver.workers.servable.load import load_servable

PROTO = """
syntax = "proto3";
package shop;

message Item { string name = 1; repeated float sizes = 2; optional int32 count = 3; }
message Price { double price = 1; }
message Offer { string name = 1; double price = 2; }
message Deep { Item item = 1; }

service Shop {
  rpc Ask(Item) returns (Price);
  rpc MakeOffer(Item) returns (Offer);
  rpc Follow(Item) returns (stream Price);
  rpc Collect(stream Item) returns (Price);
  rpc Dive(Deep) returns (Deep);
}
service Other { rpc Ask(Item) returns (Price); }
"""

HEAD = """from collections.abc import AsyncIterator, Iterator
from typing import TypedDict
import numpy as np, salver
from jaxtyping import Float32
shop = salver.proto("shop.proto")
"""


def load(folder: Path, code: str) -> Program:
    (folder / "shop.proto").write_text(PROTO)
    (folder / "servable.py").write_text(HEAD + code)
    return load_servable(folder / "servable.py", "shop", 1)


def services(program: Program) -> dict[str, dict[str, Rpc]]:
    found: tuple[Service, ...] = program.manifest.servable.services
    return {each.name: {rpc.rpc: rpc for rpc in each.rpcs} for each in found}


def methods(program: Program) -> list[str]:
    return [method.name for method in program.manifest.servable.methods]


SIZES = 'Float32[np.ndarray, "n"]'


def test_the_methods_of_a_class_are_the_rpcs_of_their_names(tmp_path: Path) -> None:
    program = load(
        tmp_path,
        f"""
class Offer(TypedDict):
    name: str
    price: float

@shop.service("Shop")
class Shop:
    def Ask(self, name: str, sizes: {SIZES}, count: int = 1) -> float: ...
    def make_offer(self, name: str, sizes: {SIZES}, count: int = 1) -> Offer: ...
    def follow(self, name: str, sizes: {SIZES}, count: int = 1) -> Iterator[float]: yield 1.0
""",
    )
    fields = (("name", "name"), ("sizes", "sizes"), ("count", "count"))
    assert services(program) == {
        "shop.Shop": {
            "Ask": Rpc("Ask", "Ask", fields, (("output", "price"),)),
            "MakeOffer": Rpc("MakeOffer", "make_offer", fields, (("name", "name"), ("price", "price"))),
            "Follow": Rpc("Follow", "follow", fields, (("output", "price"),)),
        }
    }
    assert methods(program) == ["Ask", "make_offer", "follow"]


def test_functions_and_methods_are_given_by_the_names_of_rpcs(tmp_path: Path) -> None:
    program = load(
        tmp_path,
        f"""
@salver.function
def price(name: str, sizes: {SIZES}, count: np.int32 = np.int32(1)) -> float: ...
@salver.stage
def offered(name: str, sizes: {SIZES}, count: int = 1) -> tuple[str, float]: ...
@salver.method
def make_offer(name: str, sizes: {SIZES}, count: int = 1) -> tuple[str, float]: return offered(name, sizes, count)
def follow(name: str, sizes: {SIZES}, count: int = 1) -> Iterator[float]: yield 1.0

shop.service("shop.Shop", Ask=price, MakeOffer=make_offer, Follow=follow)
shop.service("Other", Ask=price)
""",
    )
    [of_shop, of_other] = services(program).values()
    assert [rpc.method for rpc in of_shop.values()] == ["price", "make_offer", "follow"]
    assert of_shop["MakeOffer"].outputs == (("output_0", "name"), ("output_1", "price"))
    assert of_other["Ask"] == of_shop["Ask"]
    assert methods(program) == ["price", "make_offer", "follow"]


def test_a_document_is_a_message_or_a_field_of_one(tmp_path: Path) -> None:
    program = load(
        tmp_path,
        """
@shop.service("Shop")
class Shop:
    def ask(self, whole: salver.Json) -> salver.Json: ...
    def dive(self, item: salver.Json) -> salver.Json: ...
""",
    )
    [rpcs] = services(program).values()
    assert rpcs["Ask"] == Rpc("Ask", "ask", (("whole", "."),), (("output", "."),))
    assert rpcs["Dive"] == Rpc("Dive", "dive", (("item", "item"),), (("output", "."),))


def test_a_class_may_be_more_than_its_services(tmp_path: Path) -> None:
    program = load(
        tmp_path,
        """
@shop.service("Shop", ignore=["sizes", "count"])
@shop.service("Other", ignore=["sizes", "count"])
@salver.servable(workers=3)
class Shop:
    def ask(self, name: str) -> float: ...
    def beside(self, name: str) -> str: ...
""",
    )
    assert {name: list(rpcs) for name, rpcs in services(program).items()} == {
        "shop.Shop": ["Ask"],
        "shop.Other": ["Ask"],
    }
    assert methods(program) == ["ask", "beside"]
    assert program.manifest.workers == 3


def test_handlers_take_whole_messages_and_are_hidden_from_other_protocols(tmp_path: Path) -> None:
    program = load(
        tmp_path,
        """
@shop.service("Shop")
class Shop:
    def Ask(self, request, context): ...
    def make_offer(self, item: shop.Item): ...
    async def follow(self, item: "shop.Item", context: salver.Context): yield
    def dive(self, request): ...
""",
    )
    [rpcs] = services(program).values()
    assert {rpc.method for rpc in rpcs.values()} == set(methods(program))
    assert {(rpc.inputs, rpc.outputs) for rpc in rpcs.values()} == {
        ((("request", "."),), (("output_0", "."), ("output_1", "@status")))
    }
    assert methods(program)[0] == "@rpc_Shop.Ask"
    assert not program.examples


CLASS = '@shop.service("Shop")\nclass Shop:\n'
AGAIN = CLASS.replace("class Shop", "class Again")
IGNORING = '@shop.service("Shop", ignore=["sizes", "count"])\nclass Shop:\n'

# (code, the line below the head, what is told, the remedy)
MISTAKES: dict[str, tuple[str, int, str, str]] = {
    "a service that the file does not have": (
        '@shop.service("Shops")\nclass Shop: ...',
        1,
        "names the service 'Shops'",
        "name one of Shop, Other",
    ),
    "a method that no rpc is called like": (
        CLASS + "    def asks(self, name: str) -> float: ...",
        3,
        "shop.Shop has no such rpc",
        "Ask, MakeOffer, Follow",
    ),
    "a function for an rpc that does not exist": (
        'def f(name: str) -> float: ...\nshop.service("Shop", Buy=f)',
        2,
        "serves 'Buy'",
        "use the name of one (Ask, MakeOffer",
    ),
    "something for an rpc that is no function": (
        'shop.service("Shop", Ask=7)',
        1,
        "serves Ask by a int",
        "write Ask=<a function>",
    ),
    "a field that is no input": (
        CLASS + "    def ask(self, name: str) -> float: ...",
        3,
        "does not take 'sizes', a field of shop.Item",
        'ignore=["sizes"]',
    ),
    "an input that is no field": (
        IGNORING + "    def ask(self, nam: str) -> float: ...",
        3,
        "takes 'nam', but shop.Item has no such field",
        "name, sizes, count",
    ),
    "an output that is no field": (
        "class Cost(TypedDict):\n    cost: float\n" + IGNORING + "    def ask(self, name: str) -> Cost: ...",
        5,
        "gives 'cost', but shop.Price has no such field",
        "price",
    ),
    "one value for a reply of two": (
        IGNORING + "    def make_offer(self, name: str) -> float: ...",
        3,
        "gives one value without a name, but a shop.Offer has the fields name, price",
        "TypedDict",
    ),
    "three values for a reply of two": (
        IGNORING + "    def make_offer(self, name: str) -> tuple[str, float, int]: ...",
        3,
        "gives 3 values without names",
        "TypedDict",
    ),
    "a field to ignore that is none": (
        '@shop.service("Shop", ignore=["size"])\nclass Shop:\n    def ask(self, name: str) -> float: ...',
        1,
        "ignores 'size'",
        "ignore=",
    ),
    "text for a number": (
        IGNORING + "    def ask(self, name: str) -> str: ...",
        3,
        "price",
        "salver.Json",
    ),
    "a number for text": (
        IGNORING + "    def ask(self, name: np.float32) -> float: ...",
        3,
        "name",
        "salver.Json",
    ),
    "a tensor of numbers for one": (
        IGNORING + f"    def ask(self, name: str) -> {SIZES}: ...",
        3,
        "price",
        "salver.Json",
    ),
    "a message for a number": (
        CLASS + "    def dive(self, item: np.float32) -> salver.Json: ...",
        3,
        "item",
        "salver.Json",
    ),
    "a stream for an rpc with one reply": (
        IGNORING + "    def ask(self, name: str) -> Iterator[float]: yield 1.0",
        3,
        "'ask' yields, but the rpc Shop.Ask answers by one",
        "returns (stream Price)",
    ),
    "one reply for an rpc with a stream": (
        IGNORING + "    def follow(self, name: str) -> float: ...",
        3,
        "'follow' returns, but the rpc Shop.Follow answers by a stream",
        "returns (Price)",
    ),
    "a handler that yields for an rpc with one reply": (
        CLASS + "    def ask(self, request, context): yield",
        3,
        "'ask' yields",
        "returns (stream Price)",
    ),
    "a stream of requests": (
        CLASS + "    def collect(self, request, context): ...",
        1,
        "serves Shop.Collect, whose callers send a stream of messages",
        "salver run",
    ),
    "a handler of another message": (
        CLASS + "    def ask(self, item: shop.Price): ...",
        3,
        "'item' of ask() is a shop.Price",
        "takes a shop.Item",
    ),
    "a service twice": (
        f"{CLASS}    def ask(self, request): ...\n{AGAIN}    def ask(self, request): ...",
        4,
        "declares the service shop.Shop again",
        "let one class",
    ),
    "a class that is hidden by another": (
        f"{CLASS}    def ask(self, request): ...\n{CLASS}    def ask(self, request): ...",
        1,
        "serves Shop by a class that is under no name of this file",
        "a name of its own",
    ),
    "a service on a function": (
        '@shop.service("Shop")\ndef ask(name: str) -> float: ...',
        1,
        "puts a service on a function",
        '.service("Shop", <rpc>=<function>)',
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_does_not_fit_is_told_with_file_line_and_remedy(tmp_path: Path, mistake: str) -> None:
    code, line, what, remedy = MISTAKES[mistake]
    with pytest.raises(Unusable) as refused:
        load(tmp_path, code)
    problem: Any = refused.value.problem
    assert problem.where == f"{tmp_path / 'servable.py'}:{HEAD.count(chr(10)) + line}"
    assert what in problem.what
    assert remedy in problem.remedy


def test_a_broken_proto_is_the_servables_problem(tmp_path: Path) -> None:
    (tmp_path / "broken.proto").write_text('syntax = "proto3";\nmessage A { string a }')
    with pytest.raises(Unusable, match=r"broken.proto:2:22"):
        load(tmp_path, 'salver.proto("broken.proto")')
