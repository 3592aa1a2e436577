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
    echo "Airflow: http://localhost:$AIRFLOW__API__PORT (user admin, password admin)"
fi

airflow="$PWD/.venv/bin/airflow"
[ -x "$airflow" ] || airflow=airflow
PATH="$(dirname "$(command -v "$airflow")"):$PATH" exec "$airflow" standalone
