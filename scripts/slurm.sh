#!/usr/bin/env bash
# A Slurm of one node on this machine, from Debian's packages, without systemd: for trying
# `fisc sweep submit --engine slurm` and for CI.
#   scripts/slurm.sh up        installs what is missing and starts it
#   eval "$(scripts/slurm.sh env)"   lets sbatch, squeue, … of this shell find it
#   scripts/slurm.sh status | test | down
# `test` plays a sweep by a job array, kills a task on the way, and compares the tables with those of
# the same sweep played here. Exit code 77: Slurm cannot be installed here.
#
# Everything lies in one folder, $FISC_SLURM, by default below the system's temporary files. The daemons
# listen on the loopback alone, because auth/none believes whoever asks. They run as whoever starts
# them, and run jobs of that user.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
state=${FISC_SLURM:-${TMPDIR:-/tmp}/fisc-slurm-$(id -u)}
ctld_port=${FISC_SLURM_PORT:-16817}
export SLURM_CONF=$state/slurm.conf
# Debian keeps the daemons where only root's PATH looks.
PATH=$PATH:/usr/sbin:/sbin

say() { echo "slurm.sh: $*" >&2; }

install_slurm() {
  local missing=() log sudo=""
  command -v slurmctld >/dev/null || missing+=(slurmctld)
  command -v slurmd >/dev/null || missing+=(slurmd)
  command -v sbatch >/dev/null || missing+=(slurm-client)
  [ ${#missing[@]} -eq 0 ] && return 0
  if ! command -v apt-get >/dev/null; then
    say "Slurm is not installed, and this system has no apt-get to install it with: skipped"
    exit 77
  fi
  if [ "$(id -u)" -ne 0 ]; then
    if ! sudo -n true 2>/dev/null; then
      say "Slurm is not installed, and installing it takes root (apt-get install slurm-wlm): skipped"
      exit 77
    fi
    sudo="sudo -n"
  fi
  say "installing ${missing[*]}"
  log=$(mktemp)
  # The system's own daemons must not start: they would want munge and a cluster's configuration.
  if ! { $sudo apt-get update -qq &&
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } \
    >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    rm -f "$log"
    say "Slurm cannot be installed here: skipped"
    exit 77
  fi
  rm -f "$log"
}

# Whether the daemon whose process id stands in the file runs.
alive() {
  local pid
  pid=$(cat "$state/$1.pid" 2>/dev/null) || return 1
  [ -n "$pid" ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$1" ]
}

# Whether the folder is one that `configure` made or may fill.
ours() {
  [ -d "$state" ] && [ ! -L "$state" ] && [ -O "$state" ] &&
    { grep -qs '^ClusterName=fisc$' "$SLURM_CONF" || [ -z "$(ls -A "$state")" ]; }
}

answers() { timeout 5 sinfo --noheader --format=%T 2>/dev/null | grep -q '^\(idle\|mixed\|allocated\)'; }

configure() {
  if [ -e "$state" ] && ! ours; then
    say "$state is another's, or holds something else; name another folder in FISC_SLURM"
    exit 1
  fi
  mkdir -p -m 700 "$state"
  mkdir -p "$state/spool" "$state/control" "$state/log"
  local me cpus memory
  me=$(id -un)
  cpus=$(nproc)
  # Three quarters of the memory, in MiB.
  memory=$(awk '/^MemTotal/ { print int($2 / 1024 * 3 / 4) }' /proc/meminfo)
  cat >"$SLURM_CONF" <<CONF
ClusterName=fisc
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=$me
SlurmdUser=$me
SlurmctldPort=$ctld_port
SlurmdPort=$((ctld_port + 1))
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthType=auth/none
CredType=cred/none
MpiDefault=none
PlugStackConfig=/dev/null
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1
ReturnToService=2
KillWait=5
MinJobAge=3600
StateSaveLocation=$state/control
SlurmdSpoolDir=$state/spool
SlurmctldPidFile=$state/slurmctld.pid
SlurmdPidFile=$state/slurmd.pid
SlurmctldLogFile=$state/log/slurmctld.log
SlurmdLogFile=$state/log/slurmd.log
NodeName=localhost NodeAddr=127.0.0.1 CPUs=$cpus RealMemory=$memory State=UNKNOWN
PartitionName=main Nodes=localhost Default=YES MaxTime=INFINITE State=UP
CONF
}

up() {
  install_slurm
  if alive slurmctld && alive slurmd && answers; then
    say "is up: $state"
    return 0
  fi
  stop
  configure
  # Nothing of the caller's is held open by the daemons.
  slurmctld </dev/null >"$state/log/slurmctld.out" 2>&1
  slurmd -N localhost </dev/null >"$state/log/slurmd.out" 2>&1
  local tries
  for tries in $(seq 100); do
    if answers; then
      say "is up: $state"
      return 0
    fi
    sleep 0.1
  done
  say "does not come up (${tries} tries); its logs end with"
  tail -n 5 "$state"/log/*.log >&2 || true
  stop
  return 1
}

# Ends both daemons, by the process ids that they wrote, and the jobs first.
stop() {
  local daemon pid tries
  if alive slurmctld && alive slurmd; then
    timeout 5 scancel --user="$(id -un)" --quiet 2>/dev/null || true
    for tries in $(seq 50); do
      [ -z "$(timeout 5 squeue --noheader 2>/dev/null)" ] && break
      sleep 0.1
    done
  fi
  for daemon in slurmd slurmctld; do
    alive "$daemon" || continue
    pid=$(cat "$state/$daemon.pid")
    kill "$pid"
    for tries in $(seq 100); do
      alive "$daemon" || break
      sleep 0.1
    done
    if alive "$daemon"; then
      say "$daemon ($pid) does not end after ${tries} tries"
      return 1
    fi
  done
}

down() {
  stop
  if ours; then
    rm -rf "${state:?}/spool" "$state/control" "$state/log" "$state"/slurm*.pid "$SLURM_CONF"
    rmdir "$state" 2>/dev/null || true
  fi
  say "is down"
}

status() {
  if alive slurmctld && alive slurmd && answers; then
    sinfo
    squeue
  else
    say "is down"
    return 3
  fi
}

case ${1:-} in
  up) up ;;
  down) down ;;
  status) status ;;
  env) echo "export SLURM_CONF=$(printf %q "$SLURM_CONF")" ;;
  test) source "$here/scripts/slurm_test.sh" ;;
  *)
    sed -n '2,13s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
