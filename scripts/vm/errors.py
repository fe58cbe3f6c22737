# SPDX-License-Identifier: GPL-2.0
"""The one exception that reaches the user: a sentence that says what to do."""


class Failure(Exception):
    """Something the user has to know or do; the text is one sentence."""
