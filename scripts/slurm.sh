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
  (umask 077 && mkdir -p "$state")
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

fail() {
  say "FAILED: $*"
  tail -n 5 "${out:-/nonexistent}"/cluster/logs/*.log >&2 2>/dev/null || true
  exit 1
}

# The runs of shard $1 of 4 in the order of the plan in $2, found without fisc.
runs_of() { grep -o '"run": "[0-9a-f]*"' "$2" | cut -d'"' -f4 | awk -v shard="$1" '(NR - 1) % 4 == shard - 1'; }

finished() {
  local run count=0
  for run in $(runs_of "$1" "$out/plan.json"); do
    [ -e "$out/runs/$run/manifest.json" ] && count=$((count + 1))
  done
  echo "$count"
}

# SHA-256 of every part, and of the merged tables.
hashes() {
  "$fisc" sweep "$sweep" --out "$1" --csv --quiet
  (cd "$1" && sha256sum years.parquet/*.parquet summary.parquet/*.parquet years.csv summary.csv)
}

# An array of four tasks of which the second is killed on the way; then what is missing; then the
# comparison with the same sweep played here.
try() {
  local was_up=yes work fisc sweep out job said tries victim=2
  fisc=${FISC:-$here/target/debug/fisc}
  [ -x "$fisc" ] || { say "$fisc is missing: cargo build"; exit 1; }
  alive slurmctld && alive slurmd || was_up=no
  up
  work=$(mktemp -d)
  # shellcheck disable=SC2064 # the folder of now
  trap "rm -rf '$work'; [ $was_up = yes ] || down" EXIT
  sweep=$work/sweep.toml
  # A name that shells, Slurm and HTML would take for something else.
  out="$work/o ut'\$HOME#%a"
  cat >"$sweep" <<SWEEP
name = "slurm-trial"
base = "$here/scenarios/rational.toml"
seeds = 4
[set]
population.size = 200
record.workers_every = 0
steps = ${FISC_SLURM_STEPS:-2000}
[grid]
planner.kind = ["us-2024", "saez-static", "saez-fixed-point"]
objective.welfare = ["inverse_wage", "rawlsian"]
SWEEP

  say "here: 24 runs"
  "$fisc" sweep "$sweep" --out "$work/here" --quiet
  say "Slurm: 4 shards, the second is killed on the way"
  said=$("$fisc" sweep submit "$sweep" --engine slurm --out "$out" --shards 4 --cpus 1 --mem 512M --time 10)
  job=$(echo "$said" | sed -n 's/^Job \([0-9]*\):.*/\1/p')
  [ -n "$job" ] || fail "no job in: $said"
  for tries in $(seq 1200); do
    [ "$(finished $victim)" -ge 1 ] && break
    sleep 0.05
  done
  scancel --signal=KILL --full "${job}_$victim"
  for tries in $(seq 1200); do
    [ -z "$(squeue --noheader --user="$(id -un)")" ] && break
    sleep 0.1
  done
  local killed
  killed=$(finished $victim)
  if [ "$killed" -lt 1 ] || [ "$killed" -gt 5 ]; then
    fail "the task had finished $killed of its 6 runs when it was killed, after $tries tries"
  fi
  for other in 1 3 4; do
    [ "$(finished $other)" -eq 6 ] || fail "shard $other is not complete"
  done
  grep -hq '^slurm-trial: .* of 24 runs have finished, .* missing' "$out"/cluster/logs/*_collect.log ||
    fail "the collecting job does not say what is missing"
  say "resubmitted: the second shard had $killed of its 6 runs"
  said=$("$fisc" sweep submit "$sweep" --out "$out" --resubmit --wait) || fail "$said"
  grep -q "shard $victim of 4" <<<"$said" || fail "other shards than the killed one: $said"
  grep -q '24 of 24 runs have finished' <<<"$said" || fail "$said"
  hashes "$work/here" >"$work/here.sha256"
  hashes "$out" >"$work/out.sha256"
  [ "$(wc -l <"$work/here.sha256")" -eq 50 ] || fail "not 24 parts of two tables and two merged ones"
  cmp "$work/here.sha256" "$work/out.sha256" || fail "the tables differ"
  say "the 48 parts and the merged tables of the array equal those played here ($SECONDS s in all)"
  grep 'years.csv\|summary.csv' "$work/out.sha256"
}

case ${1:-} in
  up) up ;;
  down) down ;;
  status) status ;;
  env) echo "export SLURM_CONF=$(printf %q "$SLURM_CONF")" ;;
  test) try ;;
  *)
    sed -n '2,13s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
