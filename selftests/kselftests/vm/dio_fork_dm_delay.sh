#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Run dio_fork on a device that holds reads until it is told to let them go:
# dm-delay over a loop device, over a file in DIRECTORY, $TMPDIR or /tmp.
#
# usage: dio_fork_dm_delay.sh [DIRECTORY]

ksft_skip=4
directory=${1:-${TMPDIR:-/tmp}}
name=dio_fork.$$
hour=3600000	# in ms
sectors=8192
file='' loop='' device='' test=''

skip() {
	echo "TAP version 13"
	echo "1..0 # SKIP $*"
	exit $ksft_skip
}

# A read that is held cannot be interrupted: a device that loses its table lets go of it.
remove() {
	[ -z "$test" ] || kill -KILL "$test" 2>/dev/null
	[ -z "$device" ] || dmsetup wipe_table --noflush --nolockfs "$name"
	wait
	[ -z "$device" ] || dmsetup remove --retry "$name"
	[ -z "$loop" ] || losetup -d "$loop"
	rm -f "$file"
}

[ "$(id -u)" = 0 ] || skip "only root can make a device"
for program in dmsetup losetup; do
	command -v "$program" >/dev/null || skip "no $program"
done
modprobe -q dm-delay 2>/dev/null
dmsetup targets | grep -q '^delay ' || skip "no dm-delay: needs CONFIG_DM_DELAY"

trap remove EXIT
trap 'exit 1' HUP INT TERM
file=$(mktemp "$directory/dio_fork.XXXXXX") || skip "cannot write to $directory"
truncate -s $((sectors * 512)) "$file"
loop=$(losetup -f --show "$file") || skip "no loop device: needs CONFIG_BLK_DEV_LOOP"

# The test starts to use the table, and tells udev that this is not to be looked into.
export DM_DISABLE_UDEV=1
dmsetup create --notable --addnodeoncreate "$name" || skip "no device-mapper device can be made"
device=yes
echo "0 $sectors delay $loop 0 $hour $loop 0 0" | dmsetup load "$name" ||
	skip "no dm-delay device can be made"

"$(dirname "$0")/dio_fork" -d "$name" "$directory" &
test=$!
wait "$test"
