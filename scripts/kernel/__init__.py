# SPDX-License-Identifier: GPL-2.0
"""Configure and build kernels: python3 -m kernel build|config FLAVOUR."""
