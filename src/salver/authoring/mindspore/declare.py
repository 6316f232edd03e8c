"""Declaring models: `declare_model`, and the older `declare_servable`."""

import logging
from collections.abc import Mapping, Sequence

from salver.authoring.mindspore.arguments import checked_bool, checked_ints, checked_str, checked_strs
from salver.authoring.mindspore.definitions import ModelDeclaration
from salver.authoring.mindspore.deprecation import warn_deprecated
from salver.authoring.mindspore.devices import Context, Options
from salver.authoring.mindspore.model import Model
from salver.authoring.mindspore.registration import current, servable_name

_log = logging.getLogger("mindspore_serving")
_FORMATS = ("om", "mindir", "mindir_opt", "mindir_lite", "onnx")


def declare_model(  # noqa: PLR0913, PLR0917 (the original's signature)
    model_file: str | Sequence[str],
    model_format: str,
    with_batch_dim: bool = True,
    options: Options | None = None,
    without_batch_dim_inputs: int | Sequence[int] | None = None,
    context: Context | None = None,
    config_file: str | None = None,
) -> Model:
    """Declare a model of the servable.

    Args:
        model_file: its file in the version folder, or several: subgraphs of one model. An ONNX file of the same name
            (`x.onnx` for `x.mindir`) is run in its place.
        model_format: "MindIR", "MindIR_Lite" or "OM", in any case; "ONNX", too, which the original does not know.
        with_batch_dim: whether the first dimension of inputs and outputs counts instances.
        options: the older form of `context`, which wins over it.
        without_batch_dim_inputs: the indices of inputs without that dimension; 0 alone is ignored, write `(0,)`.
        context: how to run it.
        config_file: a file for MindSpore Lite, beside this one or absolute; not used here.

    Raises:
        RuntimeError: an argument is wrong, or one of the files is declared already.
    """
    servable_name()
    declaration = ModelDeclaration(
        with_batch_dim=checked_bool("with_batch_dim", with_batch_dim),
        files=checked_strs("model_file", model_file),
        without_batch_dim_inputs=_whole_inputs(without_batch_dim_inputs),
        format=_format(model_format),
        context=_context(context, options),
        config_file=_config_file(config_file),
    )
    return current().declare(declaration)


def declare_servable(
    servable_file: str | Sequence[str],
    model_format: str,
    with_batch_dim: bool = True,
    options: Options | None = None,
    without_batch_dim_inputs: int | Sequence[int] | None = None,
) -> Model:
    """The older name of `declare_model`."""
    warn_deprecated("declare_servable", "1.5.0", "declare_model")
    return declare_model(servable_file, model_format, with_batch_dim, options, without_batch_dim_inputs)


def declare_servable_r12(
    servable_file: str | Sequence[str],
    model_format: str,
    with_batch_dim: bool = True,
    options: Options | Mapping[str, str] | None = None,
    without_batch_dim_inputs: int | Sequence[int] | None = None,
) -> Model:
    """`declare_servable` of releases 1.1 and 1.2, whose options may be a dict: for Ascend cards, so of no use here."""
    if isinstance(options, Mapping):
        for name, value in options.items():
            checked_str("options", name)
            checked_str(name, value)
        options = None
    return declare_servable(servable_file, model_format, with_batch_dim, options, without_batch_dim_inputs)


def _whole_inputs(value: int | Sequence[int] | None) -> tuple[int, ...]:
    return checked_ints("without_batch_dim_inputs", value, 0) if value else ()


def _format(value: object) -> str:
    name = checked_str("model_format", value).lower()
    if name not in _FORMATS:
        raise RuntimeError("model format can only be OM, MindIR or MindIR_Lite, case ignored")
    return name


def _config_file(value: object) -> str | None:
    if value is None:
        return None
    _log.warning("'config_file' is ignored: it is for MindSpore Lite, which runs no model here")
    return checked_str("config_file", value)


def _context(context: object, options: object) -> Context:
    if context is not None:
        if not isinstance(context, Context):
            raise RuntimeError(f"Parameter 'context' should be Context, but gotten {type(context)}")
        if options is not None:
            _log.warning("'options' is ignored, because 'context' is given")
        return context
    if options is None:
        return Context()
    if not isinstance(options, Options):
        raise RuntimeError(f"Parameter 'options' should be None, GpuOptions or AclOptions, but gotten {type(options)}")
    return options.context
