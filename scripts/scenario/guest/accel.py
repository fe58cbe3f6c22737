# SPDX-License-Identifier: GPL-2.0
"""Which accelerator the two QEMUs use in here, and why."""

import fcntl
import os
from typing import Tuple

KVM_GET_API_VERSION = 0xAE00
KVM_CREATE_VM = 0xAE01


def choose(wanted: str = "auto", device: str = "/dev/kvm") -> Tuple[str, str]:
    """The accelerator's name and the reason, for the report.

    A KVM that creates a VM and then does not run it is not excused: it is the
    kernel under test that would be at fault.
    """
    if wanted != "auto":
        return wanted, "as asked"
    try:
        fd = os.open(device, os.O_RDWR)
    except OSError as err:
        return "tcg", f"no KVM in this guest: {device}: {err.strerror}"
    try:
        version = fcntl.ioctl(fd, KVM_GET_API_VERSION)
        os.close(fcntl.ioctl(fd, KVM_CREATE_VM))
    except OSError as err:
        return "tcg", f"KVM in this guest creates no VM: {err.strerror}"
    finally:
        os.close(fd)
    return "kvm", f"{device} of this kernel creates VMs, API {version}"
