"""What a record says about the machine: no host name, no path."""

import os
import platform
import re
from pathlib import Path
from typing import Any

FLAGS_OF_NOTE = ("avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512vl", "avx512_vnni", "avx512_bf16", "amx_tile")


def describe() -> dict[str, Any]:
    """Processor, memory and system."""
    cpu = _cpu_facts()
    flags = set(cpu.get("flags", "").split())
    return {
        "cpu": cpu.get("model name", platform.machine()),
        "cpu_family_model": f"{cpu.get('cpu family', '?')}/{cpu.get('model', '?')}",
        "cores": os.cpu_count(),
        "flags": [flag for flag in FLAGS_OF_NOTE if flag in flags],
        "l3": _read("/sys/devices/system/cpu/cpu0/cache/index3/size"),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", platform.system()),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def slug(machine: dict[str, Any]) -> str:
    """The folder name of a machine's records, such as `amd-epyc-2-cores`."""
    name = re.sub(r"\((?:r|tm)\)", " ", f"{machine['cpu']} {machine['cores']} cores".lower())
    return re.sub(r"[^a-z0-9]+", "-", name).strip("-")


def _cpu_facts() -> dict[str, str]:
    first = (_read("/proc/cpuinfo") or "").split("\n\n")[0]
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in first.splitlines())}


def _read(path: str) -> str | None:
    file = Path(path)
    return file.read_text().strip() if file.exists() else None
