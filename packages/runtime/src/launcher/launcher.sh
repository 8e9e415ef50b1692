#!/bin/sh
# The launcher: starts, signals and probes the commands of steps, where they run. Told in driver.ts by LauncherCommand.
#
#   launcher.sh launch    <tools> <run> <step> <capture> <size>   standard input: the step's script, <size> bytes of it
#   launcher.sh supervise <tools> <run> <step> <capture> [<number> <environment>]
#                                                                 descriptor 3: the step's script, a regular file
#   launcher.sh serve                                             standard input: requests to supervise, one a line
#   launcher.sh signal    <tools> <run> <step> TERM|KILL|INT
#   launcher.sh probe     <tools> <run> <step>
#
# <tools> is the path of a busybox, then nothing else of the image is needed, or - for the programs of the system.
# <run>/<step>/ holds the step's files (see step-files.ts). It may exist before; it means nothing by itself.
#
#   1. launch receives the whole script first; a torn one (fewer than <size> bytes) starts nothing.
#   2. It starts supervise in a session of its own: what happens to launch or to its caller from here on does not matter.
#   3. supervise claims the step: it appends the line "<its pid> <its start time>" to `pid`. The first line has the claim,
#      and a supervisor that finds another's line first ends. Appending one short line is one write, which is atomic, so
#      the claim is complete or not there. It says "claimed" or "lost" on standard output, which it then closes.
#   4. The claimant runs the command in a further session, waits for it, and writes "exit <code>" and a newline to `exit`,
#      in one write. Half of that cannot be taken for another code.
# With a <number>, what supervise says begins with it; <environment> is a file of exports for the command. serve is for a
# driver on the same machine: a process as small as this shell forks much faster than a large one.
#
# In a container (where <tools> is a busybox) supervise also leaves an empty file `oom` when the kernel killed something of the
# container for want of memory while a command ran that then failed: the kernel counts such kills for each container.
#
# A supervisor that dies leaves its claim: nobody runs the step a second time, and probe tells "dead".
#
# launch, signal and probe answer with what is true afterwards, in one line: absent, running, exited <code>, dead. Anything
# else on standard output, or a status other than 0, means that it is not known.
#
# Written for dash, bash and busybox ash. All variables begin with danube_, so that none of the environment is overwritten.

danube_verb=$1 danube_tools=$2 danube_run=$3 danube_id=$4
danube_step=$danube_run/$danube_id

if [ "$danube_verb" = supervise ]; then
  # Here early and without a function, as it runs for each step. Everything said before the claim goes to the answer.
  exec 2>&1
  # Signals are for the command, whose shell resets these below. It runs in the foreground, because a shell lets what it
  # puts in the background ignore SIGINT for ever.
  trap '' HUP INT QUIT TERM PIPE
  danube_number=${6:+$6 } danube_environment=${7-}
  trap 'echo "${danube_number}failed"' EXIT
  exec 4>>"$danube_step/output" || exit 70
  if [ "$5" = 1 ]; then exec 5>>"$danube_step/stdout" || exit 70; else exec 5>&4; fi
  danube_script=/proc/self/fd/3
  [ -e "$danube_script" ] || danube_script=/dev/fd/3
  [ -r "$danube_script" ] || { echo "the step's script cannot be read"; exit 70; }
  danube_start=-
  if { read -r danube_stat </proc/self/stat; } 2>/dev/null; then
    set -- ${danube_stat##*) }
    danube_start=${20}
  fi
  if [ "$danube_tools" != - ]; then set -- "$danube_tools" setsid
  elif [ -x /usr/bin/setsid ]; then set -- /usr/bin/setsid
  elif [ -x /bin/setsid ]; then set -- /bin/setsid
  else set -- /usr/bin/perl -e 'use POSIX (); POSIX::setsid(); exec { $ARGV[0] } @ARGV; exit 127' --
  fi
  [ -x "$1" ] || { echo "$1 is missing"; exit 70; }
  [ -z "$danube_environment" ] || [ -r "$danube_environment" ] || { echo "no $danube_environment"; exit 70; }
  echo "$$ $danube_start" >>"$danube_step/pid" || { echo "the claim cannot be written"; exit 70; }
  read -r danube_claim <"$danube_step/pid"
  [ "$danube_claim" = "$$ $danube_start" ] || danube_claim=
  trap - EXIT
  [ -n "$danube_claim" ] || { echo "${danube_number}lost"; exit 0; }
  echo "${danube_number}claimed"
  exec >/dev/null 2>&1
  danube_kills=
  # Both versions of cgroups have a line "oom_kill <count>"; without one nothing is read, and nothing differs later.
  danube_counter=/sys/fs/cgroup/memory.events
  [ -r "$danube_counter" ] || danube_counter=/sys/fs/cgroup/memory/memory.oom_control
  [ "$danube_tools" != - ] && [ -r "$danube_counter" ] || danube_counter=/dev/null
  while read -r danube_word danube_count; do [ "$danube_word" != oom_kill ] || danube_kills=$danube_count; done <"$danube_counter"
  (
    trap - HUP INT QUIT TERM PIPE
    exec </dev/null >&5 2>&4 4>&- 5>&-
    [ -z "$danube_environment" ] || . "$danube_environment"
    . "$danube_script"
    # A whole script ends by exec. What comes back was cut short, and must not look like a command that succeeded.
    echo "danube: the step's script is not whole" >&2
    exit 126
  )
  danube_code=$?
  if [ "$danube_code" != 0 ]; then
    while read -r danube_word danube_count; do
      [ "$danube_word $danube_count" = "oom_kill $danube_kills" ] || [ "$danube_word" != oom_kill ] || : >"$danube_step/oom"
    done <"$danube_counter"
  fi
  echo "exit $danube_code" >"$danube_step/exit"
  exit 0
fi

# Requests: number, capture, mark, step, run, script and environment, with tabs in between. The script is the file's path.
if [ "$danube_verb" = serve ]; then
  danube_setsid=/usr/bin/setsid
  [ -x "$danube_setsid" ] || danube_setsid=/bin/setsid
  danube_fork=-f
  # Where setsid has no option to fork, it does so when it leads its group already, as it does after another setsid.
  "$danube_setsid" -f "$danube_setsid" true 2>/dev/null || danube_fork=$danube_setsid
  while IFS='	' read -r danube_number danube_capture danube_mark danube_id danube_run danube_script danube_environment; do
    DANUBE_SANDBOX=$danube_mark "$danube_setsid" "$danube_fork" /bin/sh "$0" supervise - "$danube_run" "$danube_id" \
      "$danube_capture" "$danube_number" "$danube_environment" </dev/null 3<"$danube_script" ||
      echo "$danube_number failed"
  done
  exit 0
fi

danube_say() {
  printf '%s\n' "$1"
  exit "${2:-0}"
}

danube_tool() {
  if [ "$danube_tools" = - ]; then "$@"; else "$danube_tools" "$@"; fi
}

# Sets danube_state, danube_parent and danube_since of process $1; danube_state is empty when there is none.
danube_look() {
  danube_state= danube_parent= danube_since= danube_stat=
  if [ ! -r /proc/self/stat ]; then
    ! kill -0 "$1" 2>/dev/null || danube_state=R danube_since=-
    return 0
  fi
  [ -r "/proc/$1/stat" ] || return 0
  # A process may have any name, with blanks, newlines and parentheses; what counts follows the last parenthesis.
  while IFS= read -r danube_line || [ -n "$danube_line" ]; do
    danube_stat="$danube_stat $danube_line" danube_line=
  done 2>/dev/null <"/proc/$1/stat"
  [ -n "$danube_stat" ] || return 0
  set -- ${danube_stat##*) }
  danube_state=$1 danube_parent=$2 danube_since=${20}
}

# Sets danube_probe to the answer, and danube_supervisor.
danube_probe() {
  danube_probe=absent danube_supervisor= danube_since_claim=
  [ -s "$danube_step/pid" ] || return 0
  danube_probe=dead
  # A claim without its newline was cut by a full disk; nobody can have it.
  read -r danube_supervisor danube_since_claim <"$danube_step/pid" || return 0
  danube_look "$danube_supervisor"
  danube_alive=0
  case $danube_state in '' | Z | X) ;; *) [ "$danube_since" != "$danube_since_claim" ] || danube_alive=1 ;; esac
  # The exit is looked for after the supervisor was, or its last moment could pass for a death.
  danube_word= danube_code=
  if [ -s "$danube_step/exit" ] && read -r danube_word danube_code <"$danube_step/exit"; then
    case $danube_word/$danube_code in exit/[0-9] | exit/[1-9][0-9] | exit/[12][0-9][0-9])
      danube_probe="exited $danube_code"
      return 0
      ;;
    esac
  fi
  [ "$danube_alive" = 0 ] || danube_probe=running
}

# Sets danube_child to the supervisor's only child: the leader of the command's session and process group.
danube_find_child() {
  danube_child=
  { read -r danube_child <"/proc/$danube_supervisor/task/$danube_supervisor/children"; } 2>/dev/null
  danube_child=${danube_child%% *}
  [ -z "$danube_child" ] || return 0
  if [ ! -r /proc/self/stat ]; then
    danube_child=$(pgrep -P "$danube_supervisor")
    return 0
  fi
  for danube_directory in /proc/[0-9]*; do
    danube_look "${danube_directory#/proc/}"
    if [ "$danube_parent" = "$danube_supervisor" ]; then
      danube_child=${danube_directory#/proc/}
      return 0
    fi
  done
}

case $danube_verb in
probe)
  danube_probe
  danube_say "$danube_probe"
  ;;

signal)
  danube_tries=0
  while :; do
    danube_probe
    [ "$danube_probe" = running ] || danube_say "$danube_probe"
    danube_find_child
    # Until the child has its session there is no such group: then once more. The words are those that all shells take.
    if [ -n "$danube_child" ] && kill "-$5" "-$danube_child" 2>/dev/null; then break; fi
    danube_tries=$((danube_tries + 1))
    [ "$danube_tries" -lt 250 ] || danube_say "the process group of the step cannot be signalled" 70
    danube_tool sleep 0.02
  done
  danube_probe
  danube_say "$danube_probe"
  ;;

launch)
  danube_capture=$5 danube_size=$6
  danube_tool mkdir -p "$danube_step" || danube_say "the step's directory cannot be made" 70
  danube_probe
  [ "$danube_probe" = absent ] || danube_say "$danube_probe"
  danube_file=$danube_run/.$danube_id.$$
  (
    umask 077
    danube_tool head -c "$danube_size" >"$danube_file"
  )
  exec 3<"$danube_file"
  danube_received=$(danube_tool wc -c <"$danube_file")
  danube_tool rm -f "$danube_file"
  [ "$((danube_received))" = "$danube_size" ] || danube_say "the script is not complete: $((danube_received)) of $danube_size bytes" 70
  # The first setsid makes a leader, which the second one must leave by forking: so it is in nobody's background, and the
  # answer ends when the supervisor closes it.
  if [ "$danube_tools" = - ]; then
    danube_answer=$(setsid setsid /bin/sh "$0" supervise - "$danube_run" "$danube_id" "$danube_capture" </dev/null)
  else
    danube_answer=$("$danube_tools" setsid "$danube_tools" setsid "$danube_tools" sh "$0" supervise "$danube_tools" \
      "$danube_run" "$danube_id" "$danube_capture" </dev/null)
  fi
  danube_probe
  [ "$danube_probe" != absent ] || danube_say "the step was not started: $danube_answer" 70
  danube_say "$danube_probe"
  ;;

*)
  danube_say "unknown verb: $danube_verb" 64
  ;;
esac
