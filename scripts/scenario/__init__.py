# SPDX-License-Identifier: GPL-2.0
"""Users' jobs run on the new kernel: a VM is migrated, saved, looked into.

``guest/`` is the driver that runs inside the guest kernel and starts real QEMU
processes there; ``nested/`` is the program those QEMUs run; ``introspector/``
looks into one from outside; ``build.py`` and ``host.py`` are this side of it.
The functions here are what scripts/vm asks for; they import late, because this
file goes into the guest as well.
"""


def image_files(kernel):
    """(file here, path in the image) of all that the scenarios add to it."""
    from scenario import build
    return build.image_files(kernel)


def tests():
    """The scenarios as tests of `make test` and `make run`."""
    from scenario import host
    return host.tests()


def environment():
    """Variables for the driver, from those of `make run`."""
    from scenario import host
    return host.environment()


def report(runs):
    """The closing report of `make run`; an exit status."""
    from kernel import flavour
    from scenario import host
    from vm import paths
    name = flavour.from_environment().name
    return host.report(runs, paths.RESULTS / f"{name}-run" / "files")
