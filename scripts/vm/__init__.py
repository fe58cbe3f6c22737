# SPDX-License-Identifier: GPL-2.0
"""The virtual machine: boot a kernel, run jobs in it, judge what came out."""
