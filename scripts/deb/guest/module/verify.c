// SPDX-License-Identifier: GPL-2.0
/*
 * The smallest module, to see that linux-headers can build one.
 */
#include <linux/module.h>

static int __init verify_init(void)
{
	return 0;
}

static void __exit verify_exit(void)
{
}

module_init(verify_init);
module_exit(verify_exit);

MODULE_DESCRIPTION("Does nothing");
MODULE_LICENSE("GPL");
