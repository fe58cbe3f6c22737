# SPDX-License-Identifier: GPL-2.0
"""make bench: the same workloads on the unmodified base and on ours.

    table      what is measured, one line each: start here to add a workload
    run        boots both kernels in turn and collects what the workloads print
    stats      medians, ratios, intervals, verdicts
    frames     sizes of stack frames, from a vmlinux
    report     the text table, the JSON file, the page
    plot       the SVG plots
"""
