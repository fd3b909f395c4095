#!/bin/sh
# Holds the mount namespace in which a host's programs see the rig as if it were this machine: its hosts file, and in place of the three
# programs of the system manager and the log, what stands in for them.
set -eu
hosts=$1 programs=$2 due=$3
mount --make-rslave /
mount --bind "$hosts" /etc/hosts
for program in systemctl systemd-run logger; do
  mount --bind "$programs/$program" "$(command -v "$program")"
done
echo ready
exec >/dev/null 2>&1 </dev/null
# What a transient timer of the rig wants run on this machine (systemctl.sh); it ends with us.
while sleep 0.2; do
  for timer in "$due"/*; do
    [ -e "$timer" ] || continue
    command=$(cat "$timer")
    rm -f "$timer"
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin setpriv --pdeathsig KILL bash -c "$command" &
  done
done
