# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# A Debian 12 made from nothing, and a way to run commands in it.  Sourced by
# scripts that need one; they define die().

PATH=$PATH:/usr/sbin:/sbin
suite=bookworm
mirror=http://deb.debian.org/debian
security_mirror=http://security.debian.org/debian-security

need_root()
{
	[ "$(id -u)" -eq 0 ] ||
		die "debootstrap and chroot need root, run this with sudo."
}

# Where apt on this machine gets suite $1 from, or else $2.
mirror_of()
{
	# shellcheck disable=SC2016 # apt-get expands these
	site=$(apt-get indextargets --format '$(REPO_URI)' \
		"Release: $1" 'Created-By: Packages' 2>/dev/null | head -n 1)
	echo "${site:-$2}"
}

# The host's proxies and date checks, so that apt works as it does outside.
copy_apt_config()
{
	apt-config dump | grep -E '^Acquire::([a-z]+::Proxy|Check-)' \
		>"$1/etc/apt/apt.conf.d/99host" || :
	cp /etc/hosts /etc/resolv.conf "$1/etc/"
}

write_sources()
{
	cat >"$1/etc/apt/sources.list" <<-END
	deb $(mirror_of $suite $mirror) $suite main
	deb $(mirror_of $suite-security $security_mirror) $suite-security main
	END
}

# bootstrap DIR LOG PACKAGE[,PACKAGE]... - a minimal system with these packages.
bootstrap()
{
	rm -rf --one-file-system "$1"
	mkdir -p "$1"
	debootstrap --variant=minbase --include="$3" $suite "$1" \
		"$(mirror_of $suite $mirror)" >"$2" 2>&1 ||
		die "debootstrap failed, see $2."
	write_sources "$1"
	copy_apt_config "$1"
}

# inside DIR COMMAND... - runs it in the chroot.  Its mounts and processes live
# in namespaces of their own: they end with it, and nothing stays mounted.
inside()
{
	# shellcheck disable=SC2016 # the inner shell expands these
	unshare --mount --pid --fork --kill-child sh -euc '
		root=$1
		shift
		mount --rbind /dev "$root/dev"
		mount -t proc proc "$root/proc"
		mount -t sysfs -o ro sysfs "$root/sys"
		exec chroot "$root" env -i HOME=/root TERM=dumb LANG=C.UTF-8 \
			PATH=/usr/sbin:/usr/bin:/sbin:/bin \
			DEBIAN_FRONTEND=noninteractive "$@"
	' sh "$@"
}
