# The images that the stack runs: `penstock` (Airflow and the ingestion line), and `training`, which adds torch.
# Locked dependencies are a layer of their own, so that a change of code builds in seconds.
FROM apache/airflow:3.3.2-python3.11 AS base
USER root
RUN install --directory --owner airflow --group root --mode 0775 /opt/penstock /var/lib/penstock
USER airflow
WORKDIR /opt/penstock
ENV PYTHONPATH=/opt/penstock/include \
    PENSTOCK_CONFIG=/opt/penstock/include/config/penstock.toml \
    PENSTOCK_HOME=/var/lib/penstock \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/penstock/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/penstock/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False
RUN pip install --no-cache-dir uv==0.13.9
COPY --chown=airflow:root pyproject.toml requirements.txt README.md LICENSE ./

FROM base AS training
RUN UV_TORCH_BACKEND=cpu uv pip install --no-cache --compile-bytecode --constraint requirements.txt \
    -r pyproject.toml --extra airflow --extra production --extra train
COPY --chown=airflow:root . .
RUN uv pip install --no-cache --no-deps .

FROM base AS penstock
RUN uv pip install --no-cache --compile-bytecode --constraint requirements.txt \
    -r pyproject.toml --extra airflow --extra production
COPY --chown=airflow:root . .
RUN uv pip install --no-cache --no-deps .
