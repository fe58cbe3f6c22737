# SPDX-License-Identifier: GPL-2.0
"""python3 -m kernel build|config [FLAVOUR]"""

import sys

from kernel import build, config, flavour


def main(words) -> int:
    """Exit status: 0 done, 1 failed, 2 not understood."""
    if not words or words[0] not in ("build", "config") or len(words) > 2:
        print(f"usage: {__doc__}", file=sys.stderr)
        return 2
    chosen = flavour.named(words[1]) if len(words) == 2 else flavour.from_environment()
    if words[0] == "build":
        print(build.build(chosen).relative_to(flavour.ROOT))
    else:
        config.configure(chosen, flavour.source_tree(chosen))
    return 0


if __name__ == "__main__":
    from series.model import SeriesError
    try:
        sys.exit(main(sys.argv[1:]))
    except (flavour.KernelError, SeriesError) as problem:
        print(f"kernel: {problem}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
