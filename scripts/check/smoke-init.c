// SPDX-License-Identifier: GPL-2.0
/*
 * The only program of a smoke boot: touches memory, forks, says that all is
 * well, and ends the machine (QEMU runs with -no-reboot).
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE (8UL << 20)

static int memory_works(void)
{
	char *area = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int status = 1;
	pid_t child;

	if (area == MAP_FAILED)
		return 0;
	memset(area, 0x5a, SIZE);
	child = fork();
	if (child < 0)
		return 0;
	if (child == 0) {
		area[SIZE / 2] = 1;
		_exit(area[SIZE - 1] != 0x5a);
	}
	waitpid(child, &status, 0);
	return status == 0 && area[SIZE / 2] == 0x5a && !munmap(area, SIZE);
}

int main(void)
{
	if (memory_works())
		puts("smoke: userspace is well");
	else
		puts("smoke: memory or fork does not work");
	fflush(stdout);
	sync();
	return reboot(RB_AUTOBOOT);
}
