#!/usr/bin/env bash
# Start Airflow on this machine alone, with this checkout's DAGs and plugin. Ctrl-C ends it.
# Everything it keeps is in .airflow (AIRFLOW_HOME) and in the configured home; any AIRFLOW__… variable that is set wins.
set -euo pipefail
cd "$(dirname "$0")/.."

export AIRFLOW_HOME="${AIRFLOW_HOME:-$PWD/.airflow}"
export PENSTOCK_CONFIG="${PENSTOCK_CONFIG:-$PWD/include/config/penstock.toml}"
export PYTHONPATH="$PWD/include${PYTHONPATH:+:$PYTHONPATH}"
export AIRFLOW__CORE__DAGS_FOLDER="${AIRFLOW__CORE__DAGS_FOLDER:-$PWD/dags}"
export AIRFLOW__CORE__PLUGINS_FOLDER="${AIRFLOW__CORE__PLUGINS_FOLDER:-$PWD/plugins}"
export AIRFLOW__CORE__LOAD_EXAMPLES="${AIRFLOW__CORE__LOAD_EXAMPLES:-False}"
export AIRFLOW__CORE__EXECUTOR="${AIRFLOW__CORE__EXECUTOR:-LocalExecutor}"
export AIRFLOW__CORE__PARALLELISM="${AIRFLOW__CORE__PARALLELISM:-4}"
# How long the next task may wait for the scheduler to look again. A run is nine tasks one after another.
export AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME="${AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME:-0.2}"
export AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL="${AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL:-30}"
export AIRFLOW__API__HOST="${AIRFLOW__API__HOST:-127.0.0.1}"
export AIRFLOW__API__PORT="${AIRFLOW__API__PORT:-8080}"
export AIRFLOW__API__BASE_URL="${AIRFLOW__API__BASE_URL:-http://localhost:$AIRFLOW__API__PORT}"
export AIRFLOW__CORE__EXECUTION_API_SERVER_URL="${AIRFLOW__CORE__EXECUTION_API_SERVER_URL:-http://127.0.0.1:$AIRFLOW__API__PORT/execution/}"
export AIRFLOW__API__WORKERS="${AIRFLOW__API__WORKERS:-1}"

mkdir -p "$AIRFLOW_HOME"
if [ -z "${AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE:-}" ]; then
    # One local user, for one's own machine: admin, password admin. Configure an auth manager for anything else.
    export AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS="${AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS:-admin:admin}"
    export AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE="$AIRFLOW_HOME/passwords.json"
    [ -e "$AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE" ] ||
        echo '{"admin": "admin"}' >"$AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"
    user="user admin, password admin"
fi

airflow="$PWD/.venv/bin/airflow"
[ -x "$airflow" ] || airflow=airflow
export PATH="$(dirname "$(command -v "$airflow")"):$PATH"

# Its four components write hundreds of lines a minute, so they get a file; and they do not all end by themselves, so
# they get a process group, which is ended as one.
log="$AIRFLOW_HOME/standalone.log"
set -m
"$airflow" standalone >"$log" 2>&1 &
group=$!
set +m

stop() {
    trap - INT TERM EXIT
    kill -TERM -- "-$group" 2>/dev/null || true
    for _ in $(seq 20); do
        kill -0 -- "-$group" 2>/dev/null || exit 0
        sleep 0.5
    done
    kill -KILL -- "-$group" 2>/dev/null || true
    exit 0
}
trap stop INT TERM EXIT

echo "Airflow starts; its log is $log"
until "$(dirname "$(command -v "$airflow")")/python" - "$AIRFLOW__API__PORT" <<'PYTHON'
import sys, urllib.request
try:
    urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/api/v2/version", timeout=2)
except OSError:
    sys.exit(1)
PYTHON
do
    kill -0 "$group" 2>/dev/null || { echo "Airflow ended; the last lines of $log:"; tail -n 20 "$log"; exit 3; }
    sleep 1
done
cat <<EOF

Airflow is at http://localhost:$AIRFLOW__API__PORT (${user:-as you configured}). Ctrl-C ends it.

  1. Dags: switch ingest_… on. Dags start switched off; switched on, it runs at once and then on its schedule.
  2. Penstock, in the navigation: what is live, what waits for a person, what is in quarantine.
  3. What a gate refuses is asked in approve_…, under Required Actions.
EOF
wait "$group"
