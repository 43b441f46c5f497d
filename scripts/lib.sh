# shellcheck shell=bash
# What several scripts here need: where things are, how a step and an error
# look, what the base is.  Sourced, never run.

set -eu -o pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$top/work
tree=$work/linux		# branch series checked out
base_tree=$work/base		# branch base checked out
logs=$work/log
export top work tree base_tree logs

# shellcheck source=../base
. "$top/base"

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

# need_space DIRECTORY MIB WHAT-FOR
need_space() {
	local free
	free=$(($(stat -f -c '%a * %S' "$1") / 1048576))
	[ "$free" -ge "$2" ] ||
		die "no space left: $3 need $2 MiB below $1, $free MiB are free"
}

short_path() {
	echo "${1#"$PWD"/}"
}

# step TEXT LOG PROGRAM ARGUMENT...: one line for one step.  While the program
# runs, the line shows that it lives.
step() {
	local text=$1 log=$2 start=$SECONDS status=0 ticks=0 verdict=ok pid
	shift 2
	mkdir -p "$(dirname "$log")"
	printf '%-44s ' "$text"
	# A session of its own, so that Ctrl-C here can end all of it.
	setsid "$@" >"$log" 2>&1 </dev/null &
	pid=$!
	trap 'kill -TERM -- "-$pid" 2>/dev/null; echo interrupted; exit 130' INT TERM
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.2
		ticks=$((ticks + 1))
		if [ -t 1 ]; then
			printf '\r%-44s %13d s' "$text" $((SECONDS - start))
		elif [ $((ticks % 150)) = 0 ]; then
			printf .
		fi
	done
	wait "$pid" || status=$?
	trap - INT TERM
	[ "$status" = 0 ] || verdict=FAILED
	[ ! -t 1 ] || printf '\r%-44s ' "$text"
	printf '%-8s %4d s  %s\n' "$verdict" $((SECONDS - start)) "$(short_path "$log")"
	[ "$status" = 0 ] || tail -n 5 "$log" | sed 's/^/    /'
	return "$status"
}

# The version of the kernel source in a directory, as 6.1.192
kernel_version() {
	sed -n '
		s/^VERSION = //p
		s/^PATCHLEVEL = //p
		s/^SUBLEVEL = //p' "$1/Makefile" | paste -s -d .
}

# The patches in their order, one path a line
patch_files() {
	sed -e '/^#/d' -e '/^$/d' -e "s|^|$top/patches/|" "$top/series"
}

in_tree() {
	git -C "$tree" "$@"
}

patches_id() {
	{ cat "$top/series"; patch_files | xargs -d '\n' cat; } | sha256sum | cut -d ' ' -f 1
}

# Note that branch series and patches/ say the same from now on.
record_export() {
	in_tree config series.tip "$(in_tree rev-parse series)"
	in_tree config series.patches "$(patches_id)"
}
