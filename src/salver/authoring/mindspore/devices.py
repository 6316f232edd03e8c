"""How a model should be run: `Context` with one device info for each kind of device, and the older options.

They are checked as the original checks them. salver takes the number of threads from a context; what else they say is
about backends that salver does not have.
"""

from abc import ABC
from typing import ClassVar

from salver.authoring.mindspore.arguments import checked_bool, checked_int, checked_int_list, checked_str
from salver.authoring.mindspore.deprecation import warn_deprecated


class DeviceInfo(ABC):
    """Options for one kind of device; `context_map` has those given, and `device_type`."""

    device_type: ClassVar[str]
    known: ClassVar[dict[str, tuple[str, ...]]]  # option -> its values; none listed means any text
    unknown: ClassVar[str]

    def __init__(self, **options: str) -> None:
        self.context_map = {"device_type": self.device_type}
        for name, value in options.items():
            if name not in self.known:
                raise RuntimeError(f"{self.unknown} {name}")
            self.context_map[name] = self._checked(name, value)

    def _checked(self, name: str, value: object) -> str:
        text = checked_str(name, value)
        values = self.known[name]
        if values and text not in values:
            listed = ", ".join(f"'{each}'" for each in values)
            kind = self.device_type.capitalize()
            raise RuntimeError(f"{kind} device info '{name}' can only be {listed}. given '{text}'")
        return text


class CPUDeviceInfo(DeviceInfo):
    """`precision_mode`: "origin" or "fp16"."""

    device_type = "cpu"
    known: ClassVar = {"precision_mode": ("origin", "fp16")}
    unknown = "Set cpu device info failed, unsupported option"


class GPUDeviceInfo(DeviceInfo):
    """`precision_mode`: "origin" or "fp16"."""

    device_type = "gpu"
    known: ClassVar = {"precision_mode": ("origin", "fp16")}
    unknown = "Set gpu device info failed, unsupported option"


class AscendDeviceInfo(DeviceInfo):
    """Options of the compiler for Ascend cards."""

    device_type = "ascend"
    known: ClassVar = {
        "insert_op_cfg_path": (),
        "input_format": ("ND", "NCHW", "NHWC", "CHWN", "NC1HWC0", "NHWC1C0"),
        "input_shape": (),
        "output_type": ("FP32", "FP16", "UINT8"),
        "precision_mode": ("force_fp16", "allow_fp32_to_fp16", "must_keep_origin_dtype", "allow_mix_precision"),
        "op_select_impl_mode": ("high_performance", "high_precision"),
        "fusion_switch_config_path": (),
        "buffer_optimize_mode": ("l1_optimize", "l2_optimize", "off_optimize", "l1_and_l2_optimize"),
    }
    unknown = "Set ascend device info failed, unsupported parameter"


class Context:
    """How to run a model: `thread_num`, `thread_affinity_core_list`, `enable_parallel`, and infos for devices."""

    def __init__(self, **options: object) -> None:
        self.thread_num: int | None = None
        self.thread_affinity_core_list: tuple[int, ...] = ()
        self.enable_parallel: bool | None = None
        self.device_list: list[dict[str, str]] = []
        for name, value in options.items():
            self._set(name, value)

    def _set(self, name: str, value: object) -> None:
        match name:
            case "thread_num":
                self.thread_num = checked_int(name, value, 1)
            case "thread_affinity_core_list":
                self.thread_affinity_core_list = checked_int_list(name, value, 0)
            case "enable_parallel":
                self.enable_parallel = checked_bool(name, value)
            case _:
                raise RuntimeError(f"Set context failed, unsupported option {name}")

    def append_device_info(self, device_info: DeviceInfo) -> None:
        """Add the options for one more kind of device. Raises RuntimeError if that kind has some already."""
        if not isinstance(device_info, DeviceInfo):
            raise RuntimeError(
                "Parameter 'device_info' should instance of CPUDeviceInfo, GPUDeviceInfo, or AscendDeviceInfo, "
                f"but actually {type(device_info)}"
            )
        kind = device_info.device_type
        if any(each["device_type"] == kind for each in self.device_list):
            raise RuntimeError(f"Device info of type {kind} has already been appended")
        self.device_list.append(device_info.context_map)

    def __str__(self) -> str:
        return (
            f"thread_num: {self.thread_num}, thread_affinity_core_list: {list(self.thread_affinity_core_list)}, "
            f"enable_parallel: {self.enable_parallel}, device_list, {self.device_list}"
        )


class Options:
    """The older form of a context: for one kind of device, given as `options`."""

    def __init__(self, info: DeviceInfo) -> None:
        warn_deprecated(type(self).__name__, "1.6.0", type(info).__name__)
        self.context = Context()
        self.context.append_device_info(info)


class AclOptions(Options):
    """AscendDeviceInfo's options."""

    def __init__(self, **options: str) -> None:
        super().__init__(AscendDeviceInfo(**options))


class GpuOptions(Options):
    """GPUDeviceInfo's options; release 1.2 had `enable_trt_infer` in their place."""

    def __init__(self, *, enable_trt_infer: bool | None = None, **options: str) -> None:
        if enable_trt_infer is not None:
            checked_bool("enable_trt_infer", enable_trt_infer)
        super().__init__(GPUDeviceInfo(**options))
