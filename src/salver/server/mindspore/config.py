"""How a servable is started: `ServableStartConfig`, `SSLConfig`, and what is checked before anything starts."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from salver.authoring.mindspore.arguments import (
    checked_bool,
    checked_int,
    checked_ints,
    checked_str,
    checked_version,
)
from salver.authoring.mindspore.registration import CONFIG_FILE
from salver.authoring.mindspore.secret import Secret
from salver.repository.policies import is_version

_DEVICES = ("ascend", "gpu", "cpu")
_MODES = ("AES-GCM", "AES-CBC")
_KEY_LENGTHS = (16, 24, 32)
_MOST_WORKERS = 64


class ServableStartConfig:
    """What to start: a version of a servable, on devices.

    Args:
        servable_directory: the folder that holds the servable's; relative to the folder of the start script.
        servable_name: the name of the servable and of its folder.
        device_ids: the devices, each with a worker of its own.
        version_number: the version; 0 for the highest that there is a folder of.
        device_type: "Ascend", "GPU" or "CPU", in any case; None for what there is.
        num_parallel_workers: how many workers there should be at least, up to 64.
        dec_key: the key of encrypted model files, of 16, 24 or 32 bytes.
        dec_mode: "AES-GCM" or "AES-CBC".

    Raises:
        RuntimeError: an argument is wrong.
    """

    def __init__(  # noqa: PLR0913, PLR0917 (the original's signature)
        self,
        servable_directory: str,
        servable_name: str,
        device_ids: int | Sequence[int] | None = None,
        version_number: int = 0,
        device_type: str | None = None,
        num_parallel_workers: int = 0,
        dec_key: bytes | None = None,
        dec_mode: str = "AES-GCM",
    ) -> None:
        self._directory = beside_script(checked_str("servable_directory", servable_directory))
        self._name = checked_str("servable_name", servable_name)
        self._version = checked_version("version_number", version_number)
        workers = checked_int("num_parallel_workers", num_parallel_workers, 0, _MOST_WORKERS)
        self._dec_key = _checked_key(dec_key)
        self._dec_mode = checked_str("dec_mode", dec_mode)
        if dec_mode not in _MODES:
            raise RuntimeError("Parameter 'dec_mode' expected to be 'AES-GCM' or 'AES-CBC'")
        self._device_ids = () if device_ids is None else checked_ints("device_ids", device_ids, 0)
        self._workers = workers if workers or self._device_ids else 1
        self._device_type = checked_device(device_type)

    @property
    def servable_directory(self) -> str:
        return self._directory

    @property
    def servable_name(self) -> str:
        return self._name

    @property
    def device_ids(self) -> tuple[int, ...]:
        return self._device_ids

    @property
    def version_number(self) -> int:
        return self._version

    @property
    def device_type(self) -> str | None:
        """In lower case."""
        return self._device_type

    @property
    def num_parallel_workers(self) -> int:
        return self._workers

    @property
    def dec_key(self) -> bytes | None:
        return self._dec_key

    @property
    def dec_mode(self) -> str:
        return self._dec_mode


class SSLConfig:
    """Paths of the PEM files of a server that speaks TLS.

    Args:
        certificate: the server's certificate chain.
        private_key: its key.
        custom_ca: the authorities that may have signed clients' certificates; not used unless `verify_client`.
        verify_client: whether clients must show a certificate.

    Raises:
        RuntimeError: an argument is wrong.
    """

    def __init__(
        self, certificate: str, private_key: str, custom_ca: str | None = None, verify_client: bool = False
    ) -> None:
        self.certificate = checked_str("certificate", certificate)
        self.private_key = checked_str("private_key", private_key)
        self.verify_client = checked_bool("verify_client", verify_client)
        if self.verify_client or custom_ca is not None:
            custom_ca = checked_str("custom_ca", custom_ca)
        self.custom_ca = custom_ca


@dataclass(frozen=True)
class Deployment:
    """One version of a servable and its workers. `folder` is that of its model files; None if there is none."""

    file: Path
    name: str
    version: int
    folder: Path | None
    device_ids: tuple[int, ...]
    num_parallel_workers: int
    secret: Secret | None

    @property
    def workers(self) -> int:
        """One for each device, and as many more as are wanted."""
        return max(len(self.device_ids), self.num_parallel_workers)


def deployments(configs: Sequence[ServableStartConfig]) -> list[Deployment]:
    """What these configurations come to: those of the same version are one. Raises RuntimeError."""
    directories: dict[str, str] = {}
    found: dict[tuple[str, int], Deployment] = {}
    for config in configs:
        directory = directories.setdefault(config.servable_name, config.servable_directory)
        if directory != config.servable_directory:
            raise RuntimeError(
                f"The servable directory of servable name {config.servable_name} is different in multiple "
                f"configurations, servable directory: {config.servable_directory} and {directory}"
            )
        one = _deployment(config)
        same = found.get((one.name, one.version))
        found[one.name, one.version] = one if same is None else _joined(same, one)
    return list(found.values())


def beside_script(path: str) -> str:
    """The path, absolute: relative ones begin at the folder of the script that was started, not where it was."""
    script = sys.argv[0] if sys.argv else ""
    folder = Path(script).resolve().parent if script else Path.cwd()
    return os.path.realpath(folder / path)


def _deployment(config: ServableStartConfig) -> Deployment:
    folder = Path(config.servable_directory, config.servable_name)
    file = folder / CONFIG_FILE
    where = f"servable directory '{config.servable_directory}', servable name '{config.servable_name}'"
    if not folder.is_dir():
        raise RuntimeError(f"Check servable config failed, directory '{folder}' not exist, {where}")
    if not file.is_file():
        raise RuntimeError(f"Check servable config failed, file '{file}' not exist,  {where}")
    versions = {int(each.name): each for each in folder.iterdir() if _is_version(each)}
    version = config.version_number or max(versions, default=1)
    return Deployment(
        file=file,
        name=config.servable_name,
        version=version,
        folder=_model_folder(folder, config.version_number, versions),
        device_ids=config.device_ids,
        num_parallel_workers=config.num_parallel_workers,
        secret=None if config.dec_key is None else Secret(config.dec_key, config.dec_mode),
    )


def _model_folder(folder: Path, asked: int, versions: dict[int, Path]) -> Path | None:
    """A folder that was asked for by number may be missing, which matters to servables with models only."""
    if asked:
        return versions.get(asked, folder / str(asked))
    return versions[max(versions)] if versions else None


def _is_version(path: Path) -> bool:
    name = path.name
    return name.isascii() and name.isdecimal() and int(name) > 0 and is_version(int(name)) and path.is_dir()


def _joined(one: Deployment, other: Deployment) -> Deployment:
    if one.secret != other.secret:
        raise RuntimeError(
            f"The dec key or dec mode of servable name {one.name} is different in multiple configurations."
        )
    return replace(
        one,
        device_ids=tuple(sorted({*one.device_ids, *other.device_ids})),
        num_parallel_workers=max(one.num_parallel_workers, other.num_parallel_workers),
    )


def _checked_key(key: object) -> bytes | None:
    if key is None:
        return None
    if not isinstance(key, bytes):
        raise RuntimeError(f"Parameter 'dec_key' should be bytes, but actually {type(key)}")
    if not key:
        raise RuntimeError("Parameter 'dec_key' should not be empty bytes")
    if len(key) not in _KEY_LENGTHS:
        raise RuntimeError(f"Parameter 'dec_key' length {len(key)} expected to be 16, 24 or 32")
    return key


def checked_device(device_type: object) -> str | None:
    """The name of a kind of device in lower case; None for whichever there is. Raises RuntimeError."""
    if device_type is None:
        return None
    name = checked_str("device_type", device_type)
    if name.lower() == "none":
        return None
    if name.lower() not in _DEVICES:
        raise RuntimeError(
            f"Unsupported device type '{name}', only support 'Ascend', 'GPU', 'CPU' and None, case ignored"
        )
    return name.lower()
