# shellcheck shell=bash
# What the tests here share: KTAP on standard output, details on standard
# error.  Sourced, never run.

. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

ktap_number=0 ktap_failures=0

# no_arguments "$@": for tests that take none
no_arguments() {
	case ${1-} in
	-h | --help)	show_help; exit ;;
	esac
	[ $# = 0 ] || usage_error "no arguments expected"
}

# plan TESTS [KERNEL]
plan() {
	echo "KTAP version 1"
	[ -z "${2-}" ] || echo "# kernel: $2"
	echo "1..$1"
}

ok() {
	ktap_number=$((ktap_number + 1))
	echo "ok $ktap_number $*"
}

not_ok() {
	ktap_number=$((ktap_number + 1))
	ktap_failures=$((ktap_failures + 1))
	echo "not ok $ktap_number $*"
}

skip() {
	ok "$1 # SKIP $2"
}

# check NAME COMMAND...: a test that is passed if the command succeeds
check() {
	local name=$1
	shift
	echo "== $name" >&2
	if "$@" >&2; then
		ok "$name"
	else
		not_ok "$name"
	fi
}

# says STATUS MESSAGE NAME COMMAND...: a test that is passed if the command ends with
# this status and says something that matches
says() {
	local wanted=$1 message=$2 name=$3 status=0
	shift 3
	echo "== $name" >&2
	"$@" >"$scratch/said" 2>&1 || status=$?
	cat "$scratch/said" >&2
	if [ "$status" != "$wanted" ]; then
		not_ok "$name # exit status $status, not $wanted"
	elif ! grep -q -e "$message" "$scratch/said"; then
		not_ok "$name # no \"$message\" in what it says"
	else
		ok "$name # exit status $status"
	fi
}

finish() {
	[ "$ktap_failures" = 0 ]
}

scratch_directory() {
	scratch=$(mktemp -d)
	trap 'rm -rf "$scratch"' EXIT
}

# The files that the patches touch, without those that they add
touched_files() {
	# shellcheck disable=SC2016 # for awk
	patch_files | xargs -d '\n' awk '
		FNR == 1 { from = "" }
		/^--- / { from = $2 }
		/^\+\+\+ b\// && from == "/dev/null" { added[substr($2, 3)] = 1 }
		/^--- a\// { touched[substr($2, 3)] = 1 }
		END { for (file in touched) if (!(file in added)) print file }'
}

# $mine: this repository as it is now, with a work/ of its own
copy_repository() {
	mine=$scratch/repository
	mkdir "$mine"
	(cd "$top" && comm -z -23 <(git ls-files -z --cached --others --exclude-standard | sort -z) \
		<(git ls-files -z --deleted | sort -z) | xargs -0 cp --parents -t "$mine")
}

# kernel_like NAME VERSION: prints a directory that looks like a kernel of that version,
# with the real files that the patches touch
kernel_like() {
	local dir=$scratch/$1 version=$2 path
	mkdir -p "$dir"
	printf 'VERSION = %s\nPATCHLEVEL = %s\nSUBLEVEL = %s\n' \
		"${version%%.*}" "$(echo "$version" | cut -d . -f 2)" "${version##*.}" \
		>"$dir/Makefile"
	: >"$dir/Kbuild"
	touched_files | while read -r path; do
		mkdir -p "$dir/$(dirname "$path")"
		cp "$base_tree/$path" "$dir/$path"
	done
	echo "$dir"
}
