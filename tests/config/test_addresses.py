import pytest

from salver.config.addresses import Address, Security, address, addresses


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("127.0.0.1:8500", Address("127.0.0.1:8500")),
        ("[::1]:0", Address("[::1]:0")),
        ("unix:/run/salver.sock", Address("unix:/run/salver.sock")),
        ("tls:localhost:8443", Address("localhost:8443", Security.TLS)),
        ("mtls:unix:here", Address("unix:here", Security.MUTUAL_TLS)),
    ],
)
def test_an_address_reads_and_prints_the_same(text: str, wanted: Address) -> None:
    assert address(text) == wanted
    assert str(wanted) == text


@pytest.mark.parametrize(
    "text", ["", "8500", ":8500", "host:", "host:eighty", "host:65536", "unix:", "tls:", "host:-1"]
)
def test_what_is_no_address_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(ValueError, match=r"host:port"):
        address(text)


def test_several_addresses_have_commas_between_them_and_differ() -> None:
    assert [str(each) for each in addresses("a:1, unix:b,tls:c:3")] == ["a:1", "unix:b", "tls:c:3"]
    with pytest.raises(ValueError, match="twice"):
        addresses("a:1,a:1")
