# SPDX-License-Identifier: GPL-2.0
"""make check: the gates that every step of the series has to pass.

One gate per module in check/gates; check/registry.py lists them in the order
in which they run.  The exceptions, each with its reason, are in one place:
check/exceptions.
"""
