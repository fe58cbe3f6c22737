# SPDX-License-Identifier: GPL-2.0
"""The gates: each module looks at one subject."""
