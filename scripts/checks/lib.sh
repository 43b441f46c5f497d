# shellcheck shell=bash
# What the checks share besides what the tests do: the files that the series touches,
# their objects, and what tools say of them on branch series and not on base.  Sourced,
# never run.

. "$(dirname "${BASH_SOURCE[0]}")/../tests/lib.sh"

need_series() {
	in_tree rev-parse -q --verify refs/heads/series >/dev/null 2>&1 ||
		die "no kernel tree; run scripts/setup"
}

# The number of a commit of the series and its subject
patch_name() {
	printf '%04d %s' "$1" "$(in_tree show -s --format=%s "$2")"
}

# touched_source PATHSPEC...: files of the kernel that the series changes or adds, and
# not those of its tools, which run elsewhere
touched_source() {
	in_tree diff --no-renames --name-only --diff-filter=AM base series -- "$@" ':!tools'
}

# complaints LOG TREE: what compilers and checkers say there, without the positions,
# which any patch moves; what they say of a line of a header only once
complaints() {
	# What belongs to the line before it is left out: gcc's notes, sparse's second lines.
	sed -n -E -e "s|$2/||g" -e '/: note: |:[0-9]+:[0-9]+:  /d' \
		-e '/^[^ :]+:[0-9]+:|warning:|WARNING:/p' "$1" |
		sort -u |
		sed -E -e 's/^([^ :]+)(:[0-9]+)+(-[0-9]+)?:/\1:/' \
			-e 's/ line [0-9]+/ line N/' -e 's/\+0x[0-9a-f]+//' |
		sort
}

# new_complaints BASE-LOG SERIES-LOG: those in the log of the series that base lacks
new_complaints() {
	comm -13 <(complaints "$1" "$base_tree") <(complaints "$2" "$tree")
}

# no_new_complaints NAME BASE-LOG SERIES-LOG [NOTE]: a result
no_new_complaints() {
	local new
	new=$(new_complaints "$2" "$3")
	if [ -z "$new" ]; then
		ok "$1${4:+ # $4}"
	else
		echo "$new" >&2
		not_ok "$1 # $(echo "$new" | wc -l) new: $(echo "$new" | sed -n 's/#//g; 1p')"
	fi
}

# choose_rows TABLE [ARGUMENT...]: sets rows, those of the table whose names are the
# arguments, or all; and answers -h and -l, which lists the names
choose_rows() {
	local table name
	table=$(echo "$1" | sed -e 's/^\t*//' -e '/^$/d')
	shift
	case ${1-} in
	-h | --help)	show_help; exit ;;
	-l)		echo "$table" | cut -f 1; exit ;;
	-*)		usage_error "unknown argument $1" ;;
	esac
	mapfile -t rows <<<"$table"
	[ $# = 0 ] || rows=()
	for name; do
		rows+=("$(echo "$table" | grep -P "^\Q$name\E\t")") ||
			usage_error "no $name; ${0##*/} -l lists the names"
	done
}

# set_toolchain ARCHITECTURE COMPILER: sets toolchain, arguments of make.  Debian's cross
# compilers are called TRIPLET-gcc.
set_toolchain() {
	toolchain=(ARCH="$1" CC="$(with_ccache "$2")")
	case $2 in
	*-gcc)	toolchain+=(CROSS_COMPILE="${2%gcc}") ;;
	esac
}

# kbuild_lists TREE BUILD DIRECTORY: the objects and directories that kbuild makes there
# in this configuration, one a line
kbuild_lists() {
	make -rR -s -C "$2" -f "$top/scripts/checks/objects.mk" srctree="$1" obj="$3" \
		ARCH_LIB=lib/ listed | tr ' ' '\n'
}

# kbuild_enters TREE BUILD DIRECTORY: 1 if it does not in this configuration, 2 if that
# is not to be found out
kbuild_enters() {
	local parent entries
	[ "$3" != . ] || return 0
	parent=$(dirname "$3")
	kbuild_enters "$1" "$2" "$parent" || return
	entries=$(kbuild_lists "$1" "$2" "$parent") || return 2
	is_line "$3" <<<"$entries"
}

# touched_objects TREE BUILD: those of the touched files that are in the configuration.
# make would build the others as well, if it is told their names.  Fails if there are
# none, or if kbuild does not tell.
touched_objects() {
	local directory status
	touched_source '*.c' | xargs -d '\n' dirname | sort -u | while read -r directory; do
		status=0
		kbuild_enters "$1" "$2" "$directory" || status=$?
		case $status in
		0)	kbuild_lists "$1" "$2" "$directory" || exit ;;
		1)	;;
		*)	exit "$status" ;;
		esac
	done | grep -xF -f <(touched_source '*.c' | sed 's/c$/o/')
}

# What a configuration gets besides, if it can: the tests of the series, and warnings that
# are not errors, for all of them to come
extra_symbols='DEBUG_FS=y GUP_TEST=y KUNIT=y GUP_KUNIT_TEST=y IOV_ITER_KUNIT_TEST=y WERROR=n'

# configure TREE BUILD TARGET "SYMBOL=VALUE ...": fails if the configuration that the
# target of make gives cannot have the symbols
configure() {
	local symbol options=() make=(make -C "$1" O="$2" "${toolchain[@]}")
	for symbol in $extra_symbols $4; do
		options+=(--set-val "${symbol%=*}" "${symbol#*=}")
	done
	mkdir -p "$2" &&
		run "${make[@]}" "$3" &&
		run "$1/scripts/config" --file "$2/.config" "${options[@]}" &&
		run "${make[@]}" olddefconfig || return 1
	for symbol in $4; do
		case $symbol in
		*=n)	! grep "^CONFIG_${symbol%=n}=" "$2/.config" ;;
		*)	grep -x "CONFIG_$symbol" "$2/.config" ;;
		esac || { echo "$symbol is not to be had"; return 1; }
	done
	run "${make[@]}" -j"$(nproc)" prepare
}

# make_objects TREE BUILD [ARGUMENT...]: build the touched objects, with these arguments of
# make, all of them, so that all warnings come
make_objects() {
	local tree=$1 build=$2
	shift 2
	(cd "$build" && rm -f "${objects[@]}") &&
		run make -C "$tree" O="$build" "${toolchain[@]}" -j"$(nproc)" -O -k "$@" "${objects[@]}"
}

# compare_objects NAME BUILD TARGET "SYMBOL=VALUE ..." [ARGUMENT...]: a result.  Build
# the touched objects of base and of series in one configuration, with these arguments of
# make; ok if all are built, and if the series gives no complaint that base does not give.
compare_objects() {
	local name=$1 build=$work/build/check-$2 target=$3 symbols=$4 log=$logs/check/$1
	local side source list objects
	shift 4
	echo "== $name" >&2
	mkdir -p "$logs/check"
	for side in base series; do
		source=$base_tree
		[ "$side" = base ] || source=$tree
		if ! configure "$source" "$build-$side" "$target" "$symbols" >&2; then
			not_ok "$name # $side: no such configuration"
			return
		fi
		if ! list=$(touched_objects "$source" "$build-$side"); then
			not_ok "$name # $side: no list of the objects to build"
			return
		fi
		mapfile -t objects <<<"$list"
		if ! make_objects "$source" "$build-$side" "$@" >"$log-$side.log" 2>&1; then
			cat "$log-$side.log" >&2
			not_ok "$name # $side: an object was not built"
			return
		fi
	done
	no_new_complaints "$name" "$log-base.log" "$log-series.log" "${#objects[@]} objects"
}
