# SPDX-License-Identifier: GPL-2.0
"""What QEMU's monitor and /proc say about a guest's memory."""

import unittest

from scenario.guest import disturb, monitor, procfs

# As QEMU 7.2 prints them, cut short.
REGISTERS = """\r
CPU#0\r
RAX=ffffffff815ae6c0 RBX=0000000000000000 RCX=0000000000000000\r
RIP=ffffffff815ae6cb RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1\r
CR0=80050033 CR2=00007f2b6d1ff000 CR3=0000000002e1a000 CR4=000006f0\r
DR0=0000000000000000 DR1=0000000000000000 DR2=0000000000000000\r
\r
CPU#1\r
CR0=80050033 CR2=0000000000000000 CR3=000000000f40a801 CR4=000016f0\r
"""

MTREE = """FlatView #0
 AS "I/O", root: io
 Root memory region: io
  0000000000000000-0000000000000007 (prio 0, i/o): dma-chan

FlatView #1
 AS "memory", root: system
 AS "cpu-memory-0", root: system
 Root memory region: system
  0000000000000000-000000000009ffff (prio 0, ram): pc.ram KVM
  00000000000a0000-00000000000bffff (prio 1, i/o): vga-lowmem
  00000000000c0000-00000000000cafff (prio 0, rom): pc.ram @00000000000c0000 KVM
  0000000000100000-000000000fffffff (prio 0, ram): pc.ram @0000000000100000 KVM
  00000000fffc0000-00000000ffffffff (prio 0, rom): pc.bios KVM

FlatView #2
 AS "elsewhere", root: other
 Root memory region: other
  0000000000000000-0000000000000fff (prio 0, ram): other.ram
"""

SMAPS = """7f0000000000-7f0000200000 rw-p 00000000 00:00 0
Size:               2048 kB
Rss:                1024 kB
AnonHugePages:         0 kB
Swap:                512 kB
VmFlags: rd wr mr mw me dd ac hg mg
7f0000200000-7f0000400000 rw-p 00000000 00:00 0 [anon:ram]
Rss:                2048 kB
AnonHugePages:      2048 kB
Swap:                  0 kB
7f0000500000-7f0000600000 rw-s 00000000 00:01 1234        /memfd:ram (deleted)
Rss:                   4 kB
"""

NUMA_MAPS = """7f0000000000 default anon=300 dirty=300 N0=200 N1=100 kernelpagesize_kB=4
7f0000200000 default anon=512 dirty=512 N1=512 kernelpagesize_kB=4
7f0000500000 default file=/memfd:ram dirty=1 N0=1 kernelpagesize_kB=4
"""

FDINFO = """pos:\t0
flags:\t02000002
mnt_id:\t8
ranges:\t3
limit:\t65536
faults:\t30
installed:\t29
revoked:\t12
map:\t7f00-7f01 rw- -> 12 7e00
"""


class MonitorTest(unittest.TestCase):

    def test_roots(self):
        first, second = monitor.roots(REGISTERS)
        self.assertEqual((first.cr3, first.levels), (0x2e1a000, 4))
        self.assertEqual((second.cr3, second.levels), (0xf40a801, 5))
        self.assertEqual(monitor.roots("CPU#0\r\nEAX=00000000\r\n"), [])

    def test_ram_is_that_of_the_system_and_can_be_written(self):
        parts = monitor.ram(MTREE)
        self.assertEqual([(p.start, p.end, p.block) for p in parts],
                         [(0, 0xa0000, "pc.ram"),
                          (0x100000, 0x10000000, "pc.ram")])
        self.assertEqual(monitor.ram(MTREE.replace("\n", "\r\n")), parts)

    def test_no_system_no_ram(self):
        self.assertEqual(monitor.ram(""), [])
        self.assertEqual(monitor.ram(MTREE.replace("system", "other")), [])

    def test_host_address(self):
        self.assertEqual(monitor.host_address(
            "Host virtual address for 0x0 (pc.ram) is 0x7f2b00000000\r\n"),
            0x7f2b00000000)
        self.assertIsNone(monitor.host_address(
            "No memory is mapped at address 0xf0000000\r\n"))


class ProcTest(unittest.TestCase):

    def test_within(self):
        found = procfs.within(SMAPS, 0x7f0000001000, 0x7f0000400000)
        self.assertEqual([m.start for m in found],
                         [0x7f0000000000, 0x7f0000200000])
        self.assertEqual(sum(m.amounts["Rss"] for m in found), 3 << 20)
        self.assertTrue(all(m.private_anonymous for m in found))

    def test_a_gap_is_no_range(self):
        self.assertEqual(procfs.within(SMAPS, 0x7f0000200000, 0x7f0000600000),
                         [])
        self.assertEqual(procfs.within("", 0, 4096), [])

    def test_shared_memory_is_not_private(self):
        last, = procfs.within(SMAPS, 0x7f0000500000, 0x7f0000600000)
        self.assertFalse(last.private_anonymous)
        self.assertEqual(last.name, "/memfd:ram (deleted)")

    def test_heap_is_not_what_is_meant(self):
        heap, = procfs.mappings("5500-5600 rw-p 00000000 00:00 0   [heap]\n")
        self.assertFalse(heap.private_anonymous)

    def test_nodes(self):
        self.assertEqual(procfs.nodes(NUMA_MAPS,
                                      [0x7f0000000000, 0x7f0000200000]),
                         {0: 200, 1: 612})
        self.assertEqual(procfs.nodes(NUMA_MAPS, []), {})

    def test_counters(self):
        found = procfs.counters(FDINFO)
        self.assertEqual((found["ranges"], found["revoked"]), (3, 12))
        self.assertNotIn("map", found)

    def test_lists_of_nodes(self):
        self.assertEqual(disturb.memory_nodes("0-1,3\n"), [0, 1, 3])
        self.assertEqual(disturb.memory_nodes("0\n"), [0])
        self.assertEqual(disturb.memory_nodes("\n"), [])


if __name__ == "__main__":
    unittest.main()
