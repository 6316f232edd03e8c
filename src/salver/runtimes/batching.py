"""Whether a model's rows may run together: its shapes must say so, and it must then keep its word."""

from collections.abc import Callable, Sequence

from salver.authoring.spec import Port
from salver.runtimes.samples import Tensor, agree, guesses, stacked, two_rows

Run = Callable[[Sequence[Tensor]], list[Tensor]]

_OVERRULE = "if its rows are independent, set batching = true"


def without_leading(ports: Sequence[Port]) -> tuple[Port, ...]:
    """What the ports of a whole batch are for one row."""
    return tuple(Port(port.name, port.dtype, None if port.dims is None else port.dims[1:]) for port in ports)


def shaped(ports: Sequence[Port]) -> tuple[Port, ...]:
    """Those that say how many dimensions they have."""
    return tuple(port for port in ports if port.dims is not None)


def leading_problem(inputs: Sequence[Port], outputs: Sequence[Port]) -> str | None:
    """Why these shapes have no leading dimension that could be the rows, or None."""
    named = [(f"input '{port.name}'", port) for port in inputs] + [(f"output '{port.name}'", port) for port in outputs]
    for name, port in named:
        if port.dims is None:
            return f"{name} may have any number of dimensions"
        if not port.dims:
            return f"{name} has no dimensions"
        if isinstance(port.dims[0], int):
            return f"{name} has the fixed leading dimension {port.dims[0]}"
    return None


def unbatched_reason(run: Run, inputs: Sequence[Port], outputs: Sequence[Port]) -> str | None:
    """Why rows must not run together, or None if they may. Runs the model a few times if its shapes allow it."""
    return shape_problem(inputs, outputs) or _trial_problem(run, inputs, outputs)


def shape_problem(inputs: Sequence[Port], outputs: Sequence[Port]) -> str | None:
    """Why these shapes do not say that rows may run together, or None if they do."""
    return leading_problem(inputs, outputs) or _symbol_problem(inputs, outputs)


def _symbol_problem(inputs: Sequence[Port], outputs: Sequence[Port]) -> str | None:
    ports = [*inputs, *outputs]
    symbols = [port.dims[0] for port in ports if port.dims]
    for port, symbol in zip(ports, symbols, strict=True):
        if symbol != symbols[0]:
            return (
                f"the leading dimension of '{ports[0].name}' is called '{symbols[0]}', but that of '{port.name}' "
                f"'{symbol}', so they may differ; {_OVERRULE}"
            )
        if symbol and symbol in (port.dims or ())[1:]:
            return f"'{symbol}' is also another dimension of '{port.name}', so its rows depend on their number"
    return None


def _trial_problem(run: Run, inputs: Sequence[Port], outputs: Sequence[Port]) -> str | None:
    row_ports = without_leading(inputs)
    refusal = ""
    for guess in guesses(row_ports):
        rows = two_rows(row_ports, guess)
        try:
            apart = [run(stacked([row])) for row in rows]
            together = run(stacked(rows))
        except ValueError as error:
            refusal = refusal or str(error)
            continue
        return _difference(together, apart, outputs)
    return f"it refused every trial input ({refusal}); {_OVERRULE}"


def _difference(together: list[Tensor], apart: list[list[Tensor]], outputs: Sequence[Port]) -> str | None:
    for index, port in enumerate(outputs):
        if not agree(together[index], [results[index] for results in apart]):
            return f"two rows run together gave another '{port.name}' than each by itself"
    return None
