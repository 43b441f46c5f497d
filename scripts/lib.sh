# shellcheck shell=bash
# What several scripts here need: where things are, how a step and an error
# look, what the base is.  Sourced, never run.

set -eEu -o pipefail
shopt -s inherit_errexit
# Other programs have statuses of their own for a failure; make's is 2.
trap 'exit 1' ERR
trap 'exit 130' INT TERM HUP

# What other people's environments may hold: messages that are not to be parsed,
# no way to mkfs, a hook's repository, a directory for cd, another architecture or
# configuration, colours in what git says.
export LC_ALL=C.UTF-8 PATH=$PATH:/usr/sbin:/sbin
unset CDPATH ARCH CROSS_COMPILE KBUILD_OUTPUT KCFLAGS KCONFIG_CONFIG KCONFIG_ALLCONFIG LLVM
! command -v git >/dev/null || eval "unset $(git rev-parse --local-env-vars | paste -s -d ' ')"
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=color.ui GIT_CONFIG_VALUE_0=auto

# The others are started from elsewhere.
[ -z "${KCONFIG-}" ] || KCONFIG=$(realpath -m "$KCONFIG")

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$top/work
tree=$work/linux		# branch series checked out
base_tree=$work/base		# branch base checked out
logs=$work/log
export top work tree base_tree logs

# shellcheck source=../base
. "$top/base"

# On a machine where nobody has told git who they are, commits in work/ are
# nobody's.
if ! git -C / var GIT_COMMITTER_IDENT >/dev/null 2>&1; then
	export GIT_AUTHOR_NAME=nobody GIT_AUTHOR_EMAIL=nobody@localhost
	export GIT_COMMITTER_NAME=nobody GIT_COMMITTER_EMAIL=nobody@localhost
fi

# The comment at the head of a script is its help.
show_help() {
	sed -n '2,/^[^#]/ { s/^# \{0,1\}//p; }' "$0"
}

usage_error() {
	echo "${0##*/}: $*; see ${0##*/} -h" >&2
	exit 2
}

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# need PROGRAM PACKAGE: end with the apt line when a program is missing
need() {
	command -v "$1" >/dev/null ||
		die "$1 is missing: apt-get install $2"
}

# is_line TEXT: one of the lines on standard input
is_line() {
	grep -x -F -e "$1" >/dev/null
}

# The files that tell apt of Debian's archives; others may have no sources, and nothing for
# another architecture.
debian_sources() {
	grep -l -s debian /etc/apt/sources.list /etc/apt/sources.list.d/* || true
}

free_mib() {
	echo $(($(stat -f -c '%a * %S' "$1") / 1048576))
}

# need_space DIRECTORY MIB WHAT-FOR
need_space() {
	local free
	free=$(free_mib "$1")
	[ "$free" -ge "$2" ] ||
		die "no space left: $3 need $2 MiB below $1, $free MiB are free"
}

# A .config that someone gives to start from
check_kconfig() {
	[ -n "${KCONFIG-}" ] || return 0
	grep -q -s '^CONFIG_X86_64=y' "$KCONFIG" ||
		die "KCONFIG=$KCONFIG is not the .config of an x86_64 kernel"
}

# with_ccache COMPILER: through ccache, if that is installed
with_ccache() {
	if command -v ccache >/dev/null; then
		echo "ccache $1"
	else
		echo "$1"
	fi
}

# Say what is run, so that it can be typed by hand.
show() {
	echo "+ $*" >&2
}

run() {
	show "$@"
	"$@"
}

# Two of the scripts must not build or move trees below work/ at the same time.
lock_work() {
	mkdir -p "$work"
	exec 9>"$work/lock"
	flock -n 9 || die "another run is using $(short_path "$work")"
}

short_path() {
	echo "${1#"$PWD"/}"
}

# end_group PROCESS: Ctrl-C while a step runs.  When this script has ended, the step has,
# with what it holds: a guest, the lock.  A second Ctrl-C does not wait.
end_group() {
	local ticks
	trap - INT TERM HUP
	kill -TERM -- "-$1" 2>/dev/null || true
	for ((ticks = 0; ticks < 200; ticks++)); do
		kill -0 -- "-$1" 2>/dev/null || break
		sleep 0.1
	done
	kill -KILL -- "-$1" 2>/dev/null || true
	echo interrupted
	exit 130
}

# step TEXT LOG PROGRAM ARGUMENT...: one line for one step.  While the program
# runs, the line shows that it lives.  Fails if the program does, always with 1.
step() {
	local text=$1 log=$2 start=$SECONDS status=0 ticks=0 verdict=ok pid free
	shift 2
	if ! { mkdir -p "$(dirname "$log")" && : >"$log"; }; then
		die "cannot write $(short_path "$log")"
	fi
	printf '%-44s ' "$text"
	# A session of its own, so that Ctrl-C here can end all of it.
	setsid "$@" >"$log" 2>&1 </dev/null &
	pid=$!
	trap 'end_group "$pid"' INT TERM HUP
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.2
		ticks=$((ticks + 1))
		if [ -t 1 ]; then
			printf '\r%-44s %17d s' "$text" $((SECONDS - start))
		elif [ $((ticks % 150)) = 0 ]; then
			printf .
		fi
	done
	wait "$pid" || status=$?
	trap 'exit 130' INT TERM HUP
	[ "$status" = 0 ] || verdict="FAILED ($status)"
	[ ! -t 1 ] || printf '\r%-44s ' "$text"
	printf '%-12s %4d s  %s\n' "$verdict" $((SECONDS - start)) "$(short_path "$log")"
	[ "$status" != 0 ] || return 0
	tail -n 5 "$log" | sed 's/^/    /'
	# Then the log may have no word of it.
	free=$(free_mib "${log%/*}")
	[ "$free" -ge 100 ] || echo "    $free MiB are left below $(short_path "${log%/*}")"
	return 1
}

# ktap_step TEXT LOG KTAP PROGRAM ARGUMENT...: a step whose standard output, KTAP, goes
# to a file.  Shows what failed, and what was skipped.
ktap_step() {
	local text=$1 log=$2 ktap=$3 status=0
	shift 3
	# shellcheck disable=SC2016 # for the shell inside
	step "$text" "$log" sh -c 'exec "$@" >"$0"' "$ktap" "$@" || status=$?
	grep -E '^not ok |^ok .* # SKIP' "$ktap" |
		sed -e 's/^/    /' -e '11s/.*/    and more/' -e '11q' || true
	return "$status"
}

# The version that a kernel's Makefile gives, as 6.1.192
makefile_version() {
	sed -n '
		s/^VERSION = //p
		s/^PATCHLEVEL = //p
		s/^SUBLEVEL = //p' | paste -s -d .
}

# The patches in their order, one path a line
patch_files() {
	sed -e '/^#/d' -e '/^$/d' -e "s|^|$top/patches/|" "$top/series"
}

# Passed, failed and skipped results of a KTAP file; what is missing has failed
count_results() {
	awk '
		/^1\.\./ { plan = substr($0, 4) + 0 }
		/^ok .* # SKIP/ { skip++; next }
		/^ok / { pass++ }
		/^not ok / { fail++ }
		END {
			missing = plan - pass - fail - skip
			if (!plan || missing < 0)
				missing = 1
			print pass + 0, fail + missing, skip + 0
		}' "$1"
}

# What a sound kernel never prints
splats='BUG:|(^|\] )WARNING:|Kernel panic|Oops|general protection fault|Bad page|KASAN|UBSAN|INFO: .*(blocked for|lock|self-detected|stalls)|refcount_t:|possible .*deadlock|Call [Tt]race:'

# The first splat in the log of a console; fails if there is none
first_splat() {
	grep -a -m 1 -E "$splats" "$1" | tr -d '\r'
}

# guest_configs "" or -debug: the fragments of a guest's configuration, one a line
guest_configs() {
	local fragment
	for fragment in guest guest-x86_64 direct-io file-systems passthrough rds memory faults \
		pins kselftest ${1:+debug}; do
		echo "$top/configs/$fragment.config"
	done
}

# arm64_configs arm64 or arm64-64k: the same for what runs on arm64, the script "pins"
arm64_configs() {
	local fragment pages=4k
	[ "$1" = arm64 ] || pages=64k
	for fragment in guest guest-arm64 "pages-$pages" direct-io memory pins; do
		echo "$top/configs/$fragment.config"
	done
}

# How scripts/boot is to boot it.  XFS and btrfs want disks of hundreds of MiB; only
# what is written takes memory.  Work queues complain about nodes that are not real.
# The TSC of QEMU's CPUs is the host's and can be relied on; other clocks are slow.  A
# lock-up is one that lasts minutes: with KASAN, on a busy host, a second becomes half a
# minute.
# shellcheck disable=SC2034 # for those who source this
guest_options=(-m 2048
	-k "brd.rd_nr=16 brd.rd_size=524288 numa=fake=2 workqueue.disable_numa=1 tsc=reliable
		watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=180")
# With pages of 64 KiB, a hugetlb page is one of 512 MiB unless it is told otherwise.
# shellcheck disable=SC2034
arm64_options=(-m 2048
	-k "brd.rd_nr=1 brd.rd_size=524288 default_hugepagesz=2M")

# copy_guest_scripts ROOT: what an initramfs has besides programs
copy_guest_scripts() {
	mkdir -p "$1"/{bin,dev,mnt,proc,sys,tmp}
	cp "$top/selftests/guest/"* "$1/bin"
	mv "$1/bin/init" "$1/init"
}

# pack_initramfs ROOT OUTPUT: of the same files, the same bytes
pack_initramfs() {
	find "$1" -exec touch -h -d @0 {} +
	(cd "$1" && find . -print0 | sort -z | cpio --quiet --reproducible -0 -o -H newc -R 0:0) |
		gzip -n -1 >"$2.new"
	mv "$2.new" "$2"
}

# scratch_tree DIRECTORY COMMIT: a tree of work/linux as it is now, and not of one that
# has been there before, at that commit, without anything that someone has edited in it
scratch_tree() {
	if ! in_tree worktree list --porcelain | is_line "worktree $1" ||
		! git -C "$1" rev-parse -q --verify "$2" >/dev/null 2>&1; then
		rm -rf "$1"
		in_tree worktree prune
		in_tree worktree add -q --detach "$1" "$2"
	fi
	# A git that was told to end may have left its lock.
	rm -f "$(git -C "$1" rev-parse --absolute-git-dir)/index.lock"
	git -C "$1" checkout -q -f --detach "$2"
}

in_tree() {
	git -C "$tree" "$@"
}

patches_id() {
	patch_files | xargs -d '\n' cat | sha256sum | cut -d ' ' -f 1
}

# Note that branch series and patches/ say the same from now on.
record_export() {
	in_tree config series.tip "$(in_tree rev-parse series)"
	in_tree config series.patches "$(patches_id)"
}
