#!/bin/sh
# Holds the mount namespace in which a host's programs see the rig as if it were this machine: its hosts file, and in place of the three
# programs of the system manager and the log, what stands in for them.
set -eu
hosts=$1 programs=$2
mount --make-rslave /
mount --bind "$hosts" /etc/hosts
for program in systemctl systemd-run logger; do
  mount --bind "$programs/$program" "$(command -v "$program")"
done
echo ready
exec sleep infinity >/dev/null 2>&1 </dev/null
