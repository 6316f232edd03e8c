"""TensorFlow Serving's warm-up records: calls that are run before a model is ready."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from salver.authoring.spec import Port
from salver.problems import Unusable
from salver.runtimes.protobuf import Malformed, Message, mapped
from salver.runtimes.saved_model_file import DEFAULT
from salver.runtimes.tensor_proto import array_of
from salver.runtimes.tfrecord import Corrupt, records
from salver.runtimes.workers import ModelCode
from salver.workers.stage import Column, StageFailed

FILE = "assets.extra/tf_serving_warmup_requests"
MOST = 1000
LARGEST = 64 * 1024**2

# Field numbers, from tensorflow_serving's protos.
_CLASSIFY, _REGRESS, _MULTI, _PREDICT = 2, 3, 4, 6
_KINDS = (_CLASSIFY, _REGRESS, _MULTI, _PREDICT)
_LOG_REQUEST = 1
_REQUEST_SPEC, _REQUEST_INPUT = 1, 2
_SPEC_SIGNATURE = 3
_MULTI_TASKS, _MULTI_INPUT = 1, 2
_INPUT_LIST, _INPUT_LIST_WITH_CONTEXT = 1, 2
_LIST_EXAMPLES, _LIST_CONTEXT = 1, 2

_REMEDY = "mend the record, or write them again; [saved_model] warm_up = false in salver.toml leaves them out"
_LOGS = "only predict, classify, regress and multi_inference logs are run"


def replay(folder: Path, models: Mapping[str, ModelCode]) -> None:
    """Run the records of this version's folder, if it has some, by the signatures. Raises Unusable for a bad one.

    Answers are not looked at.
    """
    file = folder / FILE
    if not file.exists():
        return
    data = mapped(file)
    if len(data) > LARGEST:
        raise Unusable(file, f"has {len(data) >> 20} MiB; warm-up takes at most {LARGEST >> 20}", "keep fewer records")
    number = 0
    try:
        for number, record in enumerate(records(data), 1):
            if number > MOST:
                raise Unusable(file, f"has more than {MOST} records", "keep fewer of them")
            _run(record, models)
    except Corrupt as error:
        raise Unusable(f"{file} record {error.number}", f"cannot be read: {error}", "copy it completely") from None
    except StageFailed as error:
        raise Unusable(f"{file} record {number}", f"failed: {error.failure.message}", _REMEDY) from None
    except ValueError as error:
        raise Unusable(f"{file} record {number}", f"cannot be run: {error}", _REMEDY) from None


def _run(record: memoryview, models: Mapping[str, ModelCode]) -> None:
    """Raises ValueError and StageFailed."""
    log = Message(record)
    kind = next((each for each in _KINDS if log.has(each)), None)
    if kind is None:
        raise ValueError(_LOGS)
    request = log.message(kind).message(_LOG_REQUEST)
    if kind == _PREDICT:
        name, model = _model(request.message(_REQUEST_SPEC), models)
        model.run(_columns(name, model, request.map(_REQUEST_INPUT)))
        return
    tasks = request.messages(_MULTI_TASKS) if kind == _MULTI else [request]
    examples = _examples(request.message(_MULTI_INPUT))
    for task in tasks:
        name, model = _model(task.message(_REQUEST_SPEC), models)
        if [port.dtype for port in model.inputs] != ["bytes"]:
            raise ValueError(f"the signature '{name}' takes no examples")
        model.run([examples])


def _model(spec: Message, models: Mapping[str, ModelCode]) -> tuple[str, ModelCode]:
    name = spec.text(_SPEC_SIGNATURE) or (DEFAULT if DEFAULT in models or len(models) > 1 else next(iter(models)))
    if name not in models:
        raise ValueError(f"there is no signature '{name}'; there are {', '.join(models)}")
    return name, models[name]


def _columns(name: str, model: ModelCode, given: Mapping[str, Message]) -> list[Column]:
    known = {port.name for port in model.inputs}
    missing = [port.name for port in model.inputs if port.name not in given and not port.optional]
    unknown = [each for each in given if each not in known]
    if missing or unknown:
        what = f"lacks '{missing[0]}'" if missing else f"has '{unknown[0]}'"
        raise ValueError(f"it {what}; the signature '{name}' takes {', '.join(map(str, model.inputs))}")
    return [_column(port, given) for port in model.inputs]


def _column(port: Port, given: Mapping[str, Message]) -> Column:
    """As in requests the leading dimension may be left out, and what has a default."""
    if port.name not in given:
        return np.zeros(0, np.bool_)
    column = array_of(given[port.name])
    if isinstance(column, list):
        return np.array([column], np.object_) if port.dims is not None and len(port.dims) == 2 else column
    one_row = port.dims is not None and column.ndim == len(port.dims) - 1
    return column[np.newaxis] if one_row else column


def _examples(given: Message) -> list[bytes]:
    """Serialized; what they have in common comes before what each has of its own."""
    if given.has(_INPUT_LIST):
        return list(_raw(given.message(_INPUT_LIST)))
    listed = given.message(_INPUT_LIST_WITH_CONTEXT)
    context = bytes(listed.bytes(_LIST_CONTEXT))
    return [context + example for example in _raw(listed)]


def _raw(listed: Message) -> Iterator[bytes]:
    for value in listed.values(_LIST_EXAMPLES):
        if isinstance(value, int):
            raise Malformed("it has a number where an example is due")
        yield bytes(value)
