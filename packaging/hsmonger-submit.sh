#!/bin/sh
":" /* The shell's part of hsmonger-submit; to node all of this is a string and a comment.

# It runs node on this very file and hands on only what certmonger understands: an answer that came whole on descriptor 4, its exit code
# behind the last colon. What a PKCS#11 module prints goes to stderr. A module that crashed or called exit(), a deadline's SIGKILL, an
# interpreter that is gone: each would leave the request in NEED_GUIDANCE for ever, so they become exit 5, ask again (iterate.c:1027-1136).
#
# Before node calls into a module it says on descriptor 3 who it is and how many seconds it may take: a call that blocks the whole process
# cannot be ended from inside. The descriptor closes with node, so the number never means another process.
answer=$({
  HSMONGER_FRONT=1 '@NODE@' "$0" "$@" 3>&1 >&2 |
    if read -r pid seconds; then timeout "$seconds" cat >/dev/null; [ $? -ne 124 ] || kill -KILL "$pid"; fi
} 4>&1)
status=${answer##*:}
case $status in
0 | 2 | 4 | 5 | 6) printf '%s' "${answer%:*}" ;;
*)
  echo "hsmonger-submit: ended without an answer, asking certmonger to come back" >&2
  printf '30\nhsmonger\n'
  status=5
  ;;
esac
exit "$status"
*/
