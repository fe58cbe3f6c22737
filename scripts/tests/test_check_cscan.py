# SPDX-License-Identifier: GPL-2.0
"""The scanner that finds function definitions in C."""

import unittest

from check import cscan
from check.gates import funcdoc

SOURCE = '''\
// SPDX-License-Identifier: GPL-2.0
#include <linux/mm.h>
#define MACRO(x) do { \\
	foo(x);	\\
} while (0)

struct thing {
	int (*call)(int a);
};

static const struct thing table[] = {
	{ .call = one },	/* } */
};

/**
 * one() - The first.
 * @a: A number.
 *
 * Context: Any.
 * Return: The number.
 */
int one(int a)
{
	const char *brace = "}{";

	if (a)
		return a;
	return brace[0] == '}';
}
EXPORT_SYMBOL_GPL(one);

/* Not kernel-doc. */
void two(void)
{
}

static __printf(1, 2) struct thing *
three(const char *format, ...) __must_hold(&lock)
{
	return NULL;
}

void __four(struct thing *t, int (*fn)(int)) __releases(&t->lock)
{
	fn(1);
}

SYSCALL_DEFINE1(five, int, fd)
{
	return fd;
}

int declared(int a);
'''


class Scan(unittest.TestCase):

    def setUp(self):
        self.found = {f.name: f for f in cscan.functions(SOURCE)}

    def test_names(self):
        self.assertEqual(list(self.found),
                         ["one", "two", "three", "__four", "SYSCALL_DEFINE1"])

    def test_lines(self):
        one = self.found["one"]
        self.assertEqual(SOURCE.splitlines()[one.line - 1], "int one(int a)")
        self.assertEqual(one.length, 8)

    def test_kinds(self):
        self.assertTrue(self.found["three"].is_static)
        self.assertFalse(self.found["one"].is_static)
        self.assertTrue(self.found["SYSCALL_DEFINE1"].is_macro)
        self.assertTrue(self.found["two"].is_void)
        self.assertFalse(self.found["three"].is_void)

    def test_comments(self):
        self.assertEqual(funcdoc.missing(self.found["one"]), "")
        self.assertIn("no kernel-doc", funcdoc.missing(self.found["two"]))

    def test_sections(self):
        text = "/**\n * f() - X.\n */\n{} f(void)\n{{\n}}\n"
        whole, = cscan.functions(text.format("int"))
        self.assertEqual(funcdoc.missing(whole),
                         "kernel-doc lacks Context: and Return:")
        void, = cscan.functions(text.format("void"))
        self.assertEqual(funcdoc.missing(void), "kernel-doc lacks Context:")
        pointer, = cscan.functions(text.format("void *"))
        self.assertIn("Return:", funcdoc.missing(pointer))
