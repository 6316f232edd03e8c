"""Checks of arguments. Their texts are MindSpore Serving's, word by word, because scripts compare them."""


def checked_str(name: str, value: object) -> str:
    """A text that is not empty. Raises RuntimeError."""
    if not isinstance(value, str):
        raise RuntimeError(f"Parameter '{name}' should be str, but actually {type(value)}")
    if not value:
        raise RuntimeError(f"Parameter '{name}' should not be empty str")
    return value


def checked_bool(name: str, value: object) -> bool:
    """Raises RuntimeError."""
    if not isinstance(value, bool):
        raise RuntimeError(f"Parameter '{name}' should be bool, but actually {type(value)}")
    return value


def checked_int(name: str, value: object, least: int, most: int | None = None) -> int:
    """A whole number from `least` to `most`; a bool is none. Raises RuntimeError."""
    return _whole_number(f"Parameter '{name}'", value, least, most)


def checked_version(name: str, value: object) -> int:
    """The number of a version. Raises RuntimeError."""
    return checked_int(name, checked_int(name, value, 0), 0, 2**63 - 1)


def checked_ints(name: str, value: object, least: int) -> tuple[int, ...]:
    """One whole number, or a tuple or list of different ones. Raises RuntimeError."""
    if isinstance(value, int):
        value = (value,)
    if not isinstance(value, tuple | list):
        raise RuntimeError(f"Parameter '{name}' should be int or tuple/list of int, but actually {type(value)}")
    return _different_ints(name, value, least)


def checked_int_list(name: str, value: object, least: int) -> tuple[int, ...]:
    """A tuple or list of different whole numbers. Raises RuntimeError."""
    if not isinstance(value, tuple | list):
        raise RuntimeError(f"Parameter '{name}' should be tuple/list of int, but actually {type(value)}")
    return _different_ints(name, value, least)


def checked_strs(name: str, value: object) -> tuple[str, ...]:
    """One text, or a tuple or list of different ones, none of them empty. Raises RuntimeError."""
    if isinstance(value, str):
        value = (value,)
    if not isinstance(value, tuple | list):
        raise RuntimeError(f"Parameter '{name}' should be str or tuple/list of str, but actually {type(value)}")
    texts: list[str] = []
    for item in value:
        if not isinstance(item, str):
            raise RuntimeError(f"The item of parameter '{name}' should be str, but actually {type(item)}")
        if not item:
            raise RuntimeError(f"The item of parameter '{name}' should not be empty str")
        _refuse_repeated(name, item, texts)
        texts.append(item)
    return tuple(texts)


def _different_ints(name: str, values: tuple[object, ...] | list[object], least: int) -> tuple[int, ...]:
    numbers: list[int] = []
    for item in values:
        _refuse_repeated(name, item, numbers)
        numbers.append(_whole_number(f"The item value '{item}' in parameter '{name}'", item, least, None))
    return tuple(numbers)


def _refuse_repeated(name: str, item: object, earlier: list[int] | list[str]) -> None:
    if item in earlier:
        raise RuntimeError(f"The item value '{item}' in parameter '{name}' should not be repeated")


def _whole_number(what: str, value: object, least: int, most: int | None) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise RuntimeError(f"{what} should be int, but actually {type(value)}")
    if most is not None and not least <= value <= most:
        raise RuntimeError(f"{what} should be in range [{least},{most}]")
    if value < least:
        raise RuntimeError(f"{what} should be >= {least}")
    return value
