#!/bin/bash
# swab on Slurm: an array with a task of the plan each, and a job that merges when all have ended.
#
#     swab plan --root DIR --corpus CORPUS --bench NAME=PATH --tasks 64 --out plan.json
#     swab engine slurm > swab_slurm.sh
#     bash swab_slurm.sh plan.json DIR results audit [flags of sbatch for the tasks]
#
# The plan, the corpus below DIR, the benchmarks and results are on a file system that all nodes
# share. A task whose node is lost is requeued, and goes on where it stopped. The merge names what
# has no result and publishes nothing then: run this script again for that.
set -eu
if [ "${1:-}" = task ]; then
    exec "${SWAB:-swab}" work --plan "$2" --root "$3" --task "$SLURM_ARRAY_TASK_ID" --out "$4" \
        --jobs "${SLURM_CPUS_PER_TASK:-1}"
fi
plan=$1 root=$2 results=$3 out=$4
shift 4
mkdir -p "$results"
tasks=$(tail -n +2 "$plan" | python3 -c 'import json, sys; print(len(json.load(sys.stdin)["tasks"]))')
script=$(readlink -f "$0")
array=$(sbatch --parsable --job-name swab --array "1-$tasks" --requeue --open-mode append \
    --output "$results/task-%a.log" "$@" "$script" task "$plan" "$root" "$results")
sbatch --job-name swab-merge --dependency "afterany:$array" --output "$results/merge.log" \
    --wrap "${SWAB:-swab} merge --plan '$plan' '$results' --out '$out'"
