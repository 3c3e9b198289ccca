#!/usr/bin/env bash
# A whole study in one Slurm job, for studies of many small trainings. In the root of the repository:
#
#   sbatch profiles/slurm/allocation.sh --configfile mine.yaml --config study=NAME
#
# Snakemake runs inside the job as on one machine; arguments go to it. When the time is up, trainings
# save their states; the same command goes on from there.
#SBATCH --job-name=idsharp
#SBATCH --output=idsharp-%j.log
# --- What a site fills in ------------------------------------------------------------------------
#SBATCH --account=ACCOUNT
#SBATCH --partition=GPU_PARTITION
#SBATCH --nodes=1 --ntasks=1 --cpus-per-task=16 --mem=64G --time=1-00:00
#SBATCH --gpus=1
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:?this is for sbatch}"
PATH=$PWD/.venv/bin:$PATH
exec snakemake --cores "$SLURM_CPUS_PER_TASK" "$@"
