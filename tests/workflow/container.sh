#!/usr/bin/env bash
# Builds the image of envs/Dockerfile and runs commands in it, for tests; without Docker, and without a
# registry of images: its base is made of Debian's packages. Needs root, Debian's buildah and
# debootstrap, their and Python's packages, and some 20 GB in FOLDER.
#
#   container.sh build FOLDER
#   container.sh run FOLDER DIRECTORY COMMAND...    in DIRECTORY, of which the container sees all
#   container.sh remove FOLDER
#
# What is there already is not built again. Exit status 77: it cannot be built here; the last line
# says why.
set -euo pipefail

PROJECT=$(cd "$(dirname "$0")/../.." && pwd)
BASE=localhost/idsharp-base
CERTIFICATES=/etc/ssl/certs/ca-certificates.crt

main() {
    local action=$1 folder=$2
    shift 2
    mkdir -p "$folder"
    cd "$folder"
    export TMPDIR=$PWD
    "$action" "$@"
}

fail() {
    echo "$2"
    exit "$1"
}

builder() {
    buildah --root "$PWD/storage" --runroot "$PWD/run" --storage-driver overlay "$@"
}

build() {
    local command
    test "$(id -u)" = 0 || fail 77 "only root can make a base image of Debian's packages"
    for command in buildah debootstrap; do
        command -v $command >/dev/null ||
            fail 77 "$command is not installed: apt-get install buildah debootstrap"
    done
    builder inspect --type image $BASE >/dev/null 2>&1 || make_base
    builder inspect --type image localhost/idsharp >/dev/null 2>&1 ||
        builder bud --isolation chroot --build-arg BASE=$BASE --file "$PROJECT/envs/Dockerfile" \
            --tag idsharp "$PROJECT"
    test -s container || builder from idsharp >container
}

# What the Dockerfile expects of python:3.11-slim-bookworm: Debian 12 with Python 3.11 in /usr/local.
make_base() {
    local mirror container
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
        'Codename: bookworm' 2>/dev/null | head -n 1)
    debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv bookworm rootfs \
        ${mirror:+"$mirror"} >debootstrap.log ||
        fail 77 "Debian's packages cannot be had: $(tail -n 1 debootstrap.log)"
    # Packages come through what this machine trusts.
    cp $CERTIFICATES rootfs$CERTIFICATES
    printf '[global]\ncert = %s\n' $CERTIFICATES >rootfs/etc/pip.conf
    container=$(builder from scratch)
    builder add --quiet "$container" rootfs /
    builder run --isolation chroot "$container" -- python3 -m venv /usr/local >venv.log 2>&1 ||
        fail 77 "no container can be run here: $(tail -n 1 venv.log)"
    builder config --env PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
    builder commit --quiet --rm "$container" $BASE
    rm -r rootfs
}

run() {
    local directory=$1
    shift
    builder run --isolation chroot --volume "$directory:$directory" --workingdir "$directory" \
        "$(cat container)" -- "$@"
}

remove() {
    builder rm --all >/dev/null
    builder rmi --all --force >/dev/null
}

main "$@"
