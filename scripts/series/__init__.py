# SPDX-License-Identifier: GPL-2.0
"""The series: repository <-> generated git tree <-> mails."""
