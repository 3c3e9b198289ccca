#!/usr/bin/env bash
# Starts and stops a Slurm cluster of one node on this machine, for tests. Needs Debian's slurm-wlm
# and munge, and no other rights than those of its user.
#
#   slurm_node.sh start FOLDER    then put FOLDER/bin first in PATH
#   slurm_node.sh stop FOLDER
#
# All files of the cluster lie in FOLDER. The node claims more processors, memory and GPUs than the
# machine may have, so that the resources of a real profile fit; what it grants is not enforced.
# Exit status 77: it cannot be started here; the last line says why.
set -euo pipefail

CPUS=${CPUS:-16} MEMORY_MB=${MEMORY_MB:-200000} GPUS=${GPUS:-2}
PATH=$PATH:/usr/sbin:/sbin

main() {
    test $# -eq 2 || fail 2 "usage: slurm_node.sh start|stop FOLDER"
    mkdir -p "$2"
    cd "$2"
    case $1 in
        start) start ;;
        stop) stop ;;
        *) fail 2 "usage: slurm_node.sh start|stop FOLDER" ;;
    esac
}

fail() {
    echo "$2"
    exit "$1"
}

start() {
    local command
    for command in munged slurmctld slurmd sbatch srun; do
        command -v $command >/dev/null ||
            fail 77 "$command is not installed: apt-get install slurm-wlm munge"
    done
    trap 'stop >/dev/null 2>&1' ERR
    rm -rf state spool
    mkdir state spool
    test -s munge.key || (umask 077 && head -c 1024 /dev/urandom >munge.key)
    write_configuration
    write_commands
    export SLURM_CONF=$PWD/slurm.conf
    # --force: the folder for temporary files may be writable by others.
    munged --force --key-file="$PWD/munge.key" --socket="$PWD/munge.socket" \
        --pid-file="$PWD/munged.pid" --log-file="$PWD/munged.log" --seed-file="$PWD/munge.seed" \
        >munged.out 2>&1
    slurmctld
    slurmd -N node
    for _ in $(seq 120); do
        test "$(sinfo --noheader --format=%T 2>/dev/null | sort -u)" != idle || exit 0
        sleep 0.5
    done
    tail -n 5 slurmctld.log slurmd.log
    stop
    fail 77 "the node did not become idle within a minute"
}

stop() {
    local daemon pid
    test ! -s slurm.conf || SLURM_CONF=$PWD/slurm.conf scancel --user="$(id -un)" --quiet || true
    for daemon in slurmd slurmctld munged; do
        test -s $daemon.pid || continue
        pid=$(cat $daemon.pid)
        kill "$pid" 2>/dev/null || continue
        for _ in $(seq 40); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.25
        done
    done
}

write_configuration() {
    local ports user
    # Free ports, so that several clusters can run beside each other.
    ports=$(python3 -c 'import socket
sockets = [socket.socket() for _ in range(2)]
[s.bind(("127.0.0.1", 0)) for s in sockets]
print(*(s.getsockname()[1] for s in sockets))')
    user=$(id -un)
    cat >slurm.conf <<EOF
ClusterName=test
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=${ports% *}
SlurmdPort=${ports#* }
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
AuthInfo=socket=$PWD/munge.socket
CredType=cred/munge
StateSaveLocation=$PWD/state
SlurmdSpoolDir=$PWD/spool
SlurmctldPidFile=$PWD/slurmctld.pid
SlurmdPidFile=$PWD/slurmd.pid
SlurmctldLogFile=$PWD/slurmctld.log
SlurmdLogFile=$PWD/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
GresTypes=gpu
ReturnToService=2
KillWait=5
MpiDefault=none
MailProg=/bin/true
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName=node NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 CPUs=$CPUS RealMemory=$MEMORY_MB Gres=gpu:$GPUS State=UNKNOWN
PartitionName=cpu Nodes=node Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes=node MaxTime=INFINITE State=UP
EOF
    # A GPU is known by its device file, here an empty one; jobs get its number.
    touch $(seq --format "gpu%g" 0 $((GPUS - 1)))
    echo "Name=gpu File=$PWD/gpu[0-$((GPUS - 1))]" >gres.conf
}

# The commands of Slurm, told where the configuration is. A variable in the environment would not do:
# Snakemake takes all of Slurm's variables away from its jobs.
write_commands() {
    local command
    mkdir -p bin
    for command in sacct sbatch scancel scontrol sinfo squeue srun; do
        printf '#!/bin/sh\nSLURM_CONF=%s exec %s "$@"\n' \
            "$PWD/slurm.conf" "$(command -v $command)" >bin/$command
        chmod +x bin/$command
    done
}

main "$@"
