#!/bin/bash
# Stands in for systemd inside the rig's chroot, as systemctl and as systemd-run: runs the directory server and Tomcat as their unit
# files say, and transient timers as far as we use them. State lies in /run/rig; what is started ends with the pid namespace. A timer's
# program that is this machine's (an absolute path the chroot does not have) is run by host-view.sh, which looks into /run/rig/due.
state=/run/rig
mkdir -p "$state/due"
echo "$(date +%T) ${0##*/} $*" >>/var/log/rig-systemctl.log

alive() { [ -s "$1" ] && kill -0 "$(cat "$1")" 2>/dev/null; }
answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
pid_file() {
  case $1 in
    dirsrv@*) echo "/run/dirsrv/slapd-${1#*@}.pid" ;;
    *) echo "$state/$1.pid" ;;
  esac
}

start_directory() {
  local name=$1
  install -d -o dirsrv -g dirsrv /run/dirsrv /run/lock/dirsrv "/run/lock/dirsrv/slapd-$name"
  (
    set -a
    [ ! -r /etc/default/dirsrv ] || . /etc/default/dirsrv
    exec setsid ns-slapd -D "/etc/dirsrv/slapd-$name" -i "/run/dirsrv/slapd-$name.pid"
  ) >>"/var/log/rig-dirsrv-$name.log" 2>&1 </dev/null
  for _ in $(seq 600); do
    answers 3389 && return 0
    sleep 0.1
  done
  return 1
}

start_tomcat() {
  local name=$1
  (
    set -a
    CATALINA_HOME=/usr/share/tomcat9 NAME=$name
    for file in /usr/share/pki/etc/tomcat.conf "/etc/default/$name" /usr/share/pki/etc/pki.conf /etc/pki/pki.conf; do . "$file"; done
    set +a
    cd /
    as_pkiuser=(setpriv --reuid pkiuser --regid pkiuser --init-groups)
    # They bring an older release's instance up to date, and cost seconds: not for one that is made.
    if [ ! -e "/var/lib/pki/$name.made" ]; then
      "${as_pkiuser[@]}" /usr/sbin/pki-server upgrade "$name" || exit 1
      "${as_pkiuser[@]}" /usr/sbin/pki-server migrate "$name" --tomcat 9.0.00 || exit 1
    fi
    "${as_pkiuser[@]}" /usr/bin/pkidaemon start "$name" || exit 1
    setsid "${as_pkiuser[@]}" /bin/sh /usr/share/pki/tomcat-start.sh &
    echo $! >"$state/pki-tomcatd@$name.pid"
  ) >>/var/log/rig-tomcat.log 2>&1 </dev/null
}

start() {
  alive "$(pid_file "$1")" && return 0
  case $1 in
    dirsrv@*) start_directory "${1#*@}" ;;
    pki-tomcatd@*) start_tomcat "${1#*@}" ;;
    *) echo "Failed to start $1.service: Unit $1.service not found." >&2; return 5 ;;
  esac
}

# SIGTERM, and SIGKILL after the 90 s systemd gives.
stop() {
  local file pid
  file=$(pid_file "$1")
  alive "$file" || { rm -f "$file"; return 0; }
  pid=$(cat "$file")
  kill "$pid"
  for _ in $(seq 900); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -9 "$pid" 2>/dev/null
  rm -f "$file"
}

# Every timer whose name matches, one a line.
timers() {
  local file name
  for file in "$state"/*.timer; do
    name=${file##*/}
    # shellcheck disable=SC2053 # the pattern is one
    [ -e "$file" ] && [[ $name == $1 ]] && echo "$name"
  done
}

if [ "${0##*/}" = systemd-run ]; then
  unit='' delay=''
  while [ $# -gt 0 ]; do
    case $1 in
      --unit=*) unit=${1#*=} ;;
      --on-active=*) delay=${1#*=} ;;
      -*) ;;
      *) break ;;
    esac
    shift
  done
  [ -n "$unit" ] && [ -n "$delay" ] && [ $# -gt 0 ] || { echo 'systemd-run: only transient timers are known here.' >&2; exit 1; }
  # sleep(1) writes minutes as m, systemd as min.
  # shellcheck disable=SC2016 # it is another shell's
  setsid bash -c 'sleep "$1"; name=$2; shift 2; rm -f "'"$state"'/$name"
    type "$1" >/dev/null 2>&1 && exec "$@"
    printf "%q " "$@" >"'"$state"'/due/.$name"; mv "'"$state"'/due/.$name" "'"$state"'/due/$name"' timer "${delay/min/m}" "$unit.timer" "$@" </dev/null >/dev/null 2>&1 &
  echo $! >"$state/$unit.timer"
  echo "Running timer as unit: $unit.timer" >&2
  exit 0
fi

verb='' unit='' quiet=''
for word in "$@"; do
  case $word in
    -q | --quiet) quiet=1 ;;
    -*) ;;
    *) if [ -z "$verb" ]; then verb=$word; else unit=${word%.service}; fi ;;
  esac
done

case $verb in
  start) start "$unit" ;;
  stop)
    case $unit in
      *.timer)
        timers "$unit" | while read -r name; do
          kill -- "-$(cat "$state/$name")" 2>/dev/null
          rm -f "$state/$name"
        done
        ;;
      *) stop "$unit" ;;
    esac
    ;;
  restart) stop "$unit"; start "$unit" ;;
  is-active)
    # What ended without being stopped has failed.
    if alive "$(pid_file "$unit")"; then word=active code=0; elif [ -e "$(pid_file "$unit")" ]; then word=failed code=3; else word=inactive code=3; fi
    [ -n "$quiet" ] || echo "$word"
    exit "$code"
    ;;
  # Ours alone: the time of these timers has come.
  elapse) timers "$unit" | while read -r name; do pkill -P "$(cat "$state/$name")" -x sleep; done ;;
  list-units) timers "$unit" | sed 's/$/ loaded active waiting transient timer/' ;;
  *) exit 0 ;;
esac
