#!/usr/bin/env bash
# Train on two "machines", which are two network namespaces of this one, joined by a pair of virtual cards, and compare
# the weights with those of one process. As root on Linux: `bash examples/two_namespaces.sh FOLDER`, a new folder.
#
# Each machine sees its own card and its own copy of the data, and runs the command that docs/cluster.md gives for several
# machines. PYTHON names another Python than `python3`.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
python=$("${PYTHON:-python3}" -c 'import sys; print(sys.executable)')
mkdir "$1"
cd "$1"
names=("elman-$$-0" "elman-$$-1")
cards=("el$$-0" "el$$-1")
trap 'for name in "${names[@]}"; do ip netns delete "$name" 2>/dev/null || true; done' EXIT # the cards go with them

for number in 0 1; do ip netns add "${names[number]}"; done
ip link add "${cards[0]}" netns "${names[0]}" type veth peer name "${cards[1]}" netns "${names[1]}"
for number in 0 1; do
    ip -n "${names[number]}" address add "10.77.0.$((number + 1))/24" dev "${cards[number]}"
    ip -n "${names[number]}" link set "${cards[number]}" up
    ip -n "${names[number]}" link set lo up
done

mkdir one first second
for folder in one first second; do (cd "$folder" && "$python" "$here/make_data.py"); done
options=(-m elman train classify reviews.csv -o reviews.model --hidden 16 --epochs 5 --batch 15 --folds 1 --precision 64)
export OMP_NUM_THREADS=1
(cd one && "$python" "${options[@]}" >/dev/null 2>&1)

start() { # NUMBER FOLDER: run torchrun as one of the machines
    cd "$2"
    GLOO_SOCKET_IFNAME=${cards[$1]} ip netns exec "${names[$1]}" "$python" -m torch.distributed.run \
        --nnodes 2 --nproc-per-node 1 --local-addr "10.77.0.$(($1 + 1))" --rdzv-conf "is_host=$((1 - $1))" \
        --rdzv-backend c10d --rdzv-endpoint 10.77.0.1:29500 --rdzv-id 1 "${options[@]}"
}
(start 1 second) >second.out 2>&1 &
(start 0 first) >first.out 2>&1 || { cat first.out second.out; exit 1; }
wait "$!" || { cat second.out; exit 1; }

for number in 0 1; do
    bytes=$(ip netns exec "${names[number]}" cat "/sys/class/net/${cards[number]}/statistics/tx_bytes")
    echo "machine $number, 10.77.0.$((number + 1)): its card sent $(((bytes + 500000) / 1000000)) MB"
done
echo "models: $(ls -- */reviews.model | xargs)"
"$python" - <<'END'
import elman

one, first = (elman.load(f"{folder}/reviews.model").weights() for folder in ("one", "first"))
apart = max(float((first[name] - value).norm() / value.norm()) for name, value in one.items())
print(f"weights of two machines and of one process: at most {apart:.0e} apart, relatively, of a tensor")
END
