#!/bin/sh
# Pid 1 of a rig: run by unshare(1) in new mount, pid, net and uts namespaces, with the chroot and its host name. Only loopback is there.
set -eu
root=$1 host=$2
mount --make-rprivate /
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
# 389-ds keeps a semaphore there that is named after the instance alone.
mount -t tmpfs tmpfs "$root/dev/shm"
ip link set lo up
hostname "$host"
echo ready
# Reaps what loses its parent.
exec chroot "$root" /bin/bash -c 'while :; do sleep 5 & wait $!; done' >/dev/null 2>&1 </dev/null
