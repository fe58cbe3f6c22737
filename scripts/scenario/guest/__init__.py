# SPDX-License-Identifier: GPL-2.0
"""The driver: runs inside the guest kernel, starts QEMUs, judges the run."""
